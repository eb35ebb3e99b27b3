"""The bottom of a terminal: lines that are drawn again and again, while other text goes above them."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TextIO

_ERASE_BELOW = "\r\x1b[J"
_UP = "\x1b[{}A\r"
# Between these a line that is too long is cut at the edge, so that it takes one row, whatever the terminal
# thinks of the width of an emoji, and even if the window was made narrower a moment ago.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_RESET = "\x1b[0m"
# What a system says of a terminal whose window was closed, or whose connection broke.
_GONE = (errno.EIO, errno.ENXIO)


class Region:
    """Draws lines below the text of a terminal.

    The cursor rests above the lines, at the beginning of an empty one. So nothing has to be remembered of
    where the lines are: everything from the cursor on is erased and drawn again. This holds when the window
    changes its size, where terminals differ in what becomes of the lines, and when somebody whom we do not
    know of writes: his text goes above. The cursor stays visible and no mode stays changed, so that there is
    nothing to restore if the process is killed. (rich.Live rests below its lines, and loses count then.)

    While the process is a job in the background nothing is drawn: somebody types into the terminal then. When
    the terminal is gone, what is written is lost and nobody is told: a run that goes on need not end for it.

    Attributes:
        lock: Held by whoever writes; text and lines of several threads are not mixed.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self.lock = RLock()
        self._stream = stream
        self._lines: Sequence[str] = ()
        self._drawn_for = 0

    @property
    def size(self) -> os.terminal_size:
        """Columns and rows, now; the usual ones where nobody told the terminal, as in many containers."""
        usual = shutil.get_terminal_size()
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return usual
        return os.terminal_size((columns or usual.columns, rows or usual.lines))

    def is_on_terminal_of(self, stream: TextIO) -> bool:
        """Whether what is written to a stream is seen where this is drawn."""
        try:
            return os.path.sameopenfile(self._stream.fileno(), stream.fileno())
        except (OSError, ValueError):  # it has no file that could be another one
            return True

    def draw(self, lines: Sequence[str]) -> None:
        """Draw lines in place of those before; what does not fit into the window is left out.

        Args:
            lines: Without line ends; escape sequences in them may be colours only.
        """
        with self.lock:
            self._lines, self._drawn_for = tuple(lines), self.size.columns
            self._send("")

    def above(self, text: str) -> None:
        """Write lines above, each with its line end; they stay."""
        with self.lock:
            self._send(text)

    def erase(self) -> None:
        """Take the lines away until they are drawn again. May be called from a signal handler."""
        if _in_front(self._stream):
            with _unless_gone():
                # Past the stream, which may be in the middle of a write.
                os.write(self._stream.fileno(), _ERASE_BELOW.encode("ascii"))

    def end(self, lines: Sequence[str]) -> None:
        """Draw lines that stay, and leave the terminal behind them."""
        with self.lock:
            self._lines = ()
            self._send("".join(f"{line}\n" for line in lines))

    def _send(self, text: str) -> None:
        with _unless_gone():
            self._stream.write(self._framed(text) if _in_front(self._stream) else text)
            self._stream.flush()

    def _framed(self, text: str) -> str:
        columns, rows = self.size
        # Lines for another width are not drawn again; new ones come in a moment.
        lines = self._lines[: max(0, rows - 2)] if columns == self._drawn_for else ()
        below = "".join(f"\n{line}{_RESET}" for line in lines)
        back = f"{_NO_WRAP}{below}{_WRAP}{_UP.format(len(lines))}" if lines else ""
        return f"{_ERASE_BELOW}{text}{back}"


def _in_front(stream: TextIO) -> bool:
    """Whether a terminal is this process's to draw on, and not that of a shell that it is a job of."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # it is not the one that this process was started from
        return True


@contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _GONE:
            raise
