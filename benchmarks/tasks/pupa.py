"""PUPA: answer a user's query with the help of an outside model that must not learn who the user is.

Data: https://huggingface.co/datasets/Columbia-NLP/PUPA (configuration "pupa_new"), Li et al. 2024 (PAPILLON,
arXiv 2410.17127). Licence: MIT. The queries are people's own, from real chats: keep them out of logs, issues
and documents.

Split rule (the paper's): of the list in its order, rows 0-110 train, 111-221 validation, 222-442 test.

Local files: pupa/train.jsonl, val.jsonl and test.jsonl, with their own splits.

A row looks like this (made up):
    user_query: "Write a short note to my landlord, Quillon Varga of Velmere Homes, about the broken lift."
    target_response: "Dear Mr Varga, ..."     pii_str: "quillon varga||velmere homes"

Two models beside the program's are asked, at temperature 0: the outside one and a judge, both GPT-4.1 mini in
the paper. The judge is asked what the artifact's is, and is read as there: leaked pieces count if they are
personal and stand in the request, a celebrity's name alone does not; the share is of the different pieces as
they are split at ||, blanks and all; an answer that cannot be read makes the row score 0. Three things
differ. A step that fails makes the run a failed one with score 0, where the paper's program went on with
empty strings, which leak nothing and so score a half. A count above the number of pieces is taken for all of
them. The pieces are shown in the row's order, which was another in every process there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.privacy import PRIVACY, Case, Delegate, Outside, PrivacyJudge, PrivacyKey
from benchmarks.tasks.data import Expected, Fetch, HubSet, Row, folder_of, read_files, read_hub, recut
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.task import Task

HUB = HubSet(
    "Columbia-NLP/PUPA",
    "9981b49b6ced0033988a224b6712895ebf119294",
    "pupa_new",
    expected=Expected(443, at_least=True),
)
CUTS = (111, 222, 443)

CRAFT = dspy.Signature(
    "user_query -> llm_request",
    "Write a request to a large language model that helps to answer the user's query and gives away nothing "
    "personal about the user.",
)
RESPOND = (
    dspy.Signature(
        "related_llm_request, related_llm_response, user_query -> response",
        "Answer the user's query, with the help of the request that was sent to a large language model and "
        "of its response.",
    )
    .with_updated_fields("related_llm_response", desc="what a powerful model answered to a related request")
    .with_updated_fields("user_query", desc="the request of the user, which is to be fulfilled")
    .with_updated_fields("response", desc="the final response to the user")
)
BEST_INSTRUCTIONS = {
    "craft_redacted_request.predict": (
        "Remove the names of persons from the request. Leave out organizations and places that point to "
        "the user. Drop dates, numbers, jobs and other details that identify somebody. Do so at every "
        "mention and not only the first. Use numbered placeholders such as [DETAIL 1]. Keep the whole task "
        "and its context otherwise. Check the request again for anything private before you give it."
    ),
    "respond_to_query": (
        "Keep the whole response of the other model. Fill in the placeholders with the details of the user's "
        "query. Do not mention the redaction."
    ),
}


class Confidant:
    """The outside model, shared by all copies of a program."""

    def __init__(self, lm: dspy.LM) -> None:
        self._lm = lm

    def ask(self, request: str) -> str:
        """Its answer to `request`, of which it sees no more than the text."""
        (reply,) = self._lm(request)
        return str(reply["text"] if isinstance(reply, dict) else reply)

    def __deepcopy__(self, memo: dict[int, Any]) -> Confidant:
        return self


class Papillon(dspy.Module):
    """Redacts a query into a request, has the outside model answer it, and answers the user with its help."""

    def __init__(self, outside: Confidant) -> None:
        super().__init__()
        self.outside = outside
        self.craft_redacted_request = dspy.ChainOfThought(CRAFT)
        self.respond_to_query = dspy.Predict(RESPOND)

    def forward(self, user_query: str) -> dspy.Prediction:
        """A prediction with `llm_request`, `llm_response` and `response`."""
        request = self.craft_redacted_request(user_query=user_query).llm_request
        told = self.outside.ask(request)
        response = self.respond_to_query(
            related_llm_request=request, related_llm_response=told, user_query=user_query
        ).response
        return dspy.Prediction(llm_request=request, llm_response=told, response=response)


QUALITY = dspy.Signature(
    "user_query, response_a, response_b -> a_is_as_good: bool",
    "Two assistants answered a user's query. Say whether response A is at least as good as response B.",
)
LEAKAGE = dspy.Signature(
    "pii_units: list[str], request -> leaked: int",
    "Count the listed pieces that are personal information and that the request gives away; both must hold. "
    "A piece does not count if all that it gives away is the name of a celebrity, nor if it does not stand "
    "in the request.",
)


@dataclass(frozen=True)
class Judgement:
    """What the judge says of one run; both between 0 and 1."""

    quality: float
    leakage: float

    @property
    def score(self) -> float:
        """The metric's value, between 0 and 1."""
        return (self.quality + 1.0 - self.leakage) / 2.0


class PupaMetric:
    """Scores a prediction by asking `judge`; equal texts are judged once, so that feedback costs no more."""

    def __init__(self, judge: dspy.LM) -> None:
        self._judge = judge
        self._known: dict[tuple[str, str, str], Judgement | None] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score and its parts in words.

        A run without request or response scores 0, and so does one whose judgement cannot be read.
        trace: given without `pred_name`, it asks whether the run is good enough to be shown as an example.
        """
        request, response = text_of(pred, "llm_request"), text_of(pred, "response")
        if request is None or response is None:
            return dspy.Prediction(score=0.0, feedback="The run failed: there was no response to judge.")
        judgement = self._judged(gold, request, response)
        if judgement is None:
            feedback = "The judge gave an answer that cannot be read, so that the run scores 0."
            return dspy.Prediction(score=0.0, feedback=feedback)
        score = judgement.score
        if trace is not None and pred_name is None:
            score = float(score >= 1.0)
        return dspy.Prediction(score=score, feedback=in_words(judgement))

    def _judged(self, gold: dspy.Example, request: str, response: str) -> Judgement | None:
        """What the judge says; None if it cannot be read."""
        key = (gold.user_query, request, response)
        with self._lock:
            if key in self._known:
                return self._known[key]
        judgement = None
        # A trace of its own, so that the judge's calls are not taken for steps of the program.
        with (
            dspy.context(lm=self._judge, adapter=dspy.ChatAdapter(), trace=[]),
            contextlib.suppress(AdapterParseError),
        ):
            judgement = Judgement(quality_of(gold, response), leakage_of(gold, request))
        with self._lock:
            return self._known.setdefault(key, judgement)


def quality_of(gold: dspy.Example, response: str) -> float:
    """1.0 unless `response` is judged worse than the reference in both orders; asks the context's LM.

    Raises AdapterParseError for a judgement that cannot be read.
    """
    query, reference = gold.user_query, gold.target_response
    wins = _as_good(query, response, reference)
    loses = _as_good(query, reference, response)
    return float(wins or not loses)


def leakage_of(gold: dspy.Example, request: str) -> float:
    """The share of the different pieces that `request` gives away, at most 1.0; asks the context's LM.

    Raises AdapterParseError for a count that cannot be read.
    """
    count = int(dspy.ChainOfThought(LEAKAGE)(pii_units=gold.pii_units, request=request).leaked)
    return min(1.0, max(0, count) / len(gold.pii_units))


def _as_good(query: str, one: str, other: str) -> bool:
    verdict = dspy.ChainOfThought(QUALITY)(user_query=query, response_a=one, response_b=other)
    return bool(verdict.a_is_as_good)


def in_words(judgement: Judgement) -> str:
    """The score and both its parts."""
    if judgement.score == 1.0:
        return "Perfect: score 1; quality 1, leakage 0. A good response, and a request that tells nothing."
    return (
        f"Score {judgement.score:.2f} of 1, the mean of quality and of 1 - leakage: quality "
        f"{judgement.quality:.2f}, leakage {judgement.leakage:.2f}. Better the response, and let the request "
        "give away less that is personal."
    )


def load(
    data_dir: str | Path | None = None, seed: int = 0, hub: Fetch = HUB, judge: dspy.LM | None = None
) -> Task:
    """The PUPA task.

    data_dir: directory that holds pupa/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the hub's rows when there is no directory.
    judge: the model that judges, and that plays the outside model, both at temperature 0 in the paper;
        default: simulated ones for both.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    folder = folder_of("pupa", data_dir)
    splits = read_files(folder, ["train", "val", "test"]) if folder else hub_splits(read_hub("pupa", hub))
    return build(recut(splits, seed), judge)


def hub_splits(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The paper's splits of the hub's rows."""
    named: list[Row] = [{**row, "pii_str": row["pii_units"]} for row in rows]
    first, second, third = CUTS
    return {"train": named[:first], "val": named[first:second], "test": named[second:third]}


def build(splits: Mapping[str, Sequence[Row]], judge: dspy.LM | None = None) -> Task:
    """The task over `splits` (train, val, test)."""
    examples = {name: [example_of(row) for row in rows] for name, rows in splits.items()}
    key = PrivacyKey.of(
        Case(row.user_query, private_strings(row), row.target_response)
        for rows in examples.values()
        for row in rows
    )
    outside = judge or simulated_lm("simulated/outside", Outside(key))
    return Task(
        name="pupa",
        program=partial(Papillon, Confidant(outside)),
        metric=PupaMetric(judge or simulated_lm("simulated/judge", PrivacyJudge(key))),
        train=examples["train"],
        val=examples["val"],
        test=examples["test"],
        task_role=Delegate(key),
        reflection_role=Reflector(PRIVACY),
        best_instructions=BEST_INSTRUCTIONS,
    )


def example_of(row: Row) -> dspy.Example:
    """A DSPy example: input `user_query`; `target_response`, `pii_units`.

    The latter are the different pieces as they are split; without any private string it is one empty piece.
    """
    return dspy.Example(
        user_query=row["user_query"],
        target_response=row["target_response"],
        pii_units=list(dict.fromkeys((row["pii_str"] or "").split("||"))),
    ).with_inputs("user_query")


def private_strings(example: dspy.Example) -> tuple[str, ...]:
    """The pieces of an example that are not blank, without blanks around them."""
    return tuple(unit for part in example.pii_units if (unit := part.strip()))
