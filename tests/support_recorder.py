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
        """Rollouts and reflections whatever their order, without how long they took or if they are replayed.

        Which of several steps beside each other asks first for a rollout is a matter of timing, as
        `RolloutDone.step` says: it is forgotten too.
        """
        rollouts = [_bare(replace(event, step=0)) for event in self.of(RolloutDone)]
        return sorted(map(repr, [*rollouts, *(_bare(event) for event in self.of(ReflectionDone))]))


class Insists(Recorder):
    """Wants the run to stop with every rollout from the second on: beside that one others are running."""

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if len(self.of(RolloutDone)) > 1:
            raise KeyboardInterrupt


def _bare(event: RolloutDone | ReflectionDone) -> RolloutDone | ReflectionDone:
    return replace(event, replayed=False, seconds=0.0, attempts=0)
