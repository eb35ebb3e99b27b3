"""Values as plain data: whatever a program returns."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import dspy
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.program.plain import (
    ITSELF,
    MAX_CHARS,
    MAX_DEPTH,
    MAX_ITEMS,
    TOO_DEEP,
    TOO_MANY,
    media_in,
    to_plain,
)

IMAGE = "data:image/png;base64," + "A" * 5_000


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_that_holds_itself_is_cut_where_it_does() -> None:
    items: list[Any] = [1]
    items.append({"again": items})
    assert to_plain(items) == [1, {"again": ITSELF}]
    assert list(media_in(items)) == []


def test_a_value_that_stands_twice_side_by_side_is_shown_twice() -> None:
    part = ["x"]
    assert to_plain({"a": part, "b": part}) == {"a": ["x"], "b": ["x"]}


@pytest.mark.parametrize("depth", [600, 100_000])
def test_depth_is_bounded(depth: int) -> None:
    text = json.dumps(to_plain({"items": nested(depth)}))
    assert TOO_DEEP in text
    assert text.count("[[") <= MAX_DEPTH


def test_size_is_bounded() -> None:
    plain = to_plain({"items": [[i, i] for i in range(MAX_ITEMS)], "after": 1})
    assert plain["items"][-1] == TOO_MANY
    assert len(json.dumps(plain)) < 20 * MAX_ITEMS
    assert len(to_plain("x" * 3 * MAX_CHARS)) == MAX_CHARS


def test_an_integer_that_python_does_not_write_is_a_note() -> None:
    assert "digits" in json.dumps(to_plain({"n": 10**5_000, "m": -(10**5_000)}))
    assert to_plain([10**3_000, True, -1]) == [10**3_000, True, -1]


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class BrokenModel(pydantic.BaseModel):
    x: int = 1

    def model_dump(self, **options: Any) -> Any:
        raise RuntimeError("no dump")


class BrokenMapping(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    def __len__(self) -> int:
        return 1


@dataclasses.dataclass
class Node:
    following: Any = None


class Chain(pydantic.BaseModel):
    following: Any = None


def test_code_of_a_value_that_fails_costs_that_value_alone() -> None:
    plain = to_plain({"a": Broken(), "b": BrokenModel(), "c": BrokenMapping(), "d": 1})
    assert "Broken" in plain["a"]
    assert plain["b"] == {"x": 1}
    assert "BrokenMapping" in plain["c"]
    assert plain["d"] == 1


@pytest.mark.parametrize("kind", [Node, Chain])
def test_objects_that_hold_each_other_are_cut(kind: Any) -> None:
    one = kind()
    one.following = {"next": kind(one)} if kind is Node else {"next": kind(following=one)}
    assert ITSELF in json.dumps(to_plain(one))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_json_data_without_marks_stay_as_they_are(value: Any) -> None:
    assert to_plain(value) == value


def test_equal_media_are_one_object() -> None:
    first, second = (to_plain({"picture": dspy.Image(url=IMAGE)})["picture"] for _ in range(2))
    assert IMAGE in first
    assert first is second
