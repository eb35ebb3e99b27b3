"""Callbacks that keep what they hear, for tests of events."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from dspy_gepa.events import BudgetSpent, Event, ReflectionDone, RolloutDone

ARRIVALS = (RolloutDone, ReflectionDone)


class Recorder:
    """Keeps every event, and the threads it was called on."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread())

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def one(self, kind: type[Event]) -> Any:
        (event,) = self.of(kind)
        return event

    def commits(self) -> list[list[Event]]:
        """The events of each commit, without arrivals, plans and forecasts."""
        last = [i for i, event in enumerate(self.events) if isinstance(event, BudgetSpent)]
        return [
            [e for e in self.events[max(0, i - 8) : i + 1] if getattr(e, "step", -1) == self.events[i].step]
            for i in last
        ]

    def in_order(self) -> list[Event]:
        """The events whose order is promised, without how long things took."""
        return [event for event in self.events if not isinstance(event, ARRIVALS)]

    def arrived(self) -> list[str]:
        """Rollouts and reflections whatever their order, without how long they took."""
        return sorted(repr(replace(e, seconds=0.0, attempts=0)) for e in self.of(*ARRIVALS))
