"""The view as lines of text, for logs: one at the start, one a minute, one at the end."""

from __future__ import annotations

import sys

from dspy_gepa.observe.live.canvas import Clock
from dspy_gepa.observe.state import Progress
from dspy_gepa.observe.wording import line_of

EVERY = 60.0


class PlainLines:
    """Takes progress, and writes a line to ``sys.stderr`` when it is time for one, and when the run ends.

    Args:
        clock: The clock that the progress is folded with.
        quiet: A run that takes fewer seconds writes nothing at all.
        every: Seconds between two lines; while nothing happens there are none.
    """

    def __init__(self, clock: Clock, *, quiet: float = 0.0, every: float = EVERY) -> None:
        self._clock = clock
        self._every = every
        self._begins = self._due = clock() + quiet

    def __call__(self, progress: Progress) -> None:
        """Take the progress after an event."""
        now = self._clock()
        if now >= self._due or (progress.over and now >= self._begins):
            self._due = now + self._every
            if sys.stderr is not None:  # there is none where a program has no console
                sys.stderr.write(f"{line_of(progress, now)}\n")
                sys.stderr.flush()
