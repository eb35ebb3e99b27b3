"""Judges one piece of code: compares its results with a reference's, and its time with the reference's time.

Runs outside of the processes that run the code. Every timed call has arguments that nobody has seen before,
in a process of its own, and its result is compared too: code that remembers gains nothing.
"""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.sandbox.candidate import Args, Called, difference
from benchmarks.sandbox.report import CaseResult, Job, Report

LARGER = "the larger input"  # what is timed
WARM_UP = 1  # calls before the timed one, in the same process
NOISE = 1e-4  # seconds outside, beyond those of the reference, that the inner clock need not show


@dataclass(frozen=True)
class Outcome:
    """What came of calls in one process: why there were none, or each call's outcome."""

    error: str = ""
    calls: tuple[Called, ...] = ()


# Runs a function of some source in a process of its own. The arguments are drawn once its code is loaded.
Run = Callable[[str, str, Callable[[], Sequence[Args]]], Outcome]


def judge(job: Job, run: Run) -> Report:
    """What comes of a job; never raises for anything the candidate does."""
    ours: dict[str, Any] = {}
    exec(job.cases, ours)
    cases: Mapping[str, Args] = ours["cases"](np.random.default_rng(0))
    inputs = {**cases, LARGER: ours["load"](np.random.default_rng(1))}
    found = run(job.candidate, job.function, lambda: list(inputs.values()))
    if found.error:
        return Report(error=found.error)
    wanted = run(job.reference, job.function, lambda: list(inputs.values()))
    if wanted.error:
        return Report(error=f"the reference cannot be run: {wanted.error}")
    results = tuple(
        _compared(name, *pair)
        for name, pair in zip(inputs, zip(found.calls, wanted.calls, strict=True), strict=True)
    )
    if not all(result.right for result in results[:-1]):
        return Report(cases=results[:-1])
    if not results[-1].right:
        # Code that is quick because it gives up on the input that is timed has to be found out.
        return Report(cases=results)
    return _race(job, ours["load"], run, results[:-1])


def _compared(name: str, found: Called, wanted: Called) -> CaseResult:
    fault = found.error or difference(found.result, wanted.result)
    if not fault and found.changed:
        fault = "it changed its arguments"
    return CaseResult(name, not fault, fault)


def _race(job: Job, load: Callable[[Any], Args], run: Run, results: tuple[CaseResult, ...]) -> Report:
    """Times both, the best of several, taken in turn, so that both meet the same noise."""
    once, again = (pickle.dumps(load(np.random.default_rng(seed))) for seed in (2, 3))
    if once == again:
        return Report(error="it cannot be timed: load(rng) gives the same arguments whatever rng is")
    ours, theirs = [], []
    for _ in range(job.repeats):
        drawn: list[Args] = []

        def draw(drawn: list[Args] = drawn) -> Sequence[Args]:
            seeds = [secrets.randbits(128) for _ in range(WARM_UP + 1)]
            drawn.extend(load(np.random.default_rng(seed)) for seed in seeds)
            return drawn

        found = run(job.candidate, job.function, draw)
        if found.error:
            return Report(error=f"when it was timed: {found.error}", cases=results)
        wanted = run(job.reference, job.function, lambda drawn=drawn: drawn)  # type: ignore[misc]
        if wanted.error:
            return Report(error=f"the reference cannot be run: {wanted.error}", cases=results)
        pairs = zip(found.calls, wanted.calls, strict=True)
        if not all(_compared(LARGER, *pair).right for pair in pairs):
            # Without the values: they are drawn anew, and feedback that changes makes a run hard to repeat.
            told = next((f": {call.error}" for call in found.calls if call.error), "")
            wrong = CaseResult(
                "a larger input that is new to it", False, f"was wrong when it was timed{told}"
            )
            return Report(cases=(*results, wrong))
        theirs.append(found.calls[-1])
        ours.append(wanted.calls[-1])
    seconds, reference = (min(call.seconds for call in calls) for calls in (theirs, ours))
    # Who tampers with the clock beside it pays by the one outside. That one also counts what else the machine
    # does meanwhile: seldom less than in half of the calls of the reference, or it is no chance.
    hidden = min(map(_unexplained, theirs)) - median(map(_unexplained, ours))
    return Report(cases=results, seconds=seconds + max(0.0, hidden - NOISE), reference_seconds=reference)


def _unexplained(call: Called) -> float:
    """The time that passed outside and not inside."""
    return call.outside - call.seconds
