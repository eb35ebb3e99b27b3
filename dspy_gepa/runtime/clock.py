"""Time and waiting behind an interface, so that tests need neither."""

from __future__ import annotations

import math
import queue
import time
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Source of time, and the only place where a run waits."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""

    def wait(self, arrivals: queue.SimpleQueue[T], seconds: float | None) -> T | None:
        """Return the next arrival, or None after `seconds`; without `seconds`, wait for ever."""


# Maximum seconds of a single wait: on Windows, Ctrl-C has no effect during one.
_LONGEST_WAIT = 0.5


class SystemClock:
    """The system's monotonic clock."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def wait(self, arrivals: queue.SimpleQueue[T], seconds: float | None) -> T | None:
        """Wait on the queue."""
        until = math.inf if seconds is None else self.now() + seconds
        while True:
            left = until - self.now()
            try:
                return arrivals.get(timeout=min(max(0.0, left), _LONGEST_WAIT))
            except queue.Empty:
                if left <= _LONGEST_WAIT:
                    return None
