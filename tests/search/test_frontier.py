"""Algorithm 2: winners, domination, sampling."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.frontier import (
    Scores,
    best_on_average,
    frontier,
    sample_parent,
    undominated,
    winners,
)

NAN = float("nan")


@st.composite
def score_matrices(draw: st.DrawFn, *, holes: bool = True) -> Scores:
    """Up to 8 members by 8 rows on few levels, so that ties are common; the seed, member 0, has no holes."""
    members, rows = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    level = st.sampled_from([-1.0, 0.0, 0.5, 1.0])
    seed = draw(st.lists(level, min_size=rows, max_size=rows))
    cell = st.one_of(level, st.just(NAN)) if holes else level
    others = [draw(st.lists(cell, min_size=rows, max_size=rows)) for _ in range(members - 1)]
    return np.array([seed, *others])


def won_rows(scores: Scores) -> list[frozenset[int]]:
    """By member the rows on which nobody is better, counted one by one."""
    won = []
    for mine in scores:
        won.append(
            frozenset(
                r for r in range(len(mine)) if not np.isnan(mine[r]) and mine[r] == np.nanmax(scores[:, r])
            )
        )
    return won


def test_all_members_that_tie_for_the_best_score_win_a_row() -> None:
    wins = winners(np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 0.5]]))
    assert wins.tolist() == [[True, False], [True, True], [False, True]]


def test_a_row_that_a_member_was_not_run_on_is_not_won_by_it() -> None:
    assert winners(np.array([[0.0], [NAN]])).tolist() == [[True], [False]]


def test_a_row_that_nobody_was_run_on_has_no_winner() -> None:
    assert not winners(np.array([[NAN], [NAN]])).any()


@given(score_matrices())
def test_winners_are_those_nobody_beats(scores: Scores) -> None:
    wins = winners(scores)
    assert [frozenset(np.flatnonzero(row)) for row in wins] == won_rows(scores)


def test_a_member_that_wins_no_row_is_off_the_frontier() -> None:
    assert frontier(np.array([[0.0, 0.0], [1.0, 1.0]])) == {1: 2}


def test_a_member_that_wins_only_rows_of_another_that_wins_more_is_off_the_frontier() -> None:
    assert frontier(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])) == {1: 2, 2: 1}


def test_members_that_win_the_same_rows_both_stay() -> None:
    assert frontier(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])) == {0: 1, 1: 1, 2: 1}


def test_members_that_only_several_others_together_cover_stay() -> None:
    # Each wins two of three rows: a set cover, as in the artifact, would drop one that nobody dominates.
    assert frontier(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])) == {0: 2, 1: 2, 2: 2}


@given(score_matrices())
def test_the_frontier_holds_exactly_the_winners_whose_rows_are_no_proper_subset(scores: Scores) -> None:
    won = won_rows(scores)
    expected = {
        i: len(mine) for i, mine in enumerate(won) if mine and not any(mine < theirs for theirs in won)
    }
    assert frontier(scores) == expected


@given(score_matrices())
def test_every_row_keeps_one_of_its_best_members_on_the_frontier(scores: Scores) -> None:
    kept = undominated(winners(scores))
    assert (winners(scores)[kept].any(axis=0)).all()


@given(score_matrices(), st.integers())
def test_a_sampled_parent_is_never_dominated(scores: Scores, seed: int) -> None:
    won = won_rows(scores)
    chosen = won[sample_parent(scores, Random(seed))]
    assert chosen
    assert not any(chosen < theirs for theirs in won)


def test_parents_are_drawn_in_proportion_to_the_rows_they_win() -> None:
    scores = np.array([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5]])
    rng = Random(0)
    drawn = Counter(sample_parent(scores, rng) for _ in range(2_000))
    assert set(drawn) == {0, 1}
    assert drawn[0] / drawn[1] == pytest.approx(3, rel=0.15)


def test_the_best_on_average_is_the_member_with_the_highest_mean() -> None:
    assert best_on_average(np.array([[0.0, 1.0], [1.0, 0.5], [0.0, 0.0]])) == 1


def test_of_members_with_equal_means_the_earliest_is_best() -> None:
    assert best_on_average(np.array([[0.0, 0.5], [1.0, 0.0], [0.0, 1.0]])) == 1


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_rounding_does_not_break_ties(row: list[float], rng: Random) -> None:
    # The same scores in another order have the same mean, so that the earlier member is the best.
    assert best_on_average(np.array([row, rng.sample(row, len(row))])) == 0


def test_a_member_that_misses_rows_is_not_best_on_average() -> None:
    assert best_on_average(np.array([[0.2, 0.2], [1.0, NAN]])) == 0


@given(score_matrices(holes=False))
def test_the_best_on_average_wins_against_every_member(scores: Scores) -> None:
    best = best_on_average(scores)
    assert all(scores[best].sum() >= other.sum() for other in scores)
