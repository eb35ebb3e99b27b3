"""The view as lines of text, for logs: one at the start, one a minute, one at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.canvas import Clock
from dspy_gepa.views.words import line_of

EVERY = 60.0


class PlainLines:
    """Takes progress, and writes a line when it is time for one, when a run has to wait, and when it ends.

    Args:
        clock: The clock that the progress is folded with.
        quiet: A run that takes fewer seconds writes nothing, unless it has to wait before it can stop.
        every: Seconds between two lines; while nothing happens there are none.
        write: Writes a line; default: to ``sys.stderr``.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        quiet: float = 0.0,
        every: float = EVERY,
        write: Callable[[str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._every = every
        self._write = write or _to_stderr
        self._begins = self._due = clock() + quiet
        self._shown: Progress | None = None

    def __call__(self, progress: Progress, *, last: bool = False) -> None:
        """Take the progress after an event, or after a look.

        Args:
            progress: The progress.
            last: Whether there will be no more, although the run did not say that it ended.
        """
        now = self._clock()
        waits = progress.wait is not None and (self._shown is None or self._shown.wait is None)
        ended = last or (progress.over and now >= self._begins)
        if waits or ended or (now >= self._due and progress != self._shown):
            self._shown, self._due = progress, now + self._every
            self._write(line_of(progress, now))


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:  # there is none where a program has no console
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
