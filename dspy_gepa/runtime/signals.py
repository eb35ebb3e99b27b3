"""SIGINT, which is Ctrl-C, SIGTERM, and SIGHUP, which ends a terminal's session, end a run in order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_STOP = (signal.SIGINT, signal.SIGTERM)
_HANG_UP = () if sys.platform == "win32" else (signal.SIGHUP,)


@contextmanager
def stopping_on_signals(wake: Callable[[], None]) -> Iterator[bool]:
    """While it is open these signals call `wake`; afterwards they do what they did. Main thread only.

    A signal that is ignored stays so: a shell has its background jobs ignore the Ctrl-C that is meant for
    the one in front, and ``nohup`` has a program ignore that its terminal is gone.

    Args:
        wake: Called by the handler, so it may only do what one may do there.

    Returns:
        Whether Ctrl-C calls it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return

    heard: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        # The shell and the kernel both tell that a terminal hung up; that is nobody's impatience.
        if number not in _HANG_UP or number not in heard:
            heard.add(number)
            wake()

    known = {number: signal.getsignal(number) for number in (*_STOP, *_HANG_UP)}
    # None is a handler that is not Python's, and that Python could not put back.
    before = {number: was for number, was in known.items() if was not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield signal.SIGINT in before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
