"""Rows as short text: ``train/3,5-9,val/0`` for train rows 3, 5 to 9 and validation row 0, in this order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dspy_gepa.types import Row

# Maximum number of rows of a data set in a record; views list them.
MAX_ROWS = 10**6

_PART = re.compile(r"(?:(train|val|test)/)?(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


def rows_text(rows: Iterable[Row]) -> str:
    """Return the text of rows; their order is kept."""
    parts: list[str] = []
    split = ""
    for first, last in _ranges(rows):
        name = "" if first.split == split else f"{first.split}/"
        end = "" if first == last else f"-{last.position}"
        parts.append(f"{name}{first.position}{end}")
        split = first.split
    return ",".join(parts)


def _ranges(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    first = last = None
    for row in rows:
        if first is None or last is None:
            first = last = row
        elif row == Row(last.split, last.position + 1):
            last = row
        else:
            yield first, last
            first = last = row
    if first is not None and last is not None:
        yield first, last


def read_rows(text: str) -> tuple[Row, ...]:
    """Return the rows of a text that `rows_text` wrote.

    Raises:
        ValueError: It is not such a text, or has too many rows.
    """
    rows: list[Row] = []
    split = ""
    for part in text.split(",") if text else ():
        found = _PART.fullmatch(part)
        split = (found and found[1]) or split
        if found is None or not split:
            raise ValueError(f"{part[:40]!r} names no rows")
        first = int(found[2])
        last = int(found[3] or first)
        if len(rows) + last - first >= MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} rows")
        rows += (Row(split, position) for position in range(first, last + 1))  # type: ignore[arg-type]  # one of the two
    return tuple(rows)


def row_of(name: str) -> Row:
    """Return the row with this name: ``train/3``.

    Raises:
        ValueError: It is not the name of a row.
    """
    rows = read_rows(name)
    if len(rows) != 1:
        raise ValueError(f"{name[:40]!r} is not a row")
    return rows[0]
