"""Rollouts: build a candidate's program, run it on an example, watch it, and score its output."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dspy

from dspy_gepa.program.async_tools import async_tools, is_awaited
from dspy_gepa.program.attempt import Attempt, stops_the_run, trace_steps
from dspy_gepa.program.build import (
    build_program,
    bypass_cache,
    has_texts_outside_predictors,
    mark_components,
)
from dspy_gepa.program.call_log import CallLog
from dspy_gepa.program.copies import Copier
from dspy_gepa.program.faults import fault_of, is_raised_here
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.objectives import Run, measure
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.scoring import failed, score
from dspy_gepa.program.text import TEXTS_READ
from dspy_gepa.types import Candidate, Fault, Outcome, Rollout, Row

# DSPy's setting under which a program that is not awaited can call tools that are coroutine functions.
_TOOLS_CONVERTED = "allow_tool_async_sync_conversion"
_PLACES = re.compile(r"\[\d+\]")  # of items in a list, which share one warning


@dataclass(frozen=True)
class _Prepared:
    """The program of a candidate.

    Attributes:
        copies: Makes a copy of it for each rollout.
        has_async_tools: True if some of its tools are coroutine functions.
        has_texts_outside: True if some texts belong to no predictor.
    """

    copies: Copier[dspy.Module]
    has_async_tools: bool
    has_texts_outside: bool


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
        self._programs: dict[str, _Prepared] = {}
        self._rows: dict[Row, Copier[dspy.Example]] = {}
        self._programs_kept = programs_kept
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, rollout: Rollout) -> Outcome | Fault:
        """Run one rollout; whatever program, metric or provider do raises nothing but KeyboardInterrupt."""
        try:
            prepared = self._prepare(rollout.candidate)
            program = prepared.copies()
        except Exception as error:  # these texts make no program
            return self._unbuilt(error)
        row = self._copy_row(rollout)
        with self._watch(rollout, program, prepared) as attempt:
            attempt.prediction = _run(program, row, prepared)
        return self._score(rollout, attempt)

    async def arun(
        self, rollout: Rollout, in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread
    ) -> Outcome | Fault:
        """Run one rollout on an event loop: the program is awaited, the metric runs in a helper thread."""
        try:
            prepared = self._prepare(rollout.candidate)
            program = prepared.copies()
        except Exception as error:
            return self._unbuilt(error)
        row = self._copy_row(rollout)
        with self._watch(rollout, program, prepared) as attempt:
            attempt.prediction = await _arun(program, row, in_thread)
        outcome: Outcome | Fault = await in_thread(self._score, rollout, attempt)
        return outcome

    def _unbuilt(self, error: Exception) -> Outcome | Fault:
        """Return the outcome of texts that make no program."""
        if is_raised_here(error):
            raise error
        return failed(error, self._failure_score)

    def _prepare(self, candidate: Candidate) -> _Prepared:
        """Return the candidate's program, from memory if it is one of those used last."""
        with self._lock:
            prepared = self._programs.pop(candidate.id, None) or self._build(candidate)
            self._programs[candidate.id] = prepared
            if len(self._programs) > self._programs_kept:
                del self._programs[next(iter(self._programs))]
            return prepared

    def _build(self, candidate: Candidate) -> _Prepared:
        program = mark_components(build_program(self._student, candidate))
        return _Prepared(
            copies=Copier(program, partial(self._warn_of_sharing, f"{type(self._student).__name__}")),
            has_async_tools=bool(async_tools(program)),
            has_texts_outside=has_texts_outside_predictors(program, candidate),
        )

    def _copy_row(self, rollout: Rollout) -> dspy.Example:
        with self._lock:
            if rollout.row not in self._rows:
                warn = partial(self._warn_of_sharing, f"each {rollout.row.split} row")
                self._rows[rollout.row] = Copier(self._examples[rollout.row], warn)
            copies = self._rows[rollout.row]
        return copies()

    @contextlib.contextmanager
    def _watch(self, rollout: Rollout, program: dspy.Module, prepared: _Prepared) -> Iterator[Attempt]:
        """Run the body under DSPy settings that record what the program does, and keep what it raises."""
        keep_trace = rollout.row.split == "train"
        if rollout.past_cache:
            bypass_cache(program)
        attempt = Attempt(
            program,
            self._examples[rollout.row],
            keep_trace=keep_trace,
            step_for_program=prepared.has_texts_outside,
            log=CallLog(keep_inputs=keep_trace),
        )
        callbacks = [*dspy.settings.callbacks, attempt.log]
        recorders = {TEXTS_READ: attempt.texts, **attempt.meter.settings()}
        if prepared.has_async_tools and not is_awaited(attempt.program):
            recorders[_TOOLS_CONVERTED] = True
        with dspy.context(trace=[], max_trace_size=10_000, callbacks=callbacks, **recorders):
            started = self._clock()
            try:
                yield attempt
            except BaseException as error:
                if stops_the_run(error):
                    raise
                attempt.error = error
            seconds = self._clock() - started
            if self._objectives:
                run = Run(rollout.candidate, seconds, attempt.meter.calls())
                attempt.measured = measure(self._objectives, run)
            attempt.trace = list(dspy.settings.trace)
        attempt.log.raise_own_error()
        attempt.error = attempt.log.unanswered_error or attempt.error
        self._warn_of_tools(attempt.log)
        attempt.meter.attach(attempt.prediction)

    def _score(self, rollout: Rollout, attempt: Attempt) -> Outcome | Fault:
        """Score the run. The metric's own LM calls are watched and counted but are no part of the trace."""
        log, gold = CallLog(keep_inputs=False), self._copy_row(rollout)
        callbacks = [*dspy.settings.callbacks, log]
        with dspy.context(trace=[], callbacks=callbacks, **attempt.meter.settings()):
            outcome = score(attempt, gold, trace_steps(attempt), self._metric, self._failure_score)
        log.raise_own_error()
        self._warn_of_tools(log)
        # The program or the metric caught the one, and nobody raised the other.
        unanswered = log.unanswered_error or attempt.meter.filtered_answer()
        if isinstance(outcome, Outcome) and unanswered is not None:
            outcome = fault_of(unanswered)
        return attempt.meter.with_usage(outcome)

    def _warn_of_tools(self, log: CallLog) -> None:
        """Warn once per tool whose service failed: the agent was shown the error and went on."""
        for tool, error in log.failed_tools.items():
            self._warn_once(
                f"tool {tool!r}",
                f"tool {tool!r} failed because of a service that it uses: {describe(error, 300)}. Such "
                "rollouts are scored as they are; retry inside the tool if that is wrong.",
            )

    def _warn_of_sharing(self, whose: str, path: str, reason: str) -> None:
        """Warn once per part that all rollouts share."""
        self._warn_once(
            f"{whose}{_PLACES.sub('', path)}",
            f"{whose}{path} is shared by all rollouts, because {reason}. Every other rollout sees what one "
            "changes in it, so that results depend on their order; nothing is wrong if it keeps no state.",
        )

    def _warn_once(self, about: str, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            log_warning(message)

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "_lock"}
        return kept | {"_programs": {}, "_rows": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())


def _run(program: dspy.Module, example: dspy.Example, prepared: _Prepared) -> Any:
    inputs = dict(example.inputs())
    awaited = prepared.has_async_tools and not dspy.settings.get(_TOOLS_CONVERTED)
    # A program may have a __call__ of its own and neither form.
    if awaited or (is_awaited(program) and not hasattr(type(program), "forward")):
        return asyncio.run(program.acall(**inputs))
    return program(**inputs)


async def _arun(program: dspy.Module, example: dspy.Example, in_thread: Callable[..., Awaitable[Any]]) -> Any:
    inputs = dict(example.inputs())
    if is_awaited(program):
        return await program.acall(**inputs)
    return await in_thread(partial(program, **inputs))
