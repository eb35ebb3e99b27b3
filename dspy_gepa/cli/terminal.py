"""What goes to the terminal: clean, as wide as it is, and without colours where nobody sees them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap

import click

from dspy_gepa.views.words import visible

_NARROWEST, _WIDEST = 30, 100
# Columns that a label with its value beside it needs to be read easily.
_ROOM = 60
_GAP = "  "


class CannotError(click.ClickException):
    """What was asked cannot be done; the message may hold anything, and is cleaned."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(clean(message))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Where a file is written that the user named.

    Raises:
        CannotError: It cannot be.
    """
    try:
        yield
    except OSError as error:
        raise CannotError(
            f"{path} cannot be written: {error.strerror or error}. Name another file with -o."
        ) from error


def clean(text: str) -> str:
    """A text of a language model, of data or of a user, as it may stand in a terminal; lines stay lines."""
    return "\n".join(visible(line.expandtabs(4)) for line in text.splitlines())


def clean_line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def columns() -> int:
    """How wide what is written should be: as the terminal, within reason; 80 in a pipe."""
    width = shutil.get_terminal_size().columns
    return min(_WIDEST, max(_NARROWEST, width - 1))


def color() -> bool | None:
    """Whether to colour: never under NO_COLOR, else as click sees fit, which is on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None


def say(text: str = "", *, err: bool = False) -> None:
    """Write a line that is clean already."""
    click.echo(text, err=err, color=color())


def heading(text: str) -> str:
    """A line that stands out."""
    return click.style(text, bold=True)


def dim(text: str) -> str:
    """What is read last."""
    return click.style(text, dim=True)


def facts(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Labels with their values beside them, or below where there is no room; without empty ones."""
    known = [(label, clean_line(value)) for label, value in pairs if value]
    if not known:
        return []
    width, indent = columns(), max(len(label) for label, _ in known) + len(_GAP)
    if width < _ROOM:
        return [line for label, value in known for line in [dim(label), *_wrapped(value, width, _GAP)]]
    lines = []
    for label, value in known:
        first, *others = _wrapped(value, width, " " * indent)
        lines += [dim(label) + first[len(label) :], *others]
    return lines


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of a text; paths and links are not cut, so that they can be copied."""
    lines = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines or [indent]


def paragraph(text: str) -> str:
    """A text of ours, wrapped."""
    return "\n".join(_wrapped(clean_line(text), columns(), ""))


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> list[str]:
    """Rows in columns; where the terminal is too narrow for them, each row as facts.

    Args:
        header: Names of the columns.
        rows: Cells, which are cleaned.
        right: Columns that are aligned to the right, such as numbers.
    """
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(header, *cells, fillvalue="")]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > columns() and cells:
        blocks = [facts(zip(header, row, strict=True)) for row in cells]
        return [line for block in blocks for line in [*block, ""]][:-1]

    def line(row: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return _GAP.join(aligned).rstrip()

    return [dim(line(header)), *map(line, cells)]


def is_terminal() -> bool:
    """Whether somebody sees what is written."""
    return sys.stdout.isatty()
