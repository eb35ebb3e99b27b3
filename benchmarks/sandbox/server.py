"""The sandbox's trusted process: judges job after job, by processes that its spawner forks behind the wall.

A job comes on standard input, its report leaves on a pipe of its own, with a secret that is read only once
every process that ran the job's code is gone. It ends when its input does.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

import numpy  # noqa: F401  # so that all processes have it

from benchmarks.sandbox import frames, native
from benchmarks.sandbox.candidate import READY, Args, Called, Order
from benchmarks.sandbox.judge import Outcome, judge
from benchmarks.sandbox.report import PATIENCE, Job, Report, bounded
from benchmarks.sandbox.spawner import Kind, Spawner
from benchmarks.sandbox.wall import Wall, close_to_others

STANDARD_INPUT = 0
LONGEST_OUTCOME = 32 * 2**20
LOOK = 0.05  # seconds between two looks at the time a process has taken
NO_COMPILER = "C cannot be run: there is no C compiler here (CC can name one)"
NO_CFFI = "C cannot be run: cffi is missing (pip install 'dspy-gepa[benchmarks]')"

T = TypeVar("T")


def main(seconds: float, memory_mb: int, reports: int, compiler: str, walls: Sequence[str]) -> None:
    """Serve until standard input ends.

    Args:
        seconds: Processor time that a job may take; ten times that of the clock.
        memory_mb: Address space of a process, in MiB.
        reports: The descriptor that reports are written to.
        compiler: Path of the C compiler; "" for none.
        walls: Names of the walls to try, in order.
    """
    os.set_inheritable(reports, False)
    try:
        spawner = Spawner(seconds, memory_mb, compiler, tuple(Wall(name) for name in walls))
    except OSError as error:
        frames.send(reports, str(error).encode())
        return
    close_to_others()
    frames.send(reports, spawner.wall.value.encode())
    while (message := frames.receive(STANDARD_INPUT)) is not None:
        report = _judged(Job(**json.loads(message)), spawner, seconds)
        secret = frames.receive(STANDARD_INPUT)
        if secret is None:
            return
        frames.send(reports, secret + report.to_json().encode())


class _Limit:
    """What a job may take: seconds of a processor, and of the clock as a last resort, for code that waits."""

    def __init__(self, spawner: Spawner, seconds: float) -> None:
        self._spawner = spawner
        self._left = seconds
        self.deadline = time.monotonic() + PATIENCE * seconds

    def wait(self, descriptor: int) -> None:
        """Return once the process has answered. Raises TimeoutError."""
        while not select.select([descriptor], [], [], LOOK)[0]:
            if self._spawner.spent() > self._left or time.monotonic() > self.deadline:
                raise TimeoutError

    def stop(self) -> int:
        """End the process. Gives the status it ended with."""
        status, seconds = self._spawner.stop()
        self._left -= seconds
        return status


def _judged(job: Job, spawner: Spawner, seconds: float) -> Report:
    limit = _Limit(spawner, seconds)

    def run(source: str, function: str, draw: Callable[[], Sequence[Args]]) -> Outcome:
        if not job.declaration:
            return _run(spawner, Order(function, source), draw, limit)
        compiled = libraries(source)
        if isinstance(compiled, str):
            return Outcome(compiled)
        order = Order(function, job.binding, job.declaration, base64.b64encode(compiled).decode())
        return _run(spawner, order, draw, limit)

    libraries = cache(lambda source: _compiled(spawner, source, limit))
    try:
        return judge(job, run)
    except TimeoutError:
        return Report(
            error=f"it took more than {seconds:g} seconds of a processor, or waited, and was stopped"
        )
    except Exception as error:  # the job's own parts: its cases, its load
        return Report(error=bounded(f"the job cannot be judged: {type(error).__name__}: {error}"))


def _run(spawner: Spawner, order: Order, draw: Callable[[], Sequence[Args]], limit: _Limit) -> Outcome:
    kind = Kind.C if order.library else Kind.PYTHON
    found = _with_process(spawner, kind, limit, lambda there: _conversation(there, order, draw, limit))
    return Outcome(found) if isinstance(found, str) else found


def _compiled(spawner: Spawner, source: str, limit: _Limit) -> bytes | str:
    """The library of a C source, or why there is none."""
    if not spawner.compiler:
        return NO_COMPILER
    if find_spec("cffi") is None:
        return NO_CFFI

    def conversation(there: int) -> bytes | str:
        frames.send(there, source.encode("utf-8", "replace"), limit.deadline)
        said = _answer(there, limit)
        if said.startswith(native.COMPILED):
            return said.removeprefix(native.COMPILED)
        return bounded(said.removeprefix(native.REFUSED).decode("utf-8", "replace"))

    return _with_process(spawner, Kind.COMPILER, limit, conversation)


def _with_process(spawner: Spawner, kind: Kind, limit: _Limit, talk: Callable[[int], T]) -> T | str:
    """What a conversation with a fresh process gives, or how that process failed. Raises TimeoutError."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            spawner.start(theirs.fileno(), kind)
        fault = None
        try:
            return talk(ours.fileno())
        except TimeoutError:
            raise
        except ValueError:
            fault = "its process answered with something that is no report"
        except OSError:
            pass  # how it ended is told below
        finally:
            status = limit.stop()
    return fault or _ending(status)


def _conversation(
    descriptor: int, order: Order, draw: Callable[[], Sequence[Args]], limit: _Limit
) -> Outcome:
    """Raises OSError when the process is gone, ValueError for an answer that is none, TimeoutError."""
    frames.send(descriptor, json.dumps(asdict(order)).encode(), limit.deadline)
    said = _answer(descriptor, limit)
    if said != READY:
        return Outcome(bounded(said.decode("utf-8", "replace")) or "it could not be loaded")
    calls = []
    for args in draw():
        message = pickle.dumps(args)
        start = time.perf_counter()
        frames.send(descriptor, message, limit.deadline)
        found = _answer(descriptor, limit)
        calls.append(Called.from_json(found, time.perf_counter() - start))
    return Outcome(calls=tuple(calls))


def _answer(descriptor: int, limit: _Limit) -> bytes:
    limit.wait(descriptor)
    found = frames.receive(descriptor, limit.deadline, LONGEST_OUTCOME)
    if found is None:
        raise BrokenPipeError("its process ended")
    return found


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"its process was ended by {name}: it crashed, or took too much memory or time"
    return "its process ended without a result: it left, or took too much memory"
