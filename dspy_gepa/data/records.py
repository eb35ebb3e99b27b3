"""Records of an export: JSON objects with their places, from a file, a DataFrame or a list."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import count, islice
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.redaction import describe

Source: TypeAlias = "str | PathLike[str] | Iterable[Any]"
"""A file (``.json``, ``.jsonl``, ``.csv``, each also with ``.gz``, or ``.parquet``), a DataFrame, or a list
of dicts or of objects with `to_dict`."""

# Maximum number of characters of a file of one JSON document, and of one line of others.
MOST_CHARS = 400_000_000
LINE_CHARS = 20_000_000
KEYS_SHOWN = 12
# Under these keys, servers answer with a list of records.
_LISTS = ("traces", "data", "spans", "observations")
_PYTHON_DICT = re.compile(r"\A\s*\{\s*'")


class Record(NamedTuple):
    """One object of an export.

    Attributes:
        place: Where it is, for messages: ``traces.jsonl, line 3``.
        data: Its fields.
    """

    place: str
    data: Mapping[str, Any]

    def refusal(self, what: str, remedy: str) -> ConfigurationError:
        """Return the error for a record of another shape than is expected, with the keys that it has."""
        return ConfigurationError(f"{self.place}: this is no {what}; it has {keys_of(self.data)}. {remedy}")


def keys_of(data: Mapping[str, Any]) -> str:
    """Return the keys of an object in words, without any value."""
    keys = [repr(str(key)[:60]) for key in islice(data, KEYS_SHOWN)]
    more = f" and {len(data) - KEYS_SHOWN} more" if len(data) > KEYS_SHOWN else ""
    return f"the keys {', '.join(keys)}{more}" if keys else "no keys"


def read_records(source: Source, what: str) -> Iterator[Record]:
    """Yield the records of an export.

    Args:
        source: The export.
        what: What a record is, for messages: "trace of MLflow".

    Raises:
        ConfigurationError: It cannot be read; the message names the file and the line.
    """
    if isinstance(source, (str, PathLike)):
        yield from _of_file(Path(source), what)
    elif hasattr(source, "to_dict") and hasattr(source, "columns"):
        yield from _of_table(source, "row {} of the DataFrame", what)
    elif isinstance(source, Mapping):
        yield from _of_document(source, "the dict", what)
    elif isinstance(source, Iterable) and not isinstance(source, bytes):
        yield from _of_objects(source, "item {} of the list", what)
    else:
        kind = type(source).__name__
        raise ConfigurationError(
            f"The source of each {what} must be a file, a DataFrame or a list, not {kind}."
        )


def decoded(value: Any, place: str) -> Any:
    """Return the value of a JSON text, and any other value as it is.

    Raises:
        ConfigurationError: The text is the repr of a Python dict, which a DataFrame's `to_csv` writes.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
        return None if is_missing(value) else value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        if not _PYTHON_DICT.match(value):
            return value
    raise ConfigurationError(
        f"{place}: a value is written as Python shows a dict, not as JSON; DataFrame.to_csv does that. "
        "Export with df.to_json('traces.jsonl', orient='records', lines=True)."
    )


def is_missing(value: Any) -> bool:
    """Return True for None and NaN, as DataFrames mark what is missing, and for an empty text."""
    return value is None or (isinstance(value, float) and value != value) or value == ""


def _of_file(path: Path, what: str) -> Iterator[Record]:
    is_packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem if is_packed else path.name).suffix.lower()
    if suffix == ".parquet":
        yield from _of_table(_read_parquet(path), f"{path.name}, row {{}}", what)
        return
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if is_packed
            else path.open(encoding="utf-8-sig", newline="") as file
        ):
            if suffix == ".csv":
                yield from _of_csv(file, path)
            elif suffix in (".jsonl", ".ndjson"):
                yield from _of_lines(file, path, what)
            else:
                yield from _of_json(file, path, what)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {describe(error)}. Export it again.") from error


def _of_csv(file: IO[str], path: Path) -> Iterator[Record]:
    before = csv.field_size_limit(min(LINE_CHARS, sys.maxsize))
    rows = csv.DictReader(file)
    try:
        for row in rows:
            place = f"{path.name}, line {rows.line_num}"
            if None in row or None in row.values():
                raise ConfigurationError(
                    f"{place}: the row has not as many fields as the header. Export the file again."
                )
            yield Record(place, row)
    except csv.Error as error:
        raise ConfigurationError(
            f"{path.name}, line {rows.line_num + 1}: {error}. Export it as JSONL."
        ) from error
    finally:
        csv.field_size_limit(before)


def _of_lines(file: IO[str], path: Path, what: str) -> Iterator[Record]:
    for number in count(1):
        place = f"{path.name}, line {number}"
        line = file.readline(LINE_CHARS + 1)
        if not line:
            return
        if len(line) > LINE_CHARS:
            raise ConfigurationError(
                f"{place} has more than {LINE_CHARS:,} characters. Leave that {what} out."
            )
        if line.strip():
            yield _record(_parsed(line, place), place, what)


def _of_json(file: IO[str], path: Path, what: str) -> Iterator[Record]:
    text = file.read(MOST_CHARS + 1)
    if len(text) > MOST_CHARS:
        raise ConfigurationError(f"{path} has more than {MOST_CHARS:,} characters. Export it as JSONL.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # JSON lines under another name, or no JSON at all, which the first line then shows.
        file.seek(0)
        yield from _of_lines(file, path, what)
        return
    yield from _of_document(document, path.name, what)


def _of_document(document: Any, where: str, what: str) -> Iterator[Record]:
    if isinstance(document, Mapping):
        found = next((document[key] for key in _LISTS if isinstance(document.get(key), list)), None)
        if found is not None and not {"trace", "info", "id"} & set(document):
            document = found
        elif _is_by_column(document):
            yield from _of_columns(document, f"{where}, row {{}}")
            return
        else:
            document = [document]
    if not isinstance(document, list):
        raise ConfigurationError(
            f"{where} holds {type(document).__name__}, not a list of objects: no {what}."
        )
    yield from _of_objects(document, f"{where}, item {{}}", what)


def _is_by_column(document: Mapping[str, Any]) -> bool:
    """Return True for what `DataFrame.to_json` writes by default: an object of rows for each column."""
    columns = list(document.values())
    return (
        len(columns) > 1
        and all(isinstance(column, Mapping) for column in columns)
        and all(column.keys() == columns[0].keys() for column in columns)
    )


def _of_columns(document: Mapping[str, Mapping[str, Any]], place: str) -> Iterator[Record]:
    rows = next(iter(document.values())).keys()
    for row in rows:
        yield Record(place.format(row), {name: column[row] for name, column in document.items()})


def _of_objects(found: Iterable[Any], place: str, what: str) -> Iterator[Record]:
    for number, item in enumerate(found, start=1):
        data = item.to_dict() if hasattr(item, "to_dict") else item
        yield _record(data, place.format(number), what)


def _of_table(table: Any, place: str, what: str) -> Iterator[Record]:
    named = [name for name in getattr(table.index, "names", ()) if name]
    if named:  # Phoenix puts the span's id into the index
        table = table.reset_index(level=[name for name in named if name not in table.columns])
    rows = ({name: _with_lists(cell) for name, cell in row.items()} for row in table.to_dict("records"))
    yield from _of_objects(rows, place, what)


def _with_lists(cell: Any) -> Any:
    """Return a cell with lists in place of the arrays that pandas makes of Parquet's lists."""
    if isinstance(cell, np.ndarray) and cell.ndim == 1:
        cell = cell.tolist()
    if isinstance(cell, list):
        return [_with_lists(item) for item in cell]
    if isinstance(cell, dict):
        return {name: _with_lists(value) for name, value in cell.items()}
    return cell


def _read_parquet(path: Path) -> Any:
    try:
        return import_module("pandas").read_parquet(path)
    except ImportError as error:
        raise ConfigurationError(
            f"{path.name} is read by pandas with pyarrow, which cannot be imported ({error}). Install them: "
            "pip install pandas pyarrow; or export JSONL."
        ) from error
    except Exception as error:
        raise ConfigurationError(f"{path} cannot be read: {describe(error)}. Export it again.") from error


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{place}: this is no JSON ({describe(error, 200)}). Export it again."
        ) from error


def _record(data: Any, place: str, what: str) -> Record:
    if not isinstance(data, Mapping):
        raise ConfigurationError(f"{place}: this is {type(data).__name__}, not an object: no {what}.")
    return Record(place, data)
