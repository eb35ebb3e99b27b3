"""What is told of scores that all lie in 0 to 1 lies there too."""

from __future__ import annotations

import numpy as np
import pytest

from dspy_gepa.search.bounds import NO_BOUNDS, bounds_of, gain_bounds, interval_within, within
from dspy_gepa.search.finals import best_by_belief, best_by_mean
from dspy_gepa.search.standing import standing
from dspy_gepa.testing.practice import practice_run
from tests.support import Entry, pool_of

PERFECT = pool_of(Entry({"a": "0"}, (0.0, 1.0)), Entry({"a": "1"}, (1.0, 1.0), (0,)))
BEYOND = pool_of(Entry({"a": "0"}, (0.0, 1.0)), Entry({"a": "1"}, (1.5, 1.0), (0,)))


@pytest.mark.parametrize("scores", [[0.0, 1.0], [0.3, np.nan], [1.0]])
def test_scores_between_0_and_1_are_bounded_by_these(scores: list[float]) -> None:
    assert bounds_of(np.array([scores])) == (0.0, 1.0)


@pytest.mark.parametrize("scores", [[], [np.nan], [0.0, 1.01], [-0.01, 1.0]])
def test_scores_beyond_or_not_known_have_no_bounds(scores: list[float]) -> None:
    assert bounds_of(np.array([scores])) == NO_BOUNDS


def test_values_and_intervals_are_cut_at_the_bounds() -> None:
    assert [within(value, (0, 1)) for value in (-0.5, 0.5, 1.5)] == [0, 0.5, 1]
    assert interval_within((-0.2, 1.3), (0, 1)) == (0, 1)
    assert interval_within((-0.2, 1.3), NO_BOUNDS) == (-0.2, 1.3)
    assert gain_bounds((0, 1)) == (-1, 1)


@pytest.mark.parametrize("sparse", [True, False])
def test_how_members_stand_keeps_to_the_bounds_where_the_belief_does_not(sparse: bool) -> None:
    assert PERFECT.belief.interval(1)[1] > 1
    found = standing(PERFECT, 1, sparse=sparse)
    assert found.intervals[1][1] == 1
    assert found.gain_interval[1] <= 1
    assert standing(BEYOND, 1, sparse=sparse).intervals[1] == BEYOND.belief.interval(1)


def test_what_is_returned_is_told_within_the_bounds_too() -> None:
    for choice in (best_by_mean(PERFECT), best_by_belief(PERFECT, 0.25)):
        assert 0 <= choice.interval[0] <= choice.score <= choice.interval[1] <= 1


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
def test_a_run_with_a_metric_of_0_or_1_tells_no_score_beyond(strategy: str) -> None:
    result = practice_run(strategy=strategy, max_metric_calls=200)
    for low, high in [result.interval, *result.intervals]:
        assert 0 <= low <= high <= 1
    assert -1 <= result.gain_interval[0] <= result.gain <= result.gain_interval[1] <= 1
