"""Summaries of the pool: the best outputs for every validation row."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.belief.summary import best_members, best_outputs
from dspy_gepa.types import Outcome, Rollout
from tests.support import Entry, pool_of, val_rows

lines = st.integers(1, 5).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, math.nan]), min_size=rows, max_size=rows),
        min_size=1,
        max_size=5,
    )
)


@given(lines)
def test_the_best_members_of_a_row_are_all_those_with_its_best_score(scores: list[list[float]]) -> None:
    parents = [(), *[(0,)] * (len(scores) - 1)]
    pool = pool_of(*[Entry({"a": str(i)}, line, parents[i]) for i, line in enumerate(scores)])
    found = best_members(pool)
    for column, row in enumerate(val_rows(len(scores[0]))):
        reached = {i: line[column] for i, line in enumerate(scores) if not math.isnan(line[column])}
        best = [i for i, score in reached.items() if score == max(reached.values())]
        assert found.get(row, []) == best


def test_outputs_are_looked_up_for_the_best_members_only() -> None:
    pool = pool_of(Entry({"a": "0"}, [1.0, 0.0]), Entry({"a": "1"}, [1.0, np.nan], (0,)))
    asked: list[Rollout] = []

    def recall(rollout: Rollout) -> Outcome:
        asked.append(rollout)
        return Outcome("scored", output={"said": rollout.candidate["a"]})

    first, second = val_rows(2)
    assert best_outputs(pool, recall) == {
        first: [(0, {"said": "0"}), (1, {"said": "1"})],
        second: [(0, {"said": "0"})],
    }
    assert len(asked) == 3
