"""Scores on unseen rows: those of `dspy.Evaluate`, without failures of a provider among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dspy
import pytest

from benchmarks.harness.evaluation import scores
from benchmarks.simulated.faults import Between, FaultPlan, Randomly
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import Task, load
from dspy_gepa import InfrastructureError, MetricError, RetryPolicy

HASTY = RetryPolicy(first_delay=0.001, longest_delay=0.01)


@pytest.fixture(scope="module")
def task() -> Task:
    return load("easy")


def sound(task: Task) -> list[float]:
    with dspy.context(lm=task.task_lm()):
        return scores(task, task.best_program(), task.test[:12], threads=2)


def served(server: SimulatedServer) -> dspy.LM:
    return dspy.LM("openai/task", api_base=server.url, api_key="none", num_retries=0, cache=False)


def test_they_are_those_of_dspy_evaluate_in_the_order_of_the_rows(task: Task) -> None:
    with dspy.context(lm=task.task_lm()):
        evaluate = dspy.Evaluate(
            devset=task.test[:12], metric=task.metric, num_threads=1, display_progress=False
        )
        theirs = [float(score) for _, _, score in evaluate(task.best_program()).results]
    assert sound(task) == theirs
    assert len(set(theirs)) > 1


def test_demonstrations_of_other_optimizers_are_kept(task: Task) -> None:
    program = task.program()
    for predictor in program.predictors():
        predictor.demos = [
            dspy.Example(record="north desk, sheet 1", **dict.fromkeys(outputs(predictor), "x"))
        ]
    lm = task.task_lm()
    with dspy.context(lm=lm):
        scores(task, program, task.test[:1], threads=1)
    assert all("north desk, sheet 1" in str(call["messages"]) for call in lm.history)


def outputs(predictor: Any) -> list[str]:
    return list(predictor.signature.output_fields)


def test_a_failure_that_passes_is_tried_again_and_changes_no_score(task: Task) -> None:
    plan = FaultPlan.of(Randomly(0.2, ("429", "500", "503", "reset")), retry_after=0.001)
    with SimulatedServer({"task": task.task_lm().engine}, plan) as server, dspy.context(lm=served(server)):
        found = scores(task, task.best_program(), task.test[:12], threads=2, retry=HASTY)
        assert server.failed > 0
    assert found == sound(task)


def test_a_failure_that_lasts_gives_no_scores_but_says_what_it_was(task: Task) -> None:
    plan = FaultPlan.of(Between("500", 5))
    with SimulatedServer({"task": task.task_lm().engine}, plan) as server:
        told = r"stopped after 2 of 12 rows, because a provider failed \d+ times, at last with: LMServerError"
        with dspy.context(lm=served(server)), pytest.raises(InfrastructureError, match=told) as caught:
            scores(task, task.best_program(), task.test[:12], threads=1, retry=HASTY)
    assert set(caught.value.causes) == {"LMServerError"}


def test_a_program_that_fails_counts_nothing_however_often(task: Task) -> None:
    class Failing(dspy.Module):
        def forward(self, record: str) -> dspy.Prediction:
            raise ValueError(record)

    assert scores(task, Failing(), task.test[:12], threads=2) == [0.0] * 12


def test_a_metric_that_raises_is_no_score_of_the_program(task: Task) -> None:
    def broken(*_: Any) -> dspy.Prediction:
        raise RuntimeError("no sympy")

    with (
        dspy.context(lm=task.task_lm()),
        pytest.raises(MetricError, match="easy raised RuntimeError: no sympy"),
    ):
        scores(replace(task, metric=broken), task.program(), task.test[:2], threads=1)
