"""Choice of the view of a run, ``GEPA(progress=...)``: live, lines of text, or none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from typing import Literal, Protocol, TextIO, TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import Event
from dspy_gepa.program.log import log_failure
from dspy_gepa.record.progress import Progress, ProgressBuilder
from dspy_gepa.views.plain import PlainLines
from dspy_gepa.views.stdout import is_terminal

Mode: TypeAlias = Literal["auto", "live", "plain", "off"]
Seconds: TypeAlias = Callable[[], float]
Show: TypeAlias = Callable[[Progress], None]
# Seconds between two drawings. A drawing takes a few milliseconds.
PERIOD = 0.5

_one_at_a_time = Lock()


class Display(Protocol):
    """Draws progress in one place."""

    def draw(self, progress: Progress, now: float) -> None:
        """Replace the drawing before."""

    def close(self, progress: Progress, now: float) -> None:
        """Draw for the last time."""


@dataclass
class View:
    """A callback that shows the progress of a run.

    Args:
        show: Shows it.
        build: Builds the progress from events.
        clock: Seconds.
    """

    show: Show
    build: ProgressBuilder = field(default_factory=ProgressBuilder)
    clock: Seconds = time.monotonic

    def __call__(self, event: Event) -> None:
        """Show the progress after an event."""
        self.show(self.build(event, self.clock()))


def choose_views(mode: Mode, log_dir: Path | None) -> tuple[Callable[[], AbstractContextManager[View]], ...]:
    """Return a function that opens the view; none with ``"off"``."""
    return () if mode == "off" else (lambda: open_view(mode, log_dir),)


@contextmanager
def open_view(mode: Mode, log_dir: Path | None, clock: Seconds = time.monotonic) -> Iterator[View]:
    """Open a callback that shows a run of this process."""
    with open_display(mode, clock) as show:
        yield View(show, ProgressBuilder(None if log_dir is None else str(log_dir)), clock)


@contextmanager
def open_display(mode: Mode, clock: Seconds = time.time, stream: TextIO | None = None) -> Iterator[Show]:
    """Open a function that shows progress, of a run in this process or in another one.

    A live view is drawn on its own thread and skips progress that comes faster than it draws; the last one
    stays visible. There is one live view at a time: further ones, and those on something other than a
    terminal or a notebook, are lines of text.

    Args:
        mode: See `dspy_gepa.GEPA`; ``"off"`` shows nothing.
        clock: The clock of the progress.
        stream: Where to show it. Default: `sys.stderr`.
    """
    if mode == "off":
        yield lambda progress: None
    elif mode != "plain" and find_spec("rich") is not None and _one_at_a_time.acquire(blocking=False):
        try:
            with _live(mode, clock, stream) as show:
                yield show
        finally:
            _one_at_a_time.release()
    else:
        with _plain(clock, stream) as show:
            yield show


def require_rich(mode: Mode) -> None:
    """Refuse a live view that cannot be drawn.

    Raises:
        ConfigurationError: rich is not installed.
    """
    if mode == "live" and find_spec("rich") is None:
        raise ConfigurationError("progress='live' needs rich. Run pip install rich, or set progress='auto'.")


@contextmanager
def _live(mode: Mode, clock: Seconds, stream: TextIO | None) -> Iterator[Show]:
    # These import rich, which need not be installed.
    from dspy_gepa.views.notebook import NotebookDisplay, in_notebook
    from dspy_gepa.views.terminal import can_be_drawn_on, open_terminal

    terminal = stream or sys.stderr
    if in_notebook():
        with refreshed(NotebookDisplay(), clock) as show:
            yield show
    elif is_terminal(terminal) and can_be_drawn_on(terminal):
        with open_terminal(terminal) as display, refreshed(display, clock) as show:
            yield show
    else:
        with _plain(clock, stream) as show:
            yield show


@contextmanager
def _plain(clock: Seconds, stream: TextIO | None) -> Iterator[Show]:
    lines = PlainLines(clock, stream=stream)
    try:
        yield lines.show
    finally:
        lines.close()


@contextmanager
def refreshed(display: Display, clock: Seconds, period: float = PERIOD) -> Iterator[Show]:
    """Open a function that takes progress, and draw the latest on a thread of its own.

    When the context ends, the last progress is drawn once more. An error in drawing is logged and ends the
    drawing: it is no reason to end a run that costs money.
    """
    latest: Progress | None = None
    broken, done = Flag(), Flag()

    def draw(drawing: Callable[[Progress, float], None]) -> None:
        if latest is None or broken.is_set():
            return
        try:
            drawing(latest, clock())
        except Exception:
            broken.set()
            log_failure("the live view failed and is not drawn any more; the run goes on")

    def show(progress: Progress) -> None:
        nonlocal latest
        is_first, latest = latest is None, progress
        if is_first:  # a run is visible as soon as it starts
            draw(display.draw)

    def redraw() -> None:
        while not done.wait(period):
            draw(display.draw)

    # A notebook finds the cell of an output in the context.
    thread = Thread(target=copy_context().run, args=(redraw,), name="dspy_gepa view", daemon=True)
    thread.start()
    try:
        yield show
    finally:
        done.set()
        thread.join()
        draw(display.close)
