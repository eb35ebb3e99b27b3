"""Every rollout has a program and a row of its own."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import dspy
import numpy as np
import pytest

from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.copies import Copier
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.types import Outcome, Rollout, Row
from tests.support import scripted_lm

ROW = dspy.Example(question="q", turns=[], answer="a").with_inputs("question", "turns")
RIGHT = {"answer": "a"}


class Keeper(dspy.Module):
    """A program that keeps something from each call."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        self.answer = dspy.Predict("question -> answer")
        self.kept: list[Any] = []
        vars(self).update(parts)

    def forward(self, question: str, turns: list[str]) -> dspy.Prediction:
        turns.append(question)
        self.kept.append(question)
        return dspy.Prediction(answer=f"{len(self.kept)} {len(turns)}", turns=turns)


def runner_of(program: dspy.Module, metric: Any = lambda gold, pred: 0.0, row: Any = ROW) -> Any:
    runner = RolloutRunner(program, Metric(metric), {Row("train", 0): row})

    def run() -> Outcome:
        with dspy.context(lm=scripted_lm(RIGHT)):
            outcome = runner(Rollout(read_candidate(program), Row("train", 0)))
        assert isinstance(outcome, Outcome)
        return outcome

    return run


def shared_by(original: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    Copier(original, found.__setitem__)
    return found


def test_a_rollout_sees_nothing_that_another_kept_in_the_program_or_in_its_inputs() -> None:
    program = Keeper()
    run = runner_of(program)
    assert [run().output["answer"] for _ in range(3)] == ["1 1"] * 3
    assert (program.kept, ROW.turns) == ([], [])


def test_a_metric_that_writes_to_the_row_changes_neither_the_row_nor_later_rollouts() -> None:
    seen: list[Any] = []

    def metric(gold: Any, pred: Any) -> float:
        seen.append((dict(gold), list(gold.turns)))
        gold.turns.append("x")
        gold.extra = 1
        return 0.0

    run = runner_of(Keeper(), metric)
    run()
    run()
    assert seen[0] == seen[1]
    assert (ROW.turns, "extra" in ROW) == ([], False)


def test_models_are_shared_wherever_a_program_holds_them() -> None:
    class Helper:
        lm = None

    own, helper = scripted_lm(RIGHT), Helper()
    helper.lm = scripted_lm(RIGHT)
    program = Keeper(judge=own, helper=helper)
    program.answer.lm = own
    copied = Copier(program)()
    assert copied.judge is copied.answer.lm is own
    assert copied.helper is not helper
    assert copied.helper.lm is helper.lm


def test_what_cannot_be_copied_is_shared_and_named_and_the_rest_is_copied() -> None:
    class Store:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    program = Keeper(db=sqlite3.connect(":memory:"), stores=[Store()])
    copied = Copier(program)()
    assert copied.db is program.db
    assert copied.stores[0] is program.stores[0]
    assert copied.kept is not program.kept
    assert copied.answer is not program.answer
    assert shared_by(program).keys() == {".db", ".stores[0]"}


def test_a_tool_bound_to_the_program_is_bound_to_the_copy_although_a_part_cannot_be_copied() -> None:
    program = Keeper(lock=threading.Lock())
    program.tool = program.forward
    copied = Copier(program)()
    assert copied.tool.__self__ is copied


def test_large_data_is_shared_and_named() -> None:
    corpus, index = [{"text": str(i)} for i in range(20_000)], np.zeros(1_000_000)
    program = Keeper(corpus=corpus, index=index)
    copied = Copier(program)()
    assert copied.corpus is corpus
    assert copied.index is index
    assert set(shared_by(program)) == {".corpus", ".index"}


def test_sharing_is_warned_of_once_for_all_candidates_and_rows(caplog: pytest.LogCaptureFixture) -> None:
    row = ROW.copy(question=threading.Lock()).with_inputs("question", "turns")
    run = runner_of(Keeper(limiter=threading.Semaphore()), row=row)
    run()
    run()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "Keeper.limiter" in told[0]
    assert "train" in told[1]
    assert "question" in told[1]


def test_a_module_that_refuses_to_be_copied_is_run_and_the_original_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stubborn(Keeper):
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError("no")

    program = Stubborn()
    assert runner_of(program)().output["answer"] == "1 1"
    assert program.kept == []
    assert "Stubborn" in caplog.text
