"""Ctrl-Z while a view is shown."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dspy_gepa.views.region import Region


@contextmanager
def erased_when_suspended(region: Region) -> Iterator[None]:
    """While it is open, Ctrl-Z erases the lines before the process stops: the shell would write into them.

    They are drawn again when the process goes on. Main thread only, and only where nobody else handles it.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return

    def suspend(number: int, frame: FrameType | None) -> None:
        with region.lock:  # nobody draws until the process has stopped
            region.erase()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, suspend)  # from here on it goes on

    signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
