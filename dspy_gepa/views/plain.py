"""The view as lines of text, for pipes and log files: one at the start, one a minute, one at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.words import line_of

EVERY = 60.0


class PlainLines:
    """Writes a line when one is due, when a run has to wait before it stops, and when it ends.

    Args:
        clock: The clock of the progress.
        every: Seconds between two lines; there is none while nothing changes.
        stream: Where the lines go. Default: the `sys.stderr` of the moment.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        every: float = EVERY,
        stream: TextIO | None = None,
    ) -> None:
        self._clock = clock
        self._every = every
        self._stream = stream
        self._due = clock()
        self._latest: Progress | None = None
        self._shown: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Take in the progress after an event."""
        self._latest = progress
        now = self._clock()
        starts_waiting = progress.wait is not None and (self._shown is None or self._shown.wait is None)
        if starts_waiting or progress.over or (now >= self._due and progress != self._shown):
            self._write(progress, now)

    def close(self) -> None:
        """Write the last progress, unless it was written."""
        now = self._clock()
        if self._latest is not None and self._latest != self._shown:
            self._write(self._latest, now)

    def _write(self, progress: Progress, now: float) -> None:
        self._shown, self._due = progress, now + self._every
        stream = self._stream or sys.stderr
        if stream is not None:  # None in a program without a console
            stream.write(f"{line_of(progress, now)}\n")
            stream.flush()
