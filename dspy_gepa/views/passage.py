"""Brings what others write to a terminal above the lines of a live view: prints, bars, logs, warnings."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, TypeGuard, cast

from dspy_gepa.views.region import Region
from dspy_gepa.views.transcript import Transcript


def is_terminal(stream: TextIO | None) -> TypeGuard[TextIO]:
    """Whether there is a stream, an open one, and a terminal at its end. Programs put many things there."""
    return isinstance(stream, io.TextIOBase) and not stream.closed and stream.isatty()


class Passage(io.TextIOBase):
    """Stands in for a stream; what is written goes above the region, a line at a time.

    Args:
        stream: The stream.
        region: Where its lines go above.
    """

    def __init__(self, stream: TextIO, region: Region) -> None:
        self._stream = stream
        self._region = region
        self._transcript = Transcript()
        self._open = True
        self._process = os.getpid()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        """That of the stream."""
        return self._stream.encoding

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own, such as its buffer; bytes written there know nothing of the view."""
        return getattr(self._stream, name)

    @property
    def pending(self) -> list[str]:
        """What was written and is not a finished line yet."""
        return self._transcript.pending

    def write(self, text: str) -> int:
        """Write; whole lines are shown at once, unfinished ones with the next drawing."""
        # A process that was forked has the view's lock as it was then, and nobody who would open it.
        if not self._open or os.getpid() != self._process:
            return self._stream.write(text)
        with self._region.lock:
            lines = self._transcript.feed(text)
            if lines:
                self._region.above(
                    "".join(f"{line}\x1b[0m\n" if "\x1b" in line else f"{line}\n" for line in lines)
                )
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """As the stream."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """That of the stream."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """True."""
        return True

    def release(self) -> None:
        """From now on write to the stream; what is not finished is written as lines."""
        with self._region.lock:
            rest = self._transcript.close()
            self._open = False
            if rest:
                self._region.above("".join(f"{line}\n" for line in rest))


@contextmanager
def passages(region: Region) -> Iterator[list[Passage]]:
    """Let stdout and stderr, where they are its terminal, and log handlers on them write above a region."""
    terminals = [stream for stream in (sys.stdout, sys.stderr) if is_terminal(stream)]
    streams = [stream for stream in terminals if region.is_on_terminal_of(stream)]
    stand_ins = {id(stream): Passage(stream, region) for stream in streams}
    before = sys.stdout, sys.stderr
    for stream in streams:
        stream.flush()
    sys.stdout, sys.stderr = (cast(TextIO, stand_ins.get(id(stream), stream)) for stream in before)
    # A handler keeps the stream that it was made with.
    moved = [handler for handler in _stream_handlers() if id(handler.stream) in stand_ins]
    for handler in moved:
        handler.setStream(cast(TextIO, stand_ins[id(handler.stream)]))
    opened = list(stand_ins.values())
    try:
        yield opened
    finally:
        for handler in moved:
            if isinstance(handler.stream, Passage):
                handler.setStream(handler.stream._stream)
        if isinstance(sys.stdout, Passage):
            sys.stdout = before[0]
        if isinstance(sys.stderr, Passage):
            sys.stderr = before[1]
        for passage in opened:
            passage.release()


def _stream_handlers() -> list[logging.StreamHandler[TextIO]]:
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    loggers = [logger for logger in known if isinstance(logger, logging.Logger)]
    handlers = {id(handler): handler for logger in loggers for handler in logger.handlers}
    return [handler for handler in handlers.values() if type(handler) is logging.StreamHandler]
