"""A terminal for tests: a pseudo-terminal whose other end is read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pyte
import pytest


class Screen:
    """What somebody sees who looks at the terminal, with what has scrolled out of it."""

    def __init__(self, columns: int = 80, rows: int = 24, *, encoding: str = "utf-8") -> None:
        self._reading, self._writing = os.openpty()
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._feed = pyte.ByteStream(self._screen)
        self._set_size(columns, rows)
        self.stream = os.fdopen(os.dup(self._writing), "w", encoding=encoding, errors="backslashreplace")
        self.raw = b""
        self._thread = Thread(target=self._read)
        self._thread.start()

    def resize(self, columns: int, rows: int) -> None:
        """As when somebody changes the size of the window; this emulator cuts lines off and moves none."""
        self._set_size(columns, rows)
        self._screen.resize(rows, columns)

    def close(self) -> None:
        """Take in all that was written."""
        self.stream.close()
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    @property
    def lines(self) -> list[str]:
        """From top to bottom, without trailing spaces and without the empty lines at the end."""
        past = ["".join(row[x].data for x in range(self._screen.columns)) for row in self._screen.history.top]
        return "\n".join(line.rstrip() for line in [*past, *self._screen.display]).rstrip().split("\n")

    @property
    def cursor(self) -> tuple[int, int, bool]:
        """Row, column, and whether it can be seen."""
        return self._screen.cursor.y, self._screen.cursor.x, not self._screen.cursor.hidden

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._writing, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._reading, 65_536)
            except OSError:  # Linux's way to say that nobody can write any more
                return
            self.raw += read
            self._feed.feed(read)


@contextmanager
def terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int = 80, rows: int = 24, *, encoding: str = "utf-8"
) -> Iterator[Screen]:
    """Put stdout and stderr on one terminal; when this ends, all that was written has been taken in."""
    screen = Screen(columns, rows, encoding=encoding)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen.stream)
        patch.setattr(sys, "stderr", screen.stream)
        try:
            yield screen
        finally:
            screen.close()
