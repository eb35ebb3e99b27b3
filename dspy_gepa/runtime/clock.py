"""Time and waiting, behind an interface, so that tests need neither."""

from __future__ import annotations

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


class SystemClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def wait(self, arrivals: queue.SimpleQueue[T], seconds: float | None) -> T | None:
        """Block on the queue."""
        try:
            return arrivals.get(timeout=seconds)
        except queue.Empty:
            return None
