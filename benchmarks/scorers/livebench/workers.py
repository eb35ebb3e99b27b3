"""Processes that compare expressions: started when first needed, kept, and killed when one takes too long."""

from __future__ import annotations

import atexit
import json
import queue
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Protocol

SECONDS = 8.0
# How many times as long a comparison may take by the clock: long, as a machine may be busy, but not on
# Windows, where nothing else limits it.
PATIENCE = 1 if sys.platform == "win32" else 60
SECONDS_TO_START = 600.0  # a busy machine takes its time to load sympy
MODULE = "benchmarks.scorers.livebench.worker"
ROOT = Path(__file__).parents[3]


class Comparer(Protocol):
    """What the scorer of expressions needs."""

    def compare(self, truth: str, answer: str) -> str:
        """Whether two normalised expressions are "equal" or "different", or why that cannot be said."""
        ...


class Workers:
    """Up to `count` comparing processes; safe in threads, which wait for one that is free.

    seconds: processor time one comparison may take before its process ends; the next gets a new process.
    """

    def __init__(self, *, count: int = 2, seconds: float = SECONDS) -> None:
        if count < 1 or seconds <= 0:
            raise ValueError(f"Workers needs count >= 1 and seconds > 0, got {count} and {seconds}.")
        self.seconds = seconds
        self.started = 0
        self._known: dict[tuple[str, str], str] = {}
        self._idle: queue.LifoQueue[subprocess.Popen[str] | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def compare(self, truth: str, answer: str) -> str:
        """Whether they are "equal" or "different", or why `answer` cannot be compared; a pair is asked once.

        A time-out is remembered too, so that one run scores one answer in one way.
        """
        key = (truth, answer)
        if key not in self._known:
            self._known[key] = self._ask(truth, answer)
        return self._known[key]

    def close(self) -> None:
        """End the idle processes; a later comparison starts new ones."""
        count = self._idle.qsize()
        for _ in range(count):
            process = self._idle.get()
            if process is not None:
                _end(process)
            self._idle.put(None)

    def _ask(self, truth: str, answer: str) -> str:
        process = self._idle.get()
        try:
            if process is None or process.poll() is not None:
                process = self._start()
            said = _exchange(process, json.dumps([truth, answer]), PATIENCE * self.seconds)
            if said is None:
                _end(process)
                process = None
                return f"comparing it took more than {self.seconds:g} seconds or too much memory"
            return said
        finally:
            self._idle.put(process)

    def _start(self) -> subprocess.Popen[str]:
        self.started += 1
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(self.seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        if _exchange(process, None, SECONDS_TO_START) != "ready":
            _end(process)
            raise RuntimeError(
                f"`{sys.executable} -m {MODULE}` did not start within {SECONDS_TO_START:g} seconds. It needs "
                "sympy, lark and antlr4-python3-runtime 4.11: pip install 'dspy-gepa[benchmarks]'."
            )
        return process


@lru_cache(maxsize=1)
def shared_workers() -> Workers:
    """The workers of this process; they end with it."""
    workers = Workers()
    atexit.register(workers.close)
    return workers


def _exchange(process: subprocess.Popen[str], request: str | None, seconds: float) -> str | None:
    """One request, one reply; None when the process died or had to be killed."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("A worker was started without pipes.")
    # Killing the process ends the read below, on every platform; a pipe cannot be polled on all of them.
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        if request is not None:
            process.stdin.write(request + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
    except OSError:  # it died between two requests
        return None
    finally:
        alarm.cancel()
    return str(json.loads(line)) if line.endswith("\n") else None


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
