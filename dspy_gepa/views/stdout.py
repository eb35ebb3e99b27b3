"""Keeps prints, logs, warnings and progress bars of the program whole above a live view."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TextIO, TypeGuard

# tqdm draws its bar number k as k newlines, a carriage return, the bar, and k moves up.
_CONTROL = re.compile(r"(\n|\r|\x1b\[\d*A)")
# Escape sequences other than colours.
_MOVES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-ln-~]")
# With more bars than this, the topmost ones count as finished.
MOST_BARS = 4


class Transcript:
    """Splits the text written to one stream into finished lines and lines that may still change.

    A newline finishes a line. Text after a carriage return replaces the line, as progress bars do; a bar is
    finished when something else is written below it.
    """

    def __init__(self) -> None:
        self._line = ""
        self._bars: dict[int, str] = {}
        self._row = 0

    def feed(self, text: str) -> list[str]:
        """Add the text of one write, and return the lines that it finishes."""
        is_bar = text.startswith("\r") or not _CONTROL.sub("", text)
        return self._feed_bar(text) if is_bar and not self._line else self._feed_line(text)

    @property
    def pending(self) -> list[str]:
        """Lines that are not finished."""
        bars = [self._bars[row] for row in sorted(self._bars)]
        return [*bars, self._line.rstrip("\r")] if self._line else bars

    def close(self) -> list[str]:
        """Return the pending lines, and start anew."""
        rest, self._line, self._bars, self._row = self.pending, "", {}, 0
        return rest

    def _feed_bar(self, text: str) -> list[str]:
        finished = []
        for token in _CONTROL.split(text):
            if token == "\n":
                if self._bars:
                    self._row += 1
                else:
                    finished.append("")
            elif token.startswith("\x1b"):
                self._row = max(0, self._row - int(token[2:-1] or 1))
            elif token.strip():
                self._bars[self._row] = _MOVES.sub("", token)
            elif token and token != "\r":
                self._bars.pop(self._row, None)  # a bar is removed by spaces
        if len(self._bars) > MOST_BARS:
            finished += self._finish_bars(above=sorted(self._bars)[-MOST_BARS])
        if not self._bars:
            self._row = 0
        return finished

    def _feed_line(self, text: str) -> list[str]:
        finished = self._finish_bars(above=self._row)
        *lines, self._line = (self._line + text).split("\n")
        self._line = _rewritten(self._line)
        return [*finished, *(_rewritten(line).rstrip("\r") for line in lines)]

    def _finish_bars(self, above: int) -> list[str]:
        finished = [self._bars.pop(row) for row in sorted(self._bars) if row < above]
        self._bars = {row - above: bar for row, bar in self._bars.items()}
        self._row = max(0, self._row - above)
        return finished


def _rewritten(line: str) -> str:
    """Return the visible part of a line with carriage returns."""
    seen = [part for part in line.split("\r") if part]
    if not seen:
        return ""
    last = _MOVES.sub("", seen[-1])
    return f"{last}\r" if line.endswith("\r") else last


def is_terminal(stream: TextIO | None) -> TypeGuard[io.TextIOWrapper]:
    """Return True for an open stream that is a terminal, and not an object that merely writes to one."""
    return isinstance(stream, io.TextIOWrapper) and not stream.closed and stream.isatty()


@contextmanager
def intercepted(
    terminal: TextIO, write_above: Callable[[str], None], lock: AbstractContextManager[Any]
) -> Iterator[list[Transcript]]:
    """Send everything that stdout and stderr get above the live view, where they are this terminal.

    The streams stay and only their `write` is replaced. So a log handler that was created before writes above
    as well, and so does an object in the place of `sys.stdout` that copies its text to a file.

    Args:
        terminal: The terminal of the live view.
        write_above: Writes whole lines above it.
        lock: Held by every thread that writes to the terminal.

    Yields:
        The transcripts, whose pending lines are to be drawn with the live view.
    """
    streams = {id(stream): stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}
    terminals = [one for one in streams.values() if is_terminal(one) and _is_same_file(one, terminal)]
    with ExitStack() as stack:
        yield [stack.enter_context(_intercepted(stream, write_above, lock)) for stream in terminals]


@contextmanager
def _intercepted(
    stream: TextIO, write_above: Callable[[str], None], lock: AbstractContextManager[Any]
) -> Iterator[Transcript]:
    transcript, process, is_open = Transcript(), os.getpid(), True
    original, replaced = stream.write, vars(stream).get("write")

    def write(text: str) -> int:
        # Who keeps this function may call it later; in a forked process nobody would release the lock.
        if not is_open or os.getpid() != process:
            return original(text)
        with lock:
            if lines := transcript.feed(text):
                write_above(joined_lines(lines))
        return len(text)

    stream.flush()
    setattr(stream, "write", write)  # noqa: B010  # mypy knows it for a method
    try:
        yield transcript
    finally:
        with lock:
            is_open = False
            if vars(stream).get("write") is write:  # somebody else may have replaced it meanwhile
                delattr(stream, "write")
                if replaced is not None:
                    setattr(stream, "write", replaced)  # noqa: B010
            if lines := transcript.close():
                write_above(joined_lines(lines))


def joined_lines(lines: Iterable[str]) -> str:
    """Join lines; the colours of one do not reach the next."""
    return "".join(f"{line}\x1b[0m\n" if "\x1b" in line else f"{line}\n" for line in lines)


def _is_same_file(one: TextIO, other: TextIO) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):  # a stream without a file cannot be another file
        return True
