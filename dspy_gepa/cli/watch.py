"""``dspy-gepa watch RUN``: a run of another process, live, until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean_line, is_terminal, say
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.follow import Follower
from dspy_gepa.record.model import RunState
from dspy_gepa.record.progress import Progress, ProgressBuilder
from dspy_gepa.views.canvas import Canvas
from dspy_gepa.views.plain import PlainLines

# What a shell reports of a command that was ended by Ctrl-C.
_INTERRUPTED = 130

View: TypeAlias = Callable[[Progress, RunState], None]
"""Shows how a run stands; for the last time when it is not running any more."""


@click.command(epilog=explained("dspy-gepa watch runs/one --check && ./deploy.sh"))
@run_argument()
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option("--plain", is_flag=True, help="Lines, as in a pipe, in place of a panel.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the run has finished.")
@click.pass_context
def watch(ctx: click.Context, run: Path, *, interval: float, plain: bool, check: bool) -> None:
    """Watch a run, which goes on in another process, until it ends. Ctrl-C ends the watching only."""
    try:
        with _view(plain=plain) as view:
            state = follow(run, view, interval)
    except KeyboardInterrupt:
        say("The run is not affected.", err=True)
        ctx.exit(_INTERRUPTED)
    if state == "killed":
        say(f"Its process is gone without a word. How to go on: dspy-gepa show {clean_line(str(run))}")
    if check and state != "finished":
        ctx.exit(1)


def follow(run: Path, view: View, interval: float) -> RunState:
    """Show a run's progress until it ends; how it ended.

    Args:
        run: Its `log_dir`.
        view: What shows it.
        interval: Seconds between two looks.
    """
    build = ProgressBuilder(log_dir=str(run))
    with read_journal(run) as db:
        follower = Follower(db, run)
        while True:
            news = follower.look()
            for event, at in news.events:
                build(event, at)
            view(build.progress, news.state)
            if news.state != "running":
                return news.state
            time.sleep(interval)


@contextmanager
def _view(*, plain: bool) -> Iterator[View]:
    """A panel that is drawn again and again in one place and stays there in the end; or lines."""
    canvas = None if plain or not is_terminal() else _canvas()
    if canvas is None:
        lines = PlainLines(time.time, write=say)
        yield lambda progress, state: lines(progress, last=state != "running")
        return
    shown = Progress()

    def view(progress: Progress, state: RunState) -> None:
        nonlocal shown
        shown = progress
        canvas.draw(progress, time.time())

    try:
        yield view
    finally:  # after Ctrl-C too: the cursor rests above the panel, and the shell would write into it
        canvas.end(shown, time.time())


def _canvas() -> Canvas | None:
    """The terminal, if it can be drawn on."""
    try:
        from dspy_gepa.views.region import Region
        from dspy_gepa.views.terminal import TerminalCanvas, can_be_drawn_on
    except ImportError:
        say("Lines only: pip install 'dspy-gepa[report]' for a panel.", err=True)
        return None
    return TerminalCanvas(sys.stdout, Region(sys.stdout)) if can_be_drawn_on(sys.stdout) else None
