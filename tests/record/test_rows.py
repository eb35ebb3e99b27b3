"""Rows as short text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.record.rows import MAX_ROWS, read_rows, row_of, rows_text
from dspy_gepa.types import Row

rows = st.lists(st.builds(Row, st.sampled_from(["train", "val"]), st.integers(0, 30)), max_size=30)


@given(rows)
def test_rows_are_read_back_in_their_order(some: list[Row]) -> None:
    assert read_rows(rows_text(some)) == tuple(some)


def test_neighbours_are_a_range() -> None:
    some = [Row("train", 3), *(Row("train", i) for i in range(5, 10)), Row("val", 0)]
    assert rows_text(some) == "train/3,5-9,val/0"
    assert rows_text(Row("val", i) for i in range(500)) == "val/0-499"


@pytest.mark.parametrize("text", ["3", "train/", "train/-1", "other/1", "train/1,,2", "train/1 2", "val/٣"])
def test_what_names_no_rows_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no rows"):
        read_rows(text)


def test_more_rows_than_a_run_can_have_are_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_ROWS} rows"):
        read_rows("train/0-999999999")


def test_a_row_is_read_from_its_name() -> None:
    assert [row_of(str(row)) for row in (Row("train", 0), Row("val", 12))] == [("train", 0), ("val", 12)]


@pytest.mark.parametrize("name", ["train/x", "train/-1", "other/1", "val", "train/1-2"])
def test_what_names_no_row_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        row_of(name)
