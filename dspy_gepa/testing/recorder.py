"""A callback that keeps all events."""

from __future__ import annotations

import threading
from typing import TypeVar

from dspy_gepa.events import Event

E = TypeVar("E", bound=Event)


class EventRecorder:
    """Keeps every event of the runs that it is a callback of.

        recorder = EventRecorder()
        GEPA(metric, callbacks=[recorder], ...).compile(program, trainset=rows)
        assert recorder.one(Finished).stop_reason.startswith("budget")
        assert len(recorder.of(StepCommitted)) > 3

    Attributes:
        events: Events in order.
        threads: Threads that it was called on.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self.threads.add(threading.current_thread())

    def of(self, *kinds: type[E]) -> list[E]:
        """Return the events of these kinds, in order."""
        return [event for event in self.events if isinstance(event, kinds)]

    def one(self, kind: type[E]) -> E:
        """Return the only event of this kind.

        Raises:
            AssertionError: There is none or more than one.
        """
        found = self.of(kind)
        if len(found) != 1:
            heard = ", ".join(dict.fromkeys(type(event).__name__ for event in self.events)) or "nothing"
            raise AssertionError(f"{kind.__name__} was heard {len(found)} times, not once; heard: {heard}.")
        return found[0]
