"""IFBench: write a response that follows verifiable constraints, on new kinds of constraints in the test.

Data: two files of the paper's artifact, https://github.com/gepa-ai/gepa-artifact (licence: MIT). The test is
IFBench's as of 2025-07 (Pyatkin et al. 2025, https://arxiv.org/abs/2507.02833, ODC-BY 1.0), 294 rows; the
hub's allenai/IFBench_test has been revised since. Train and validation rows hold IFEval's 25 constraints.

Split rule (the paper's): of the train file the first 300 rows are validation; of the next 300 rows 150 are
drawn by `random.Random(1).sample` for train.

Local files: ifbench/IFBench_train.jsonl and IFBench_test.jsonl, the artifact's; else train_ifeval.jsonl, of
which 150 rows are drawn, val_ifeval.jsonl and test.jsonl with the same fields.

A row looks like this (made up):
    key: "7"   prompt: "Describe a lighthouse. Use no commas and end with the word sea."
    instruction_id_list: ["punctuation:no_comma", "startend:end_checker"]
    kwargs: [{}, {"end_phrase": "sea"}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from benchmarks.scorers.ifbench import check_loosely, describe, follows_loosely
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.writing import INSTRUCTIONS, ConstraintKey, Writer
from benchmarks.tasks.data import (
    Expected,
    Fetch,
    RepositoryFile,
    Row,
    Splits,
    folder_of,
    local_file,
    read_files,
    read_hub,
    recut,
    sample,
)
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.task import Task

_ARTIFACT = ("gepa-ai/gepa-artifact", "0a4d0e3fea13474f7b7b452b9fa26bc9884b8c7e")
_FOLDER = "gepa_artifact/benchmarks/IFBench/data"
TRAIN_FILE = RepositoryFile(
    *_ARTIFACT,
    f"{_FOLDER}/IFBench_train.jsonl",
    "e93fdcb8bb891db9d790c361b5049920cba5a470",
    expected=Expected(600, at_least=True),
)
TEST_FILE = RepositoryFile(
    *_ARTIFACT,
    f"{_FOLDER}/IFBench_test.jsonl",
    "1ba17107c6e8fc0cfaf4e11fa4d73486223b894a",
    expected=Expected(294),
)
TRAIN, VAL = 150, 300

GENERATE = dspy.Signature("query -> response", "Respond to the query.")
ENSURE = dspy.Signature(
    "query, response -> final_response",
    "See to it that the response is right and does what was asked. What you write is the final response.",
)
_CARE = (
    "Count words, sentences and occurrences. Use every required word and none that is forbidden. Mind "
    "capital letters. Do not use commas when told so. Follow the prescribed layout exactly. Begin and end "
    "with the exact phrase that is asked for. Answer in the language that is asked for. Go word by word when "
    "the query makes demands on every word. Give only the response, nothing around it."
)
BEST_INSTRUCTIONS = {
    "generate_response.predict": f"First list all constraints of the query, then write. {_CARE}",
    "ensure_correct_response.predict": (
        f"Check the response against each constraint of the query. Keep what is already right. {_CARE}"
    ),
}


class Instructed(dspy.Module):
    """The paper's two stages: write a response, then go over it."""

    def __init__(self) -> None:
        super().__init__()
        self.generate_response = dspy.ChainOfThought(GENERATE)
        self.ensure_correct_response = dspy.ChainOfThought(ENSURE)

    def forward(self, query: str) -> dspy.Prediction:
        """A prediction with `final_response`."""
        response = self.generate_response(query=query).response
        return self.ensure_correct_response(query=query, response=response)


def metric(
    gold: dspy.Example,
    pred: Any,
    trace: Any = None,
    pred_name: str | None = None,
    pred_trace: Any = None,
    *,
    rules: Rules = "paper",
) -> dspy.Prediction:
    """The share of the constraints of `gold` that the final response follows, by the loose rule.

    The feedback is on the output of the predictor called `pred_name`: the constraints that it follows and
    those it misses, in words. A failed run scores 0.0, and so does a response on which an official checker
    raises, whatever else it follows.

    rules: the rule set of the checkers.
    """
    final = text_of(pred, "final_response") or ""
    own = text_of(pred_trace[0][2], "response") if pred_trace and "generate" in (pred_name or "") else final
    try:
        followed = [check_loosely(id, final, kwargs, rules) for id, kwargs in gold.constraints]
        score = sum(followed) / len(followed)
    except StopsError:
        score = 0.0
    return dspy.Prediction(score=score, feedback=_feedback(gold, own or "", rules))


def _feedback(gold: dspy.Example, text: str, rules: Rules) -> str:
    told = [
        (describe(id, kwargs), follows_loosely(id, text, kwargs, rules)) for id, kwargs in gold.constraints
    ]
    followed, missed = ([f"- {words}" for words, good in told if good is wanted] for wanted in (True, False))
    if not missed:
        return "\n".join([f"Correct: all {len(told)} constraints are followed.", *followed])
    verdict = (
        "Wrong: there was no response." if not text.strip() else "Wrong: not all that was asked was done."
    )
    return "\n".join(
        [verdict, *_section("Followed constraints:", followed), *_section("Missed constraints:", missed)]
    )


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, *lines] if lines else []


def load(
    data_dir: str | Path | None = None,
    seed: int = 0,
    hub: Fetch = TRAIN_FILE,
    hub_test: Fetch = TEST_FILE,
    *,
    rules: Rules = "paper",
) -> Task:
    """The IFBench task.

    data_dir: directory that holds ifbench/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub, hub_test: what gives the public rows of the two files when there is no directory.
    rules: the rule set of the checkers.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    folder = folder_of("ifbench", data_dir)
    copies = [local_file(folder, file) for file in (TRAIN_FILE, TEST_FILE)] if folder else []
    if folder and all(copies):
        splits = hub_splits(*(rows or [] for rows in copies))
    elif folder:
        files = read_files(folder, ["train_ifeval", "val_ifeval", "test"])
        splits = {"train": files["train_ifeval"], "val": files["val_ifeval"], "test": files["test"]}
    else:
        splits = hub_splits(read_hub("ifbench", hub), read_hub("ifbench", hub_test))
    return build(recut({**splits, "train": sample(splits["train"], TRAIN)}, seed), rules)


def hub_splits(rows: Sequence[Row], test: Sequence[Row]) -> Splits:
    """The paper's splits of the train file's rows, train still to be drawn, beside the test rows."""
    return {"train": list(rows[VAL : 2 * VAL]), "val": list(rows[:VAL]), "test": list(test)}


def build(splits: Mapping[str, Sequence[Row]], rules: Rules = "paper") -> Task:
    """The task over `splits` (train, val, test)."""
    examples = {name: [example_of(row) for row in rows] for name, rows in splits.items()}
    key = ConstraintKey.of((row.query, row.constraints) for rows in examples.values() for row in rows)
    return Task(
        name="ifbench",
        program=Instructed,
        metric=partial(metric, rules=rules),
        train=examples["train"],
        val=examples["val"],
        test=examples["test"],
        task_role=Writer(key),
        reflection_role=Reflector(INSTRUCTIONS),
        best_instructions=BEST_INSTRUCTIONS,
    )


def example_of(row: Row) -> dspy.Example:
    """A DSPy example: input `query`; `constraints` as pairs of an id and its parameters without nulls."""
    kwargs = [{name: value for name, value in each.items() if value is not None} for each in row["kwargs"]]
    constraints = list(zip(row["instruction_id_list"], kwargs, strict=True))
    return dspy.Example(query=row["prompt"], constraints=constraints).with_inputs("query")
