"""Delivers events to callbacks, and keeps their errors and their slowness away from the run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events.events import EVENTS, TOPICS, Event
from dspy_gepa.program.log import log_failure
from dspy_gepa.texts import name_of

_logger = logging.getLogger("dspy_gepa")

# Consecutive failures after which a callback is no longer called.
TOLERATED = 3

Handler: TypeAlias = Callable[[Any], Any]


class EventDispatcher:
    """Calls every callback with every event, one after the other, on the calling thread.

    The first exception of a callback is logged with its traceback. After three in a row, over all events or
    over those of one kind, it is dropped with a warning; the others and the run go on. A KeyboardInterrupt, a
    SystemExit or the like passes through after all callbacks were called: that is how a callback stops a
    run. While the run stops, further ones are ignored.

    Attributes:
        stopping: True while the run is ending and cannot be interrupted any more.

    Args:
        callbacks: Functions ``callback(event)``, or objects with methods ``on_<topic>(event)``.

    Raises:
        ConfigurationError: One of them is neither.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._listeners = [_Listener(callback) for callback in check_callbacks(callbacks)]
        self.stopping = False

    def __bool__(self) -> bool:
        return any(not listener.dropped for listener in self._listeners)

    def __call__(self, event: Event) -> None:
        """Deliver the event."""
        interrupt: BaseException | None = None
        for listener in self._listeners:
            try:
                listener.receive(event)
            except BaseException as raised:  # no `Exception`: those are caught in `_call`
                interrupt = raised
        if interrupt is not None and not self.stopping:
            self.stopping = True
            raise interrupt


class _Listener:
    def __init__(self, callback: Any) -> None:
        self._name = name_of(callback)
        self._handlers = handlers_of(callback)
        # Over all kinds, under "", and per kind: a callback may fail on each write and nowhere else.
        self._failures_in_a_row: Counter[str] = Counter()
        self._failed_before = False
        self.dropped = False

    def receive(self, event: Event) -> None:
        for topic in event.topics:
            handler = self._handlers.get(topic)
            if handler is not None and not self.dropped:
                self._call(handler, topic, event)

    def _call(self, handler: Handler, topic: str, event: Event) -> None:
        try:
            handler(event)
        except Exception:  # no error of a callback is a reason to end a run that costs money
            self._note_failure(topic)
        else:
            self._failures_in_a_row[""] = self._failures_in_a_row[topic] = 0

    def _note_failure(self, topic: str) -> None:
        self._failures_in_a_row.update(["", topic])
        if not self._failed_before:
            self._failed_before = True
            log_failure(f"the callback {self._name} failed on {topic}; the run goes on")
        if max(self._failures_in_a_row.values()) >= TOLERATED:
            self.dropped = True
            _logger.warning(
                "the callback %s failed %d times in a row and is not called any more", self._name, TOLERATED
            )


def check_callbacks(callbacks: Sequence[Any]) -> tuple[Any, ...]:
    """Return the callbacks if each of them can receive some event.

    Raises:
        ConfigurationError: Names the first that cannot.
    """
    if callable(callbacks) or not isinstance(callbacks, Sequence):
        raise ConfigurationError(f"callbacks={callbacks!r} must be a list. Write callbacks=[...].")
    for index, callback in enumerate(callbacks):
        if isinstance(callback, type):
            raise ConfigurationError(
                f"callbacks[{index}] is the class {callback.__qualname__}. Pass an object of it."
            )
        if not handlers_of(callback):
            known = ", ".join(f"on_{topic}" for topic in TOPICS)
            raise ConfigurationError(
                f"callbacks[{index}] ({type(callback).__qualname__}) can neither be called nor has it a "
                f"method named after an event ({known}). DSPy's own callbacks go into "
                "dspy.configure(callbacks=[...])."
            )
    return tuple(callbacks)


def handlers_of(callback: Any) -> Mapping[str, Handler]:
    """Return the handlers of a callback by topic; a callable object is called, whatever methods it has."""
    if callable(callback):
        return {event.name(): callback for event in EVENTS}
    methods = {topic: getattr(callback, f"on_{topic}", None) for topic in TOPICS}
    return {topic: method for topic, method in methods.items() if callable(method)}


@contextmanager
def in_background(opened: AbstractContextManager[Handler]) -> Iterator[Callable[[Event], None]]:
    """Return a callback that hands events over to that of `opened`, in order, on a thread of its own.

    All events are delivered before `opened` is closed. Errors are handled as in an `EventDispatcher`.
    """
    with opened as callback:
        events: SimpleQueue[Event | None] = SimpleQueue()
        thread = Thread(
            target=copy_context().run,
            args=(_deliver, EventDispatcher([callback]), events),
            name="dspy_gepa tracker",
        )
        thread.start()
        try:
            yield events.put
        finally:
            events.put(None)
            thread.join()


def _deliver(dispatcher: EventDispatcher, events: SimpleQueue[Event | None]) -> None:
    dispatcher.stopping = True  # an exception that ended this thread would not end the run
    while (event := events.get()) is not None:
        dispatcher(event)
