"""``dspy-gepa watch RUN``: a run of another process, live, until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import click

from dspy_gepa.cli.run_argument import run_argument
from dspy_gepa.cli.terminal import clean_line, is_terminal, say
from dspy_gepa.observe.progress import Progress, advance
from dspy_gepa.observe.wording import line_of
from dspy_gepa.record.follow import Follower, News
from dspy_gepa.record.model import State
from dspy_gepa.runtime.journal_file import read_journal

# What a shell reports of a command that was ended by Ctrl-C.
_INTERRUPTED = 130


class View(Protocol):
    """What shows the progress."""

    def __call__(self, progress: Progress, now: float) -> None:
        """Show how it stands now."""


@click.command()
@run_argument
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--plain", is_flag=True, help="A line for each look with news, as in a pipe, in place of a panel."
)
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


def follow(run: Path, view: View, interval: float) -> State:
    """Show a run's progress until it ends; how it ended.

    Args:
        run: Its `log_dir`.
        view: What shows it.
        interval: Seconds between two looks.
    """
    start = Progress(log_dir=str(run))
    progress = start
    with read_journal(run) as db:
        follower = Follower(db, run)
        while True:
            news = follower.look()
            progress = fold(start if news.anew else progress, news)
            view(progress, time.time())
            if news.state != "running":
                return news.state
            time.sleep(interval)


def fold(progress: Progress, news: News) -> Progress:
    """The progress after the news."""
    for data, at in news.told:
        progress = advance(progress, data, at)
    return progress


@contextmanager
def _lines() -> Iterator[View]:
    """A line for each look that brings news."""
    shown: list[Progress] = []

    def view(progress: Progress, now: float) -> None:
        if shown != [progress]:
            shown[:] = [progress]
            say(line_of(progress, now))

    yield view


@contextmanager
def _panel() -> Iterator[View]:
    """A panel that is drawn again and again in one place, and stays there in the end."""
    from rich.console import Console
    from rich.live import Live

    from dspy_gepa.observe.panel import panel

    console = Console()
    with Live(console=console, auto_refresh=False) as live:
        yield lambda progress, now: live.update(panel(progress, now, console.width), refresh=True)


def _view(*, plain: bool) -> AbstractContextManager[View]:
    if plain or not is_terminal():
        return _lines()
    try:
        import rich  # noqa: F401
    except ImportError:
        say(
            "A line per look, since rich is not installed: pip install 'dspy-gepa[report]' for a panel.",
            err=True,
        )
        return _lines()
    return _panel()
