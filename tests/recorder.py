"""Callbacks that keep what they hear, for tests of events."""

from __future__ import annotations

from dataclasses import replace

from dspy_gepa.events import Event, ReflectionDone, RolloutDone
from dspy_gepa.testing import EventRecorder

ARRIVALS = (RolloutDone, ReflectionDone)


class Recorder(EventRecorder):
    """Keeps every event, and knows in which order they are promised."""

    def in_order(self) -> list[Event]:
        """The events whose order is promised, without how long things took."""
        return [event for event in self.events if not isinstance(event, ARRIVALS)]

    def arrived(self) -> list[str]:
        """Rollouts and reflections whatever their order, without how long they took."""
        return sorted(repr(replace(e, seconds=0.0, attempts=0)) for e in self.of(*ARRIVALS))
