"""A terminal for tests: a pseudo-terminal whose other end is read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import TextIO

import pyte

# Text that no test writes; it is not shown.
_MARK = b"<settled>"


class Screen:
    """What somebody sees who looks at the terminal, with what has scrolled out of it.

    Args:
        columns: How wide it is.
        rows: How high it is.
        encoding: Of what is written to it.
        known: Columns and rows that it says it has; default: those.
    """

    def __init__(
        self,
        columns: int = 80,
        rows: int = 24,
        *,
        encoding: str = "utf-8",
        known: tuple[int, int] | None = None,
    ) -> None:
        self._reading, self._writing = os.openpty()
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._feed = pyte.ByteStream(self._screen)
        self._set_size(*(known or (columns, rows)))
        self.stream = os.fdopen(os.dup(self._writing), "w", encoding=encoding, errors="backslashreplace")
        self.raw = b""
        self._settled, self._lock = Event(), Lock()
        self._thread = Thread(target=self._read)
        self._thread.start()

    def resize(self, columns: int, rows: int) -> None:
        """As when somebody changes the size of the window; this emulator cuts lines off and moves none."""
        with self._lock:
            self._set_size(columns, rows)
            self._screen.resize(rows, columns)

    def run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, with this terminal as stdin, stdout and stderr."""
        # Else Ctrl-C makes the system drop what is written and not read yet, be it half of a drawing.
        attributes = termios.tcgetattr(self._writing)
        attributes[3] |= termios.NOFLSH
        termios.tcsetattr(self._writing, termios.TCSANOW, attributes)
        streams = {"stdin": self._writing, "stdout": self._writing, "stderr": self._writing}
        return subprocess.Popen(command, start_new_session=True, **streams)

    def type(self, keys: bytes) -> None:
        """Press keys, as somebody at the terminal does."""
        os.write(self._reading, keys)

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until a text is on the screen or has scrolled out of it."""
        end = time.monotonic() + seconds
        while text not in "\n".join(self.lines):
            assert time.monotonic() < end, self.lines
            time.sleep(0.01)

    def settle(self) -> None:
        """Wait until all that was written is on the screen."""
        self.stream.flush()
        self._settled.clear()
        os.write(self._writing, _MARK)
        assert self._settled.wait(timeout=30)

    def close(self) -> None:
        """Take in all that was written. Once is enough."""
        if self.stream.closed:
            return
        self.stream.close()
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    @property
    def lines(self) -> list[str]:
        """From top to bottom, without trailing spaces and without the empty lines at the end."""
        with self._lock:
            past = [
                "".join(row[x].data for x in range(self._screen.columns)) for row in self._screen.history.top
            ]
            now = self._screen.display
        return "\n".join(line.rstrip() for line in [*past, *now]).rstrip().split("\n")

    @property
    def rows(self) -> list[list[pyte.screens.Char]]:
        """What is to be seen now, character by character with its colours."""
        buffer, columns = self._screen.buffer, range(self._screen.columns)
        return [[buffer[row][column] for column in columns] for row in range(self._screen.lines)]

    @property
    def cursor(self) -> tuple[int, int, bool]:
        """Row, column, and whether it can be seen."""
        return self._screen.cursor.y, self._screen.cursor.x, not self._screen.cursor.hidden

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._writing, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        held = b""
        while True:
            try:
                read = os.read(self._reading, 65_536)
            except OSError:  # Linux's way to say that nobody can write any more
                return
            self.raw += read
            # A mark may come in two pieces: what could be the beginning of one waits for the rest.
            *shown, held = (held + read).split(_MARK)
            begun = next((n for n in range(len(_MARK) - 1, 0, -1) if held.endswith(_MARK[:n])), 0)
            held, rest = held[len(held) - begun :], held[: len(held) - begun]
            with self._lock:
                self._feed.feed(b"".join(shown) + rest)
            if shown:
                self._settled.set()


@contextmanager
def on(screen: Screen) -> Iterator[None]:
    """Put stdout and stderr on this terminal; within a test, since pytest puts its own in before."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = screen.stream
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def vanishing() -> Iterator[tuple[TextIO, Callable[[], None]]]:
    """A terminal, and what makes it go away, as when a window is closed or a connection breaks."""
    reading, writing = os.openpty()
    stream = os.fdopen(writing, "w", encoding="utf-8")
    closing = Event()

    def read() -> None:
        while not closing.is_set():
            if select.select([reading], [], [], 0.01)[0]:
                os.read(reading, 65_536)
        os.close(reading)

    thread = Thread(target=read)
    thread.start()

    def vanish() -> None:
        closing.set()
        thread.join()

    try:
        yield stream, vanish
    finally:
        vanish()
        with suppress(OSError):  # what the stream holds still cannot be written any more
            stream.close()
