"""Scores of a program on rows that no optimizer saw, in which no failure of a provider is ever a score.

`dspy.Evaluate` counts every error as the program's failure, and gives up after ten of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import dspy

from benchmarks.tasks import Task
from dspy_gepa import InfrastructureError, MetricError, RetryPolicy
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.runtime.dispatcher import Dispatcher, Submit
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.types import Candidate, Fault, Outcome, Rollout, Row

AS_IT_IS = Candidate.of({})  # no text of the program is replaced
PATIENT = RetryPolicy()


def scores(
    task: Task, program: dspy.Module, rows: Sequence[dspy.Example], threads: int, retry: RetryPolicy = PATIENT
) -> list[float]:
    """The task's metric of every row, in order; a row that the program fails on counts 0.

    Args:
        task: Whose metric it is.
        program: What is run, whoever made it; it is not changed.
        rows: What it is run on.
        threads: Rows at a time; fewer while the provider asks for fewer.
        retry: How often a row is tried on which a provider failed.

    Raises:
        InfrastructureError: A provider kept failing; there are no scores then.
        MetricError: The metric raised, which it must not, whatever it is shown.
    """
    examples = {Row("val", position): row for position, row in enumerate(rows)}
    runner = RolloutRunner(program, Metric(task.metric), examples)
    faults: list[Fault] = []
    dispatcher = Dispatcher(
        cast("Submit", partial(ThreadExecutor().submit, runner)),  # no reflection is ever asked for
        workers=threads,
        policy=retry,
        on_failure=lambda effect, fault: faults.append(fault),
    )
    found: dict[str, float] = {}
    try:
        for row in examples:
            dispatcher.request(Rollout(AS_IT_IS, row), str(row))
        while len(found) < len(examples):
            done = dispatcher.next()
            if done is not None and isinstance(done.result, Outcome):
                found[done.key] = _score(task, done.result)
    except InfrastructureError as error:
        raise InfrastructureError(
            f"The test on {task.name} stopped after {len(found)} of {len(examples)} rows, because a provider "
            f"failed {len(faults)} times, at last with: {faults[-1].error.rstrip('.')}. Such failures are no "
            "scores, so that there is no result.",
            error.causes,
        ) from error
    return [found[str(row)] for row in examples]


def _score(task: Task, outcome: Outcome) -> float:
    if outcome.metric_failed:
        raise MetricError(
            f"The metric of {task.name} raised {outcome.error}. A metric gives a low score for what it "
            "cannot read, so that this is an error in it or in what it needs; there is no result."
        )
    return outcome.score
