"""RUN, the argument of most commands: a run's `log_dir`; and which one was probably meant where it is none."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dspy_gepa.cli.terminal import clean_line
from dspy_gepa.record.outline import find_runs
from dspy_gepa.runtime.journal_file import FILE_NAME

# How far, and for how many, runs are looked for that may have been meant.
_DEPTH, _MOST = 3, 5


class RunPath(click.ParamType):
    """A folder with a run's journal, or the journal itself; converted to the folder."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The folder.

        Raises:
            BadParameter: There is no run; the message names those that are near.
        """
        path = Path(value)
        if path.name == FILE_NAME and path.is_file():
            return path.parent
        if (path / FILE_NAME).is_file():
            return path
        problem = f"{FILE_NAME} is missing in it" if path.is_dir() else "it is no folder"
        self.fail(clean_line(f"{value} is not a run's log_dir: {problem}. {_near(path)}"), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Folders, completed by the shell."""
        return [CompletionItem(incomplete, type="dir")]


def _near(path: Path) -> str:
    """Which runs may have been meant."""
    if path.is_dir():
        found = [str(run) for run in islice(find_runs(path, _DEPTH), _MOST)]
        return f"Below it there are: {', '.join(found)}." if found else "GEPA(log_dir=...) makes one."
    above = next((folder for folder in path.parents if folder.is_dir()), Path())
    runs = {str(run): run for run in find_runs(above, 1 if above == Path() else _DEPTH)}
    meant = get_close_matches(str(path), runs, n=_MOST, cutoff=0.5) or list(islice(runs, _MOST))
    return f"Near it there are: {', '.join(meant)}." if meant else f"Nor are there runs near it, in {above}."


run_argument = click.argument("run", type=RunPath(), metavar="RUN")
