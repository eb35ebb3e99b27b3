"""Data sets: which collections of examples are read, and how others are refused."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

import dspy
import numpy as np
import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.setup.examples import read_examples


def test_examples_with_inputs_pass() -> None:
    read_examples("trainset", [dspy.Example(q=1).with_inputs("q")])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], r"trainset is empty. Pass a list of dspy.Example"),
        ([{"q": 1}], r"trainset\[0\] is dict, not dspy.Example. Write dspy.Example\("),
        (
            [dspy.Example(q=1)],
            r"trainset\[0\] does not say which fields are inputs \(it has \['q'\]\). Call .with_",
        ),
        ([dspy.Example(q=1).with_inputs("q"), dspy.Example(r=1)], r"trainset\[1\] does not say"),
        ([dspy.Example(q=1).with_inputs("other")], r"trainset\[0\] does not say"),
    ],
)
def test_other_data_is_refused_with_the_row_and_the_remedy(rows: list[object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_examples("trainset", rows)


ROW = dspy.Example(question="q", answer="a").with_inputs("question")


def array_of(*rows: dspy.Example) -> Any:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


class Table:
    """A data frame, as far as it can be told from a list."""

    columns = ("question", "answer")

    def to_dict(self, orient: str) -> list[dict[str, str]]:
        return [{"question": "q", "answer": "a"}]


class Broken:
    def __iter__(self) -> Iterator[dspy.Example]:
        yield ROW
        raise OSError("the file is gone")


@pytest.mark.parametrize(
    "rows",
    [
        [ROW, ROW],
        (ROW, ROW),
        (row for row in (ROW, ROW)),
        array_of(ROW, ROW),
        deque([ROW, ROW]),
        {"a": ROW, "b": ROW}.values(),
    ],
)
def test_every_ordered_collection_of_examples_is_a_data_set(rows: Any) -> None:
    assert read_examples("trainset", rows) == [ROW, ROW]


@pytest.mark.parametrize(
    "rows",
    [None, 3, "rows.jsonl", ROW, {"a": ROW}, {1, 2}, Table(), Broken(), itertools.repeat(ROW), np.array([])],
)
def test_what_is_no_list_of_examples_is_refused_by_name(rows: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^valset "):
        read_examples("valset", rows)
