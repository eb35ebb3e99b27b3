"""Brings events to callbacks, and keeps what goes wrong in a callback away from the run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import EVENTS, Event
from dspy_gepa.program.log import log_failure
from dspy_gepa.texts import name_of

_logger = logging.getLogger("dspy_gepa")

# Failures in a row after which a callback is not called any more.
TOLERATED = 3

Handler = Callable[[Any], Any]


class EventDispatcher:
    """Tells every callback of every event, one after the other, on the thread that calls it.

    The first exception of a callback is logged with its traceback. After three in a row, be it over all
    events or over those of one kind, it is dropped with a warning; the others and the run go on. A
    KeyboardInterrupt passes through, once all were told: that is how one stops a run. While it stops, further
    ones are not heeded.

    Attributes:
        stopping: Whether the run is ending, so that nobody can interrupt it any more.

    Args:
        callbacks: Functions ``callback(event)``, or objects with methods ``on_<event>(event)``.

    Raises:
        ConfigurationError: One is neither.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._listeners = [_Listener(callback) for callback in check_callbacks(callbacks)]
        self.stopping = False

    def __bool__(self) -> bool:
        return any(not listener.dropped for listener in self._listeners)

    def __call__(self, event: Event) -> None:
        """Tell them."""
        interrupt: KeyboardInterrupt | None = None
        for listener in self._listeners:
            try:
                listener.hear(event)
            except KeyboardInterrupt as raised:
                interrupt = raised
        if interrupt is not None and not self.stopping:
            self.stopping = True
            raise interrupt


class _Listener:
    def __init__(self, callback: Any) -> None:
        self._name = name_of(callback)
        self._handlers = handlers_of(callback)
        # Of all kinds, under "", and of each: a callback may fail whenever it writes, and hear the rest well.
        self._failures_in_a_row: Counter[str] = Counter()
        self._failed_before = False
        self.dropped = False

    def hear(self, event: Event) -> None:
        handler = self._handlers.get(event.name())
        if handler is None or self.dropped:
            return
        try:
            handler(event)
        except Exception:  # whatever a callback does wrong is no reason to end a run that costs money
            self._note_failure(event)
        else:
            self._failures_in_a_row[""] = self._failures_in_a_row[event.name()] = 0

    def _note_failure(self, event: Event) -> None:
        self._failures_in_a_row.update(["", event.name()])
        if not self._failed_before:
            self._failed_before = True
            log_failure(f"the callback {self._name} failed on {event.name()}; the run goes on")
        if max(self._failures_in_a_row.values()) >= TOLERATED:
            self.dropped = True
            _logger.warning(
                "the callback %s failed %d times in a row and is not called any more", self._name, TOLERATED
            )


def check_callbacks(callbacks: Sequence[Any]) -> tuple[Any, ...]:
    """The callbacks, each of which can be told of some event.

    Raises:
        ConfigurationError: With the first that cannot.
    """
    if callable(callbacks) or not isinstance(callbacks, Sequence):
        raise ConfigurationError(f"callbacks={callbacks!r} must be a list. Write callbacks=[...].")
    for index, callback in enumerate(callbacks):
        if isinstance(callback, type):
            raise ConfigurationError(
                f"callbacks[{index}] is the class {callback.__qualname__}. Pass an object of it."
            )
        if not handlers_of(callback):
            known = ", ".join(f"on_{event.name()}" for event in EVENTS)
            raise ConfigurationError(
                f"callbacks[{index}] ({type(callback).__qualname__}) can neither be called nor has it a "
                f"method named after an event ({known}). DSPy's own callbacks go into "
                "dspy.configure(callbacks=[...])."
            )
    return tuple(callbacks)


def handlers_of(callback: Any) -> Mapping[str, Handler]:
    """What to call, by the event's name. An object that can be called is called, whatever methods it has."""
    if callable(callback):
        return {event.name(): callback for event in EVENTS}
    methods = {event.name(): getattr(callback, f"on_{event.name()}", None) for event in EVENTS}
    return {name: method for name, method in methods.items() if callable(method)}
