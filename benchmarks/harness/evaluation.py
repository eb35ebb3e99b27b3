"""Test scores of programs, in which a failure of a provider is never a score.

`dspy.Evaluate` counts every error as the program's failure, and gives up after ten of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from statistics import fmean, stdev
from typing import Any, cast

import dspy
import litellm

from benchmarks.harness.setting import Found
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
    """Return the metric of every row, in order; a row on which the program fails counts 0.

    Args:
        task: The task with the metric.
        program: The program; it is not changed.
        rows: The rows.
        threads: Rows at a time; fewer while the provider asks for fewer.
        retry: Retries of a row after a provider's failure.

    Raises:
        InfrastructureError: A provider kept failing; there are no scores.
        MetricError: The metric raised.
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
                if done.result.status == "unavailable":
                    raise InfrastructureError(done.result.error, dict(dispatcher.causes))
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


class Tester:
    """Measures programs on test rows, each text once. threads: rows at a time."""

    def __init__(self, task: Task, threads: int = 1) -> None:
        self._task = task
        self._threads = threads
        self._original = prompt_of(task.program())
        self._known: dict[str, list[float]] = {}

    def score(self, program: dspy.Module) -> float:
        """Return the mean test score."""
        return fmean(self.rows(program))

    def point(self, found: Found, reflections: tuple[int, int], budget: int | None = None) -> dict[str, Any]:
        """Return the description of a measured program for a result file.

        Args:
            found: The program and its run.
            reflections: Number of reflections up to the budget, and their tokens.
            budget: The budget; None if the optimizer has one of its own.
        """
        program, tests = found.program, self.rows(found.program)
        error = stdev(tests) / math.sqrt(len(tests)) if len(tests) > 1 else 0.0
        prompt = prompt_of(program)
        calls, tokens = reflections
        return {
            "budget": budget,
            "metric_calls": found.metric_calls,
            "total_metric_calls": found.metric_calls,
            "test": fmean(tests),
            "test_error": error,
            "reported": found.score,
            "interval": found.interval,
            "returned_seed": prompt == self._original,
            "instruction_chars": sum(map(len, prompt["instructions"].values())),
            "demo_chars": sum(len(demo) for demos in prompt["demos"].values() for demo in demos),
            "reflection_calls": calls,
            "reflection_tokens": tokens,
        }

    def rows(self, program: dspy.Module) -> list[float]:
        """Return the score of every test row."""
        key = json.dumps(prompt_of(program), default=str, sort_keys=True)
        if key not in self._known:
            self._known[key] = scores(self._task, program, self._task.test, self._threads)
        return self._known[key]


def instructions(program: dspy.Module) -> dict[str, str]:
    """Return the instruction text by predictor."""
    return {name: predictor.signature.instructions for name, predictor in program.named_predictors()}


def prompt_of(program: dspy.Module) -> dict[str, Any]:
    """Return all that an optimizer can change: instructions and demonstrations by predictor, as text."""
    demos = {
        name: [" ".join(map(str, dict(demo).values())) for demo in predictor.demos]
        for name, predictor in program.named_predictors()
    }
    return {"instructions": instructions(program), "demos": demos}


def prompt_tokens(task: Task, program: dspy.Module) -> int:
    """Return the tokens of all optimized texts and demonstrations, by the encoding that LiteLLM includes."""
    demos = [
        str(value)
        for predictor in program.predictors()
        for demo in predictor.demos
        for value in dict(demo).values()
    ]
    return sum(len(litellm.encoding.encode(text)) for text in [*task.texts_of(program).values(), *demos])
