"""End a run in order on SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed)."""

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
    """Call `wake` on these signals while the context is open. Works in the main thread only.

    An ignored signal stays ignored: shells make background jobs ignore the Ctrl-C meant for the foreground
    job, and ``nohup`` makes a program ignore the loss of its terminal.

    Args:
        wake: Called by the signal handler, so that it must be safe there.

    Returns:
        A context manager whose value is True if Ctrl-C calls `wake`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return

    heard: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        # Both the shell and the kernel may send SIGHUP: the second one is no sign of impatience.
        if number not in _HANG_UP or number not in heard:
            heard.add(number)
            wake()

    known = {number: signal.getsignal(number) for number in (*_STOP, *_HANG_UP)}
    # None stands for a handler that was not set by Python, which Python cannot restore.
    before = {number: was for number, was in known.items() if was not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield signal.SIGINT in before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
