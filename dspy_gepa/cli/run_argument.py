"""RUN, the argument of most commands: the `log_dir` of a run."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click

from dspy_gepa.cli.terminal import clean_line
from dspy_gepa.record.brief import find_runs
from dspy_gepa.record.file import FILE_NAME

Command = TypeVar("Command", bound=Callable[..., Any])

# Depth of the search for runs to suggest, and their maximum number.
_DEPTH, _MOST = 2, 5


def run_argument(name: str = "run") -> Callable[[Command], Command]:
    """Add an argument: a run's folder, or the journal in it. The command gets the folder."""
    return click.argument(name, type=click.Path(path_type=Path), callback=_folder_of, metavar="RUN")


def explained(example: str) -> str:
    """Return the end of a command's help: the meaning of RUN, and an example."""
    return f"RUN is the log_dir that GEPA was given. For example:\n\n\b\n  {example}"


def _folder_of(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
    if path.name == FILE_NAME and path.is_file():
        return path.parent
    if (path / FILE_NAME).is_file():
        return path
    problem = f"{FILE_NAME} is missing in it" if path.is_dir() else "it is no folder"
    raise click.BadParameter(clean_line(f"{path} is not a run's log_dir: {problem}. {_near(path)}"))


def _near(path: Path) -> str:
    """Return a sentence with the runs that may have been meant."""
    if path.is_dir():
        found = [str(run) for run in islice(find_runs(path, _DEPTH), _MOST)]
        return f"Below it there are: {', '.join(found)}." if found else "GEPA(log_dir=...) makes one."
    above = next((folder for folder in path.parents if folder.is_dir()), Path())
    runs = [str(run) for run in find_runs(above, _DEPTH)]
    meant = get_close_matches(str(path), runs, n=_MOST, cutoff=0.5) or runs[:_MOST]
    return (
        f"Near it there are: {', '.join(meant)}."
        if meant
        else f"Nor is there a run below {above.absolute()}."
    )
