"""``dspy-gepa watch RUN``: follow a run of another process, live, until it ends."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean_line, say, stdout_is_terminal
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.follow import Follower
from dspy_gepa.record.model import RunStatus
from dspy_gepa.record.progress import ProgressBuilder
from dspy_gepa.views.choice import Mode, Show, open_display

# The exit code that a shell reports after Ctrl-C.
_INTERRUPTED = 130


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
        with open_display(_mode(plain=plain), stream=sys.stdout) as show:
            state = follow(run, show, interval)
    except KeyboardInterrupt:
        say("The run is not affected.", err=True)
        ctx.exit(_INTERRUPTED)
    if state == "killed":
        say(f"Its process is gone without a word. How to go on: dspy-gepa show {clean_line(str(run))}")
    if check and state != "finished":
        ctx.exit(1)


def follow(run: Path, show: Show, interval: float) -> RunStatus:
    """Show a run's progress until it ends, and return how it ended.

    Args:
        run: Its `log_dir`.
        show: Shows progress.
        interval: Seconds between two looks.
    """
    build = ProgressBuilder(log_dir=str(run))
    with read_journal(run) as db:
        follower = Follower(db, run)
        while True:
            news = follower.look()
            for event, at in news.events:
                build(event, at)
            show(build.progress)
            if news.state != "running":
                return news.state
            time.sleep(interval)


def _mode(*, plain: bool) -> Mode:
    if plain or not stdout_is_terminal():
        return "plain"
    if find_spec("rich") is None:
        say("Lines only; a panel needs rich: pip install rich", err=True)
    return "live"
