"""PUPA: answer a user's query with the help of an outside model that must not learn who the user is.

Data: https://huggingface.co/datasets/Columbia-NLP/PUPA (configuration "pupa_new"), Li et al. 2024 (PAPILLON,
arXiv 2410.17127). Licence: MIT. The queries are people's own, from real chats: keep them out of logs, issues
and documents.

Split rule (the paper's): of the list in its order, rows 0-110 train, 111-221 validation, 222-442 test.

Local files: pupa/train.jsonl, val.jsonl and test.jsonl, with their own splits.

A row looks like this (made up):
    user_query: "Write a short note to my landlord, Quillon Varga of Velmere Homes, about the broken lift."
    target_response: "Dear Mr Varga, ..."     pii_str: "quillon varga||velmere homes"

Two models beside the program's are asked: the outside one and a judge, both GPT-4.1 mini in the paper. One
thing is mended: a step that fails makes the run a failed one with score 0, where the paper's program went on
with empty strings, which leak nothing and so score a half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.privacy import PRIVACY, Case, Delegate, Outside, PrivacyJudge, PrivacyKey
from benchmarks.tasks.data import Fetch, HubSet, Row, folder_of, read_files, read_hub, recut
from benchmarks.tasks.pupa_metric import PupaMetric
from benchmarks.tasks.task import Task

HUB = HubSet("Columbia-NLP/PUPA", "9981b49b6ced0033988a224b6712895ebf119294", "pupa_new")
CUTS = (111, 222, 443)

CRAFT = dspy.Signature(
    "user_query -> llm_request",
    "Write a request to a large language model that helps to answer the user's query and gives away nothing "
    "personal about the user.",
)
RESPOND = dspy.Signature(
    "related_llm_request, related_llm_response, user_query -> response",
    "Answer the user's query, with the help of the request that was sent to a large language model and of "
    "its response.",
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


def load(
    data_dir: str | Path | None = None, seed: int = 0, hub: Fetch = HUB, judge: dspy.LM | None = None
) -> Task:
    """The PUPA task.

    data_dir: directory that holds pupa/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the hub's rows when there is no directory.
    judge: the model that judges, and that plays the outside model; default: simulated ones for both.
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
        Case(row.user_query, tuple(row.pii_units), row.target_response)
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
    """A DSPy example: input `user_query`; `target_response`, `pii_units` (different private strings)."""
    units = dict.fromkeys(part.strip() for part in (row["pii_str"] or "").split("||"))
    return dspy.Example(
        user_query=row["user_query"],
        target_response=row["target_response"],
        pii_units=[part for part in units if part],
    ).with_inputs("user_query")
