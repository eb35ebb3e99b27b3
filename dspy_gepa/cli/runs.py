"""``dspy-gepa runs DIR``: all runs below a folder with their states."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from dspy_gepa.cli.terminal import CannotError, clean_line, say, table
from dspy_gepa.errors import JournalError
from dspy_gepa.record.brief import Outline, find_runs, read_outline
from dspy_gepa.views.words import amount

_HEADER = ("run", "state", "score", "gain", "test", "rollouts", "cost", "last seen")
_TEST = _HEADER.index("test")


@click.command()
@click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", metavar="[DIR]"
)
@click.pass_context
def runs(ctx: click.Context, directory: Path) -> None:
    """List the runs below a folder, the newest last.

    By default it is the current folder. Journals that cannot be read are named below the others.
    """
    known: list[tuple[Path, Outline]] = []
    unreadable: list[JournalError] = []
    for run in find_runs(directory):
        try:
            known.append((run, read_outline(run)))
        except JournalError as problem:
            unreadable.append(problem)
    known.sort(key=lambda found: found[1].last_seen)
    if known:
        lines = [_HEADER, *(_row(run, outline) for run, outline in known)]
        if not any(line[_TEST] for line in lines[1:]):
            lines = [(*line[:_TEST], *line[_TEST + 1 :]) for line in lines]
        header, *rows = lines
        for line in table(header, rows, right=frozenset(range(2, len(header) - 1))):
            say(line)
    elif not unreadable:
        say(f"There are no runs below {clean_line(str(directory))}. GEPA(log_dir=...) makes one.")
    for error in unreadable:
        say(clean_line(str(error)), err=True)
    if unreadable and not known:
        ctx.exit(CannotError.exit_code)


def _row(run: Path, outline: Outline) -> tuple[str, ...]:
    return (
        str(run),
        outline.state,
        "" if outline.score is None else f"{outline.score:.3f}",
        "" if outline.gain is None else f"{outline.gain:+.3f}",
        "" if outline.test is None else f"{outline.test:.3f}",
        f"{outline.rollouts:,}",
        amount("cost", outline.cost) if outline.cost else "",
        datetime.fromtimestamp(outline.last_seen).strftime("%Y-%m-%d %H:%M"),
    )
