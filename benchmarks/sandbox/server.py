"""The sandbox's process: imports NumPy once, then forks a child for every job, limits it and kills it.

Jobs come on standard input and reports leave on standard output, a line of JSON each. It ends when its
input does, so it does not outlive who started it.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import signal
import sys
import time
from typing import NoReturn

import numpy  # noqa: F401  # so that children have it

from benchmarks.sandbox.harness import judge
from benchmarks.sandbox.report import Job, Report

LONGEST_REPORT = 100_000


def main(seconds: float, memory_mb: int) -> None:
    """Serve until standard input ends.

    Args:
        seconds: Wall-clock time that a job may take.
        memory_mb: Address space of a job, in MiB.
    """
    for line in sys.stdin:
        report = run_in_child(Job(**json.loads(line)), seconds, memory_mb)
        print(report.to_json(), flush=True)


def run_in_child(job: Job, seconds: float, memory_mb: int) -> Report:
    """The report of a child that is gone when this returns, and all it started in its own session with it."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(job, writes, seconds, memory_mb)
    os.close(writes)
    try:
        line = _line_from(reads, time.monotonic() + seconds)
    finally:
        os.close(reads)
        _kill_group(child)
    _, status = os.waitpid(child, 0)
    if line is None:
        return Report(error=f"it took more than {seconds:g} seconds and was stopped")
    if not line:
        return Report(error=_ending(status))
    try:
        return Report.from_json(line.decode("utf-8", "replace"))
    except ValueError:
        return Report(error="its process ended with something that is no report")


def _be_the_child(job: Job, writes: int, seconds: float, memory_mb: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        _limit(seconds, memory_mb)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        report = judge(job, time.perf_counter)
        os.write(writes, (report.to_json() + "\n").encode())
        status = 0
    finally:
        # Without the interpreter's own way out, which would flush the parent's buffers a second time.
        os._exit(status)


def _limit(seconds: float, memory_mb: int) -> None:
    memory = memory_mb * 2**20
    limits = {
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 32,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard),) * 2)


def _line_from(reads: int, deadline: float) -> bytes | None:
    """What the child wrote, up to a line end; None when time ran out, b"" when it ended without a word."""
    got = b""
    while b"\n" not in got and len(got) < LONGEST_REPORT:
        ready, _, _ = select.select([reads], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(reads, 65_536)
        if not part:
            break
        got += part
    return got.partition(b"\n")[0]


def _kill_group(child: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"its process was ended by {name}: it crashed, or took too much memory or time"
    return "its process ended without a result: it left, or took too much memory"
