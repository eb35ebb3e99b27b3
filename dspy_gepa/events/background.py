"""Hears events on a thread of its own, so that whoever is slow to write them down holds nobody up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread

from dspy_gepa.events import Event
from dspy_gepa.events.dispatch import EventDispatcher, Handler


@contextmanager
def in_background(opened: AbstractContextManager[Handler]) -> Iterator[Callable[[Event], None]]:
    """A callback that hands every event on to the one that `opened` gives, in order, on another thread.

    At the end all that was told is heard before `opened` is closed. What it raises is logged as a hub does.
    """
    with opened as callback:
        events: SimpleQueue[Event | None] = SimpleQueue()
        thread = Thread(
            target=copy_context().run,
            args=(_hear, EventDispatcher([callback]), events),
            name="dspy_gepa tracker",
        )
        thread.start()
        try:
            yield events.put
        finally:
            events.put(None)
            thread.join()


def _hear(hub: EventDispatcher, events: SimpleQueue[Event | None]) -> None:
    while (event := events.get()) is not None:
        hub(event)
