"""From a pool to the levels that a result holds."""

from __future__ import annotations

from collections.abc import Mapping

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.program.plain import as_prediction
from dspy_gepa.result import best_by_level, by_member
from dspy_gepa.search.belief.summary import means_by_objective
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Levels, Outcome
from tests.support import Entry, pool_of, val_rows


def pool_with(*members: list[Mapping[str, float]]) -> Pool:
    """Members, all children of the first, with these objectives on the validation rows."""
    rows = val_rows(len(members[0]))
    parents: list[tuple[int, ...]] = [(), *[(0,)] * (len(members) - 1)]
    entries = [Entry({"a": str(i)}, [0.0] * len(rows), p) for i, p in enumerate(parents)]
    pool = pool_of(*entries)
    for index, objectives in enumerate(members):
        outcomes = {row: Outcome("scored", objectives=o) for row, o in zip(rows, objectives, strict=True)}
        pool = pool.evaluated(Evaluation({index: outcomes}))
    return pool


def test_without_objectives_nothing_is_shown() -> None:
    assert (by_member({}), best_by_level({})) == ([], {})
    assert means_by_objective(pool_with([{}, {}]), validates_all=True) == Levels()


def test_means_are_over_the_rows_where_all_members_are_known() -> None:
    pool = pool_with([{"x": 1.0}, {"x": 0.0}, {}], [{"x": 0.0}, {"x": 1.0}, {}], [{"x": 0.0}, {"x": 0.0}, {}])
    found = means_by_objective(pool, validates_all=True).objectives
    assert by_member(found) == [{"x": 0.5}, {"x": 0.5}, {"x": 0.0}]
    assert best_by_level(found) == {"x": {0, 1}}


@pytest.mark.parametrize("validates_all", [True, False])
def test_means_over_different_rows_are_not_compared(validates_all: bool) -> None:
    # The child was run on the easy row alone, where it does no better than the seed.
    hard, easy = {"x": 0.0}, {"x": 1.0}
    pool = pool_with([hard, easy, hard, easy, hard, easy], [{}, easy, {}, {}, {}, {}])
    found = by_member(means_by_objective(pool, validates_all=validates_all).objectives)
    assert abs(found[1]["x"] - found[0]["x"]) < 0.3


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=5), st.booleans())
def test_the_best_by_an_objective_reach_its_front(reached_by: list[list[float]], validates_all: bool) -> None:
    pool = pool_with(*[[{"x": v} for v in line] for line in reached_by])
    found = means_by_objective(pool, validates_all=validates_all).objectives
    reached = [scores["x"] for scores in by_member(found)]
    assert best_by_level(found)["x"] == {i for i, v in enumerate(reached) if v == max(reached)}


def test_a_field_may_have_any_name() -> None:
    output = {"base": "a", "self": "b", "completions": "c"}
    assert dict(as_prediction(output).items()) == output
    assert as_prediction("bare") == dspy.Prediction(output="bare")
    assert dict(as_prediction({}).items()) == {}
