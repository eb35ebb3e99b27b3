"""AIME: contest problems whose answer is a whole number from 0 to 999.

Data: https://huggingface.co/datasets/AI-MO/aimo-validation-aime (90 problems of 2022 to 2024, with solutions)
and https://huggingface.co/datasets/MathArena/aime_2025 (30 problems). The problems are the Mathematical
Association of America's; the second set is published under CC BY-NC-SA 4.0, the first names no licence.

Split rule (the paper's): the 90 problems shuffled by `random.Random(0)`, the first half train, the rest
validation; test is the 30 problems of 2025, five times over, because a model that samples does not answer
alike.

Local files: aime/train.jsonl, val.jsonl and test_2025.jsonl, with their own halves.

A row looks like this (made up):
    problem: "Find the number of ordered pairs of positive integers (a, b) with a + b = 12."   answer: "11"
    solution: "For each a from 1 to 11 there is exactly one b, so there are 11."
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from benchmarks.simulated import AnswerKey
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.maths import MATHS, Solver
from benchmarks.tasks.data import Expected, Fetch, HubSet, Row, folder_of, read_files, read_hub, recut
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.task import Task

HUB = HubSet("AI-MO/aimo-validation-aime", "13f9e12f613e720c2a2b2f345dd04b998a29494d", expected=Expected(90))
HUB_TEST = HubSet("MathArena/aime_2025", "c94da77eb22bbd6439e62a323bec18493a421302", expected=Expected(30))
REPEATS = 5

PROBLEM = dspy.Signature("problem -> answer", "Solve the problem and give the answer in the correct format.")
BEST_INSTRUCTIONS = {
    "predict": (
        "Restate what is asked before you answer. First sketch the approach, then carry it out. Consider "
        "every case, edge cases too. Verify the result by substituting it back. Give the bare integer as "
        "the answer."
    )
}


def metric(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """1.0 when the answer, read as a whole number, equals that of `gold` (answer, solution), else 0.0."""
    given = text_of(pred, "answer")
    number = whole_number(given)
    right = number == int(gold.answer)
    return dspy.Prediction(score=float(right), feedback=_feedback(gold, given, number, right))


def whole_number(text: str | None) -> int | None:
    """The whole number that `text` is to Python's `int`, as in the artifact; None if it is anything else."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _feedback(gold: dspy.Example, given: str | None, number: int | None, right: bool) -> str:
    if right:
        verdict = f"Correct: the answer is {int(gold.answer)}."
    elif given is None:
        verdict = f"Wrong: there was no answer. The correct answer is '{gold.answer}'."
    elif number is None:
        verdict = (
            f"Wrong: the answer field holds '{given[:200]}', which is not a whole number. It must be one "
            f"that can be read as an integer, and nothing else. The correct answer is '{gold.answer}'."
        )
    else:
        verdict = f"Wrong: the answer given is '{str(number)[:200]}'. The correct answer is '{gold.answer}'."
    if not gold.solution:
        return verdict
    return f"{verdict}\nA worked solution:\n{gold.solution}\nWhat in it would help with other problems?"


def load(
    data_dir: str | Path | None = None, seed: int = 0, hub: Fetch = HUB, hub_test: Fetch = HUB_TEST
) -> Task:
    """The AIME task.

    data_dir: directory that holds aime/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub, hub_test: what gives the hub's rows when there is no directory.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    folder = folder_of("aime", data_dir)
    if folder:
        splits = read_files(folder, ["train", "val", "test_2025"])
        splits["test"] = splits.pop("test_2025")
    else:
        rows = read_hub("aime", hub)
        random.Random(0).shuffle(rows)
        half = len(rows) // 2
        splits = {"train": rows[:half], "val": rows[half:], "test": read_hub("aime", hub_test)}
    return build(recut(splits, seed))


def build(splits: Mapping[str, Sequence[Row]]) -> Task:
    """The task over `splits` (train, val, test); the test rows are repeated here."""
    examples = {name: [example_of(row) for row in rows] for name, rows in splits.items()}
    key = AnswerKey.of((row.problem, row.answer, ()) for rows in examples.values() for row in rows)
    return Task(
        name="aime",
        program=partial(dspy.ChainOfThought, PROBLEM),
        metric=metric,
        train=examples["train"],
        val=examples["val"],
        test=examples["test"] * REPEATS,
        task_role=Solver(key),
        reflection_role=Reflector(MATHS),
        best_instructions=BEST_INSTRUCTIONS,
    )


def example_of(row: Row) -> dspy.Example:
    """A DSPy example: input `problem`; `answer` as text, `solution` (may be empty)."""
    return dspy.Example(
        problem=row["problem"], answer=str(row["answer"]), solution=row.get("solution") or ""
    ).with_inputs("problem")
