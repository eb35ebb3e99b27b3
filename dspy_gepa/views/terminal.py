"""The live view on a terminal: a panel below everything that the program prints."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TextIO

from rich.console import Console

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel
from dspy_gepa.views.stdout import Transcript, intercepted, joined_lines

_ERASE_BELOW = "\r\x1b[J"
_UP = "\x1b[{}A\r"
# Between these the terminal cuts a line at its edge, so that every line takes one row: terminals disagree on
# the width of emoji, and the window may have become narrower since the line was made.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_RESET = "\x1b[0m"
# Errors of a terminal whose window was closed or whose connection broke.
_GONE = (errno.EIO, errno.ENXIO)


def can_be_drawn_on(stream: TextIO) -> bool:
    """Return True if the terminal can move its cursor."""
    console = Console(file=stream, force_jupyter=False)
    return not console.is_dumb_terminal and not console.legacy_windows


@contextmanager
def open_terminal(stream: TextIO) -> Iterator[TerminalDisplay]:
    """Draw on a terminal, with everything that is written to stdout and stderr above the panel."""
    display = TerminalDisplay(stream)
    with intercepted(stream, display.write_above, display.lock) as display.transcripts:
        yield display


class TerminalDisplay:
    """A panel at the bottom of a terminal, in the terminal's colours; without colours under ``NO_COLOR``.

    The cursor rests on an empty line above the panel, and each drawing erases from there to the end of the
    screen. So no position has to be remembered, and the panel stays whole when the window is resized or a
    subprocess writes to the terminal. (``rich.live.Live`` rests below its lines, and loses count then.) The
    cursor stays visible and no mode stays changed: a killed process leaves nothing to restore.

    Attributes:
        lock: Held by every thread that writes to the terminal.
        transcripts: Of the program's output; their pending lines are drawn above the panel.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self.lock = RLock()
        self.transcripts: Sequence[Transcript] = ()
        self._stream = stream
        self._write = stream.write  # of the terminal itself, before it is intercepted
        self._colors = None if os.environ.get("NO_COLOR") else Console(file=stream).color_system
        self._lines: Sequence[str] = ()
        self._width = 0

    def draw(self, progress: Progress, now: float) -> None:
        """Replace the panel; lines that do not fit into the window are left out."""
        width = self._size.columns
        lines = self._panel(progress, now, width)
        with self.lock:
            self._lines, self._width = lines, width
            self.write_above("")

    def close(self, progress: Progress, now: float) -> None:
        """Replace the panel by a last one that stays, below all text."""
        with self.lock:
            rest = [line for transcript in self.transcripts for line in transcript.close()]
            self._lines = ()
            self.write_above(joined_lines([*rest, *self._panel(progress, now, self._size.columns)]))

    def write_above(self, text: str) -> None:
        """Write whole lines above the panel. Writing to a terminal that is gone is no error."""
        with self.lock:
            try:
                self._write(self._framed(text) if _is_in_foreground(self._stream) else text)
                self._stream.flush()
            except OSError as error:
                if error.errno not in _GONE:
                    raise

    def _framed(self, text: str) -> str:
        columns, rows = self._size
        pending = [line for transcript in self.transcripts for line in transcript.pending]
        # Lines for another width are left out; the next drawing is due within a second.
        lines = [*pending, *(self._lines if columns == self._width else ())][: max(0, rows - 2)]
        below = "".join(f"\n{line}{_RESET}" for line in lines)
        return f"{_ERASE_BELOW}{text}" + (
            f"{_NO_WRAP}{below}{_WRAP}{_UP.format(len(lines))}" if lines else ""
        )

    def _panel(self, progress: Progress, now: float, width: int) -> list[str]:
        return lines_of(
            panel(progress, now, width), Sheet(width, self._stream.encoding or "ascii", self._colors)
        )

    @property
    def _size(self) -> os.terminal_size:
        usual = shutil.get_terminal_size()
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return usual
        # In many containers the terminal does not know its size and reports 0.
        return os.terminal_size((columns or usual.columns, rows or usual.lines))


def _is_in_foreground(stream: TextIO) -> bool:
    """Return False for a background job of a shell: somebody types into the terminal then."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # not the terminal that controls this process
        return True
