"""What a view is drawn on, and what draws it again while time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread
from typing import Protocol

from dspy_gepa.program.log import log_failure
from dspy_gepa.record.progress import Progress

# Seconds between two drawings: a drawing takes a few milliseconds, less than one per cent of that.
PERIOD = 0.5
# Drawings after which it is drawn anew even if nothing happened: the time has moved on.
STILL = 2

Clock = Callable[[], float]
Show = Callable[[Progress], None]


class Canvas(Protocol):
    """Draws progress somewhere."""

    def draw(self, progress: Progress, now: float) -> None:
        """Draw it in place of what was drawn before."""

    def end(self, progress: Progress, now: float) -> None:
        """Draw it for the last time."""


@contextmanager
def refreshed(canvas: Canvas, clock: Clock, period: float = PERIOD) -> Iterator[Show]:
    """A function to hand progress to; it is drawn on a thread of its own, a few times in a second at most.

    When the context ends the last progress is drawn once more, on the thread that ends it. An error in
    drawing is logged, and nothing is drawn any more.

    Args:
        canvas: Draws.
        clock: The clock that the progress is folded with.
        period: Seconds between two drawings.
    """
    easel = _Easel(canvas, clock, period)
    # With the context, by which a notebook knows the cell that an output belongs to.
    thread = Thread(target=copy_context().run, args=(easel.run,), name="dspy_gepa view", daemon=True)
    thread.start()
    try:
        yield easel.show
    finally:
        easel.done.set()
        thread.join()
        easel.finish()


class _Easel:
    def __init__(self, canvas: Canvas, clock: Clock, period: float) -> None:
        self.done = Event()
        self._canvas = canvas
        self._clock = clock
        self._period = period
        self._latest: Progress | None = None
        self._drawn: Progress | None = None
        self._unchanged = 0
        self._broken = False

    def show(self, progress: Progress) -> None:
        if self._latest is None:  # whoever starts a run need not wait to see that it did
            self._guarded(self._canvas.draw, progress)
        self._latest = progress

    def run(self) -> None:
        while not self.done.wait(self._period) and not self._broken:
            latest = self._latest
            self._unchanged = self._unchanged + 1 if latest is self._drawn else STILL
            if latest is not None and self._unchanged >= STILL:
                self._guarded(self._canvas.draw, latest)
                self._drawn, self._unchanged = latest, 0

    def finish(self) -> None:
        if self._latest is not None and not self._broken:
            self._guarded(self._canvas.end, self._latest)

    def _guarded(self, draw: Callable[[Progress, float], None], progress: Progress) -> None:
        try:
            draw(progress, self._clock())
        except Exception:  # whatever is wrong with a view is no reason to end a run that costs money
            self._broken = True
            log_failure("the live view failed and is not drawn any more; the run goes on")
