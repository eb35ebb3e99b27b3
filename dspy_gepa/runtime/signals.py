"""SIGINT, which is Ctrl-C, and SIGTERM end a run in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping_on_signals(wake: Callable[[], None]) -> Iterator[bool]:
    """While it is open these signals call `wake`; afterwards they do what they did. Main thread only.

    A signal that is ignored stays so: a shell has its background jobs ignore the Ctrl-C that is meant for
    the one in front.

    Args:
        wake: Called by the handler, so it may only do what one may do there.

    Returns:
        Whether Ctrl-C calls it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return

    def stop(number: int, frame: FrameType | None) -> None:
        wake()

    known = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # None is a handler that is not Python's, and that Python could not put back.
    before = {number: was for number, was in known.items() if was not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield signal.SIGINT in before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
