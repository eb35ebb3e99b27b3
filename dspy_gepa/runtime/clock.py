"""Time and waiting, behind an interface, so that tests need neither."""

from __future__ import annotations

import math
import queue
import time
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def wait(self, arrivals: queue.SimpleQueue[T], seconds: float | None) -> T | None:
        """The next arrival, or None after that many seconds; None seconds waits for ever."""


# Seconds after which a wait begins anew: on Windows Ctrl-C is not heard of during one.
_AT_A_TIME = 0.5


class SystemClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def wait(self, arrivals: queue.SimpleQueue[T], seconds: float | None) -> T | None:
        """Block on the queue."""
        until = math.inf if seconds is None else self.now() + seconds
        while True:
            left = until - self.now()
            try:
                return arrivals.get(timeout=min(max(0.0, left), _AT_A_TIME))
            except queue.Empty:
                if left <= _AT_A_TIME:
                    return None
