"""Which view of a run is shown, and where: ``GEPA(progress=...)``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import Event
from dspy_gepa.record.progress import ProgressBuilder
from dspy_gepa.views.canvas import Clock, Show, refreshed
from dspy_gepa.views.passage import is_terminal, passages
from dspy_gepa.views.plain import PlainLines
from dspy_gepa.views.region import Region
from dspy_gepa.views.suspension import erased_when_suspended

Mode: TypeAlias = Literal["auto", "live", "plain", "off"]
# What takes less than this says nothing by itself where there is no terminal: a log or a CI is not spammed.
QUIET = 60.0

_one_at_a_time = Lock()


@dataclass
class View:
    """A callback that shows how far a run is.

    Args:
        show: Shows it.
        build: Builds the progress from events.
        clock: Seconds.
    """

    show: Show
    build: ProgressBuilder = field(default_factory=ProgressBuilder)
    clock: Clock = time.monotonic

    def __call__(self, event: Event) -> None:
        """Show what has changed."""
        self.show(self.build(event, self.clock()))


def choose_views(mode: Mode, log_dir: Path | None) -> tuple[Callable[[], AbstractContextManager[View]], ...]:
    """What opens the view that was asked for; none with ``"off"``."""
    return () if mode == "off" else (lambda: open_view(mode, log_dir),)


@contextmanager
def open_view(mode: Mode, log_dir: Path | None, clock: Clock = time.monotonic) -> Iterator[View]:
    """A callback that shows a run of this process."""
    with open_display(mode, clock) as show:
        yield View(show, ProgressBuilder(None if log_dir is None else str(log_dir)), clock)


@contextmanager
def open_display(mode: Mode, clock: Clock = time.time) -> Iterator[Show]:
    """A function to hand progress to, of a run in this process or in another one.

    Live views are drawn on a thread of their own, what is handed over in between is left out. When the
    context ends the last progress stays to be seen. There is one live view at a time: others, and those on
    something that is no terminal, are plain.

    Args:
        mode: See `dspy_gepa.GEPA`; ``"off"`` shows nothing.
        clock: The clock that the progress is folded with.
    """
    if mode == "off":
        yield lambda progress: None
    elif mode != "plain" and find_spec("rich") is not None and _one_at_a_time.acquire(blocking=False):
        try:
            with _live(mode, clock) as show:
                yield show
        finally:
            _one_at_a_time.release()
    else:
        yield _plain(mode, clock)


def require_rich(mode: Mode) -> None:
    """Refuse a live view that was asked for and cannot be drawn.

    Raises:
        ConfigurationError: rich is not installed.
    """
    if mode == "live" and find_spec("rich") is None:
        raise ConfigurationError(
            "progress='live' needs rich. Run pip install 'dspy-gepa[report]', or set progress='auto'."
        )


@contextmanager
def _live(mode: Mode, clock: Clock) -> Iterator[Show]:
    # These import rich, which need not be installed.
    from dspy_gepa.views.notebook import NotebookCanvas, in_notebook
    from dspy_gepa.views.terminal import TerminalCanvas, can_be_drawn_on

    terminal = sys.stderr
    if in_notebook():
        with refreshed(NotebookCanvas(), clock) as show:
            yield show
    elif is_terminal(terminal) and can_be_drawn_on(terminal):
        region = Region(terminal)
        with (
            erased_when_suspended(region),
            passages(region) as opened,
            refreshed(TerminalCanvas(terminal, region, opened), clock) as show,
        ):
            yield show
    else:
        yield _plain(mode, clock)


def _plain(mode: Mode, clock: Clock) -> PlainLines:
    asked_for = mode in ("plain", "live") or is_terminal(sys.stderr)
    return PlainLines(clock, quiet=0.0 if asked_for else QUIET)
