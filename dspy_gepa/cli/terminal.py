"""Output of the commands: clean text, fitted to the width of the terminal, coloured on terminals only."""

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
# Narrower terminals get values below their labels.
_ROOM = 60
_GAP = "  "


class CannotError(click.ClickException):
    """A command cannot do what it was asked to. The message may hold any text, and is cleaned."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(clean(message))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file that the user named.

    Raises:
        CannotError: The file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise CannotError(
            f"{path} cannot be written: {error.strerror or error}. Name another file with -o."
        ) from error


def clean(text: str) -> str:
    """Return text of any origin without anything that a terminal would obey; lines stay lines."""
    return "\n".join(visible(line.expandtabs(4)) for line in text.splitlines())


def clean_line(text: str) -> str:
    """Return text as `clean` does, on one line."""
    return " ".join(clean(text).split())


def columns() -> int:
    """Return the width of the output: that of the terminal within bounds, 80 in a pipe."""
    width = shutil.get_terminal_size().columns
    return min(_WIDEST, max(_NARROWEST, width - 1))


def color() -> bool | None:
    """Return False under ``NO_COLOR``, else None: click colours on terminals only."""
    return False if os.environ.get("NO_COLOR") else None


def say(text: str = "", *, err: bool = False) -> None:
    """Write a clean line."""
    click.echo(text, err=err, color=color())


def heading(text: str) -> str:
    """Return a line in bold."""
    return click.style(text, bold=True)


def dim(text: str) -> str:
    """Return secondary text, dimmed."""
    return click.style(text, dim=True)


def fact_lines(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return lines of labels with their values, on narrow terminals below them; empty values are left out."""
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
    """Return the lines of a text. Paths and links are not broken, so that they can be copied."""
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
    """Return a text, wrapped."""
    return "\n".join(_wrapped(clean_line(text), columns(), ""))


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> list[str]:
    """Return rows in columns; if the terminal is too narrow, each row as facts.

    Args:
        header: Names of the columns.
        rows: Cells; they are cleaned.
        right: Indices of right-aligned columns.
    """
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(header, *cells, fillvalue="")]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > columns() and cells:
        blocks = [fact_lines(zip(header, row, strict=True)) for row in cells]
        return [line for block in blocks for line in [*block, ""]][:-1]

    def line(row: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return _GAP.join(aligned).rstrip()

    return [dim(line(header)), *map(line, cells)]


def stdout_is_terminal() -> bool:
    """Return True if stdout is a terminal."""
    return sys.stdout.isatty()
