"""A clock that cannot be wrong: it counts the lines of Python that were run."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from benchmarks.sandbox import candidate
from benchmarks.sandbox.candidate import Args, Called, Clock
from benchmarks.sandbox.judge import Outcome, judge
from benchmarks.sandbox.report import Job, Report

_one_at_a_time = threading.Lock()


class LineClock:
    """Gives the lines run so far in this thread, as seconds; a thousandth more each time it is asked."""

    def __init__(self) -> None:
        self.lines = 0.0

    def __call__(self) -> float:
        self.lines += 1e-3
        return self.lines

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.lines += event == "line"
        return self.trace

    @contextmanager
    def running(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            yield
        finally:
            sys.settrace(before)


def run_here(clock: Clock, source: str, function: str, draw: Callable[[], Sequence[Args]]) -> Outcome:
    """Runs code in this process by the sandbox's own means, results taken through text. For our own code."""
    try:
        found = candidate.load(source, function)
    except candidate.RefusedError as refusal:
        return Outcome(str(refusal))
    return Outcome(calls=tuple(_called(found, args, clock) for args in draw()))


def _called(function: Callable[..., Any], args: Args, clock: Clock) -> Called:
    packed = pickle.dumps(args)
    said = candidate.call(function, pickle.loads(packed), pickle.loads(packed), clock)
    return Called.from_json(said.to_json().encode(), said.seconds)


def judge_by_lines(job: Job) -> Report:
    """The report of the sandbox's own judge, in this process, timed in lines. For code of our own only."""
    clock = LineClock()
    with _one_at_a_time, clock.running():
        return judge(
            replace(job, repeats=1), lambda source, function, draw: run_here(clock, source, function, draw)
        )
