"""Rollouts: build a candidate's program, run it on an example, watch it, and score its output."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dspy

from dspy_gepa.program.attempt import Attempt, trace_steps
from dspy_gepa.program.build import build_program, has_texts_outside_predictors, mark_components
from dspy_gepa.program.call_log import CallLog
from dspy_gepa.program.faults import fault_of
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.objectives import Run, measure
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.scoring import failed, score
from dspy_gepa.program.text import TEXTS_READ
from dspy_gepa.types import Candidate, Fault, Outcome, Rollout, Row


class RolloutRunner:
    """Runs rollouts: a candidate's program on a row, then the metric. Safe to use from many threads.

    Args:
        student: The program; never changed.
        metric: The user's metric.
        examples: Every train and validation row.
        failure_score: Score of a rollout in which the program failed.
        objectives: Names of ready objectives to measure, see `dspy_gepa.program.objectives`.
        programs_kept: Maximum number of candidates whose programs are kept in memory.
        clock: Function that returns seconds, for measuring latency.
    """

    def __init__(
        self,
        student: dspy.Module,
        metric: Metric,
        examples: Mapping[Row, dspy.Example],
        *,
        failure_score: float = 0.0,
        objectives: Sequence[str] = (),
        programs_kept: int = 32,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._student = student
        self._metric = metric
        self._examples = examples
        self._failure_score = failure_score
        self._objectives = tuple(objectives)
        self._clock = clock
        self._programs: dict[str, dspy.Module] = {}
        self._programs_kept = programs_kept
        self._warned_tools: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, rollout: Rollout) -> Outcome | Fault:
        """Run one rollout; never raises, whatever the program, the metric or a provider does."""
        try:
            program = self._build(rollout.candidate)
        except Exception as error:  # these texts make no program
            return failed(error, self._failure_score)
        with self._watch(rollout, program) as attempt:
            attempt.prediction = _run(program, attempt.example)
        return self._score(attempt)

    async def arun(self, rollout: Rollout) -> Outcome | Fault:
        """Run one rollout on an event loop: the program is awaited, the metric runs in a helper thread."""
        try:
            program = self._build(rollout.candidate)
        except Exception as error:
            return failed(error, self._failure_score)
        with self._watch(rollout, program) as attempt:
            attempt.prediction = await _arun(program, attempt.example)
        return await asyncio.to_thread(self._score, attempt)

    def _build(self, candidate: Candidate) -> dspy.Module:
        """Return the candidate's program, from memory if it is one of those used last."""
        with self._lock:
            program = self._programs.pop(candidate.id, None) or mark_components(
                build_program(self._student, candidate)
            )
            self._programs[candidate.id] = program
            if len(self._programs) > self._programs_kept:
                del self._programs[next(iter(self._programs))]
            return program

    @contextlib.contextmanager
    def _watch(self, rollout: Rollout, program: dspy.Module) -> Iterator[Attempt]:
        """Run the body under DSPy settings that record what the program does, and keep what it raises."""
        keep_trace = rollout.row.split == "train"
        attempt = Attempt(
            program,
            self._examples[rollout.row],
            keep_trace=keep_trace,
            step_for_program=has_texts_outside_predictors(program, rollout.candidate),
            log=CallLog(keep_inputs=keep_trace),
        )
        callbacks = [*dspy.settings.callbacks, attempt.log]
        recorders = {TEXTS_READ: attempt.texts, **attempt.meter.settings()}
        with dspy.context(trace=[], max_trace_size=10_000, callbacks=callbacks, **recorders):
            started = self._clock()
            try:
                yield attempt
            except Exception as error:
                attempt.error = error
            seconds = self._clock() - started
            if self._objectives:
                run = Run(rollout.candidate, seconds, attempt.meter.calls())
                attempt.measured = measure(self._objectives, run)
            attempt.trace = list(dspy.settings.trace)
        attempt.error = attempt.log.unanswered_error or attempt.error
        self._warn_of_tools(attempt.log)
        attempt.meter.attach(attempt.prediction)

    def _score(self, attempt: Attempt) -> Outcome | Fault:
        """Score the run. The metric's own LM calls are watched and counted but are no part of the trace."""
        steps, log = trace_steps(attempt), CallLog(keep_inputs=False)
        callbacks = [*dspy.settings.callbacks, log]
        with dspy.context(trace=[], callbacks=callbacks, **attempt.meter.settings()):
            outcome = score(attempt, steps, self._metric, self._failure_score)
        self._warn_of_tools(log)
        if isinstance(outcome, Outcome) and log.unanswered_error is not None:  # the metric caught it
            outcome = fault_of(log.unanswered_error)
        return attempt.meter.with_usage(outcome)

    def _warn_of_tools(self, log: CallLog) -> None:
        """Warn once per tool whose service failed: the agent was shown the error and went on."""
        for tool, error in log.failed_tools.items():
            if tool not in self._warned_tools:
                self._warned_tools.add(tool)
                log_warning(
                    f"tool {tool!r} failed because of a service that it uses: {describe(error, 300)}. Such "
                    "rollouts are scored as they are; retry inside the tool if that is wrong."
                )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_lock"} | {"_programs": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())


def _run(program: dspy.Module, example: dspy.Example) -> Any:
    inputs = dict(example.inputs())
    if not hasattr(type(program), "forward"):
        return asyncio.run(program.acall(**inputs))
    return program(**inputs)


async def _arun(program: dspy.Module, example: dspy.Example) -> Any:
    inputs = dict(example.inputs())
    if hasattr(type(program), "aforward"):
        return await program.acall(**inputs)
    return await asyncio.to_thread(program, **inputs)
