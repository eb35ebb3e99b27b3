"""Weights and groups of rows: what they are, and what each of them does in the search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search import Paper, Problem
from dspy_gepa.search.belief.frontier import FrontierType, observed_tracks, track_weights
from dspy_gepa.search.belief.rows import EVEN, RowWeights, interleaved
from dspy_gepa.search.choices.acceptance import improves
from dspy_gepa.search.choices.parents import current_best, pareto, robust_frontier
from dspy_gepa.search.choices.rows import failures_first, minibatch, trial_rows
from dspy_gepa.search.merge import Merge, merge
from dspy_gepa.search.mutation import Mutation, mutate
from dspy_gepa.search.pool import Pool, columns_of
from dspy_gepa.search.sampling import (
    RowOrder,
    shared_order,
    training_order,
    validation_order,
)
from dspy_gepa.search.strategy import NOTHING_IN_FLIGHT
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Effect, Outcome, Reflect, Reflection, Result, Row, TraceStep
from tests.support import TRAIN_SIZE, Entry, drive, pool_of, train_rows, val_rows

NAN = float("nan")
weights = st.lists(st.floats(0.1, 10), min_size=1, max_size=8)
labels = st.lists(st.sampled_from("abc"), min_size=1, max_size=40)


def weighted(pool: Pool, *by_val_row: float) -> Pool:
    """The pool with weights on its validation rows; its train rows weigh 1 each."""
    row_weights = RowWeights(np.array([*by_val_row, *[1.0] * len(pool.train_rows)]))
    evaluations = [
        {row: Outcome("scored", score=score) for row, score in zip(pool.val_rows, line, strict=True)}
        for line in pool.val_scores.tolist()
    ]
    return replace(pool, row_weights=row_weights).evaluated(Evaluation(dict(enumerate(evaluations))))


# What they are --------------------------------------------------------------------------------------------


@given(weights, st.randoms())
def test_a_mean_is_over_the_known_scores_by_weight(weights: list[float], rng: Any) -> None:
    scores = np.array([rng.choice([0.0, 0.5, 1.0, NAN]) for _ in weights])
    known = ~np.isnan(scores)
    mean = RowWeights(np.array(weights)).mean(scores)
    if known.any():
        assert mean == pytest.approx(np.average(scores[known], weights=np.array(weights)[known]))
    else:
        assert math.isnan(mean)


def test_without_weights_all_rows_count_the_same() -> None:
    assert EVEN.mean(np.array([0.0, NAN, 1.0, 1.0])) == 2 / 3
    assert EVEN.weigh([4, 2], [0.5, 0.25]) == (0.5, 0.25)
    assert EVEN.group(7) == ""


def test_scores_are_weighed_by_their_rows() -> None:
    row_weights = RowWeights(np.array([1.0, 2.0, 3.0]))
    assert row_weights.weigh([2, 0], [0.5, 1.0]) == (1.5, 1.0)
    assert row_weights.weighted(np.ones((2, 2))).tolist() == [[1.0, 2.0]] * 2


def test_columns_are_validation_rows_and_then_train_rows_each_row_once() -> None:
    assert columns_of(val_rows(2), 3) == [*val_rows(2), *train_rows(3)]
    assert columns_of(train_rows(3), 3) == list(train_rows(3))


@given(labels, st.randoms())
def test_interleaving_keeps_all_items_and_the_order_within_a_group(labels: list[str], rng: Any) -> None:
    items = list(range(len(labels)))
    rng.shuffle(items)
    order = interleaved(items, labels.__getitem__)
    assert sorted(order) == sorted(items)
    for group in set(labels):
        assert [i for i in order if labels[i] == group] == [i for i in items if labels[i] == group]


@given(labels)
def test_any_number_of_first_items_holds_each_group_in_proportion(labels: list[str]) -> None:
    order = interleaved(range(len(labels)), labels.__getitem__)
    sizes = Counter(labels)
    for count in range(len(labels) + 1):
        found = Counter(labels[i] for i in order[:count])
        for group, size in sizes.items():
            share = size / len(labels)
            assert abs(found[group] - count * share) <= 0.5 + share * len(sizes) / 2 + 1e-9


@given(st.lists(st.integers()))
def test_with_one_group_the_order_stays(items: list[int]) -> None:
    assert interleaved(items, lambda item: "one") == items


# What weights do ------------------------------------------------------------------------------------------

# The seed is right on the first row, the other member on the two others.
SPLIT = (Entry({"a": "0"}, (1.0, 0.0, 0.0)), Entry({"a": "1"}, (0.0, 1.0, 1.0), (0,)))


def test_validation_means_are_weighted() -> None:
    pool = weighted(pool_of(*SPLIT), 4.0, 1.0, 1.0)
    assert pool.means == pytest.approx((4 / 6, 2 / 6))


def test_the_best_by_mean_and_the_current_best_go_by_weighted_means() -> None:
    plain = pool_of(*SPLIT)
    heavy = weighted(plain, 4.0, 1.0, 1.0)
    problem = Problem(plain.members[0].candidate, ["a"], 0, plain.val_rows, ReflectionSettings(""))
    search = Paper().planner(problem, 0)
    assert [search.choice(pool).member for pool in (plain, heavy)] == [1, 0]
    assert [current_best(pool, Random(0)) for pool in (plain, heavy)] == [1, 0]


def test_what_members_are_believed_to_be_worth_goes_by_weight() -> None:
    plain = pool_of(*SPLIT)
    heavy = weighted(plain, 4.0, 1.0, 1.0)
    assert plain.belief.mean[1] > plain.belief.mean[0]
    assert heavy.belief.mean[1] < heavy.belief.mean[0]


def test_objectives_are_estimated_by_weight_too() -> None:
    pool = pool_of(*SPLIT)
    pool = replace(pool, objective_tables={"own": pool.table})
    heavy = weighted(pool, 4.0, 1.0, 1.0)
    np.testing.assert_array_equal(heavy.objective_beliefs["own"].mean, heavy.belief.mean)
    assert observed_tracks(heavy, "objective")[:, 0].tolist() == pytest.approx([4 / 6, 2 / 6])


@pytest.mark.parametrize("choose", [pareto, robust_frontier])
def test_a_heavy_row_gives_its_winner_more_turns_as_a_parent(choose: Any) -> None:
    def turns(pool: Pool) -> int:
        return sum(choose(pool, Random(seed)) == 0 for seed in range(200))

    plain = pool_of(*SPLIT)
    assert turns(weighted(plain, 8.0, 1.0, 1.0)) > turns(plain) + 30


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("instance", [4.0, 1.0, 1.0]),
        ("objective", [1.0, 1.0]),
        ("hybrid", [4.0, 1.0, 1.0, 1.0, 1.0]),
        ("cartesian", [4.0, 1.0, 1.0, 4.0, 1.0, 1.0]),
    ],
)
def test_every_track_has_the_weight_of_its_row(kind: FrontierType, expected: list[float]) -> None:
    pool = pool_of(*SPLIT)
    heavy = weighted(replace(pool, objective_tables={"x": pool.table, "y": pool.table}), 4.0, 1.0, 1.0)
    found = track_weights(heavy, kind)
    assert found is not None
    assert found.tolist() == expected
    assert observed_tracks(heavy, kind).shape[1] == len(expected)
    assert track_weights(replace(heavy, row_weights=EVEN), kind) is None
    assert {pareto(heavy, Random(seed), kind) for seed in range(20)} <= {0, 1}


def mutated(weights: Sequence[float], before: Sequence[float], after: Sequence[float]) -> Proposal:
    """A mutation's gate on as many train rows as there are weights."""
    pool = pool_of(Entry({"a": "old"}, (0.0,)))
    row_weights = RowWeights(np.array([1.0, *weights, *[1.0] * (TRAIN_SIZE - len(weights))]))

    def execute(effect: Effect) -> Result:
        if isinstance(effect, Reflect):
            return Reflection(text="new")
        scores = before if effect.candidate["a"] == "old" else after
        trace = (TraceStep("a", {"q": "x"}, {"r": "y"}),)
        return Outcome("scored", score=scores[effect.row.position], trace=trace)

    reflection = ReflectionSettings("- a: q -> r")
    problem = Problem(pool.members[0].candidate, ["a"], TRAIN_SIZE, pool.val_rows, reflection)
    rows = train_rows(len(weights))
    step = mutate(
        problem,
        Paper(perfect_score=None),
        replace(pool, row_weights=row_weights),
        Mutation(pool.members[0], 0, rows, rows),
        improves,
    )
    proposal = drive(step, execute)[0]
    assert isinstance(proposal, Proposal)
    return proposal


def test_the_acceptance_of_a_child_goes_by_weighted_scores() -> None:
    before, after = (1.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    assert mutated((1.0, 1.0, 1.0), before, after).verdict == "rejected"
    passed = mutated((1.0, 1.0, 4.0), before, after)
    assert (passed.verdict, passed.reason) == ("accepted", "minibatch score went from 2 to 4")
    assert (passed.before, passed.after) == (before, after)  # what was observed


def test_the_acceptance_of_a_merge_goes_by_weighted_scores() -> None:
    pool = pool_of(*SPLIT, Entry({"a": "2"}, (0.0, 0.0, 1.0), (0,)))
    found = Merge(1, 2, 0, (1,), Candidate.of({"a": "3"}))

    def verdict(pool: Pool) -> str:
        step = merge(found, pool, val_rows(3))
        # Better than member 1 on the first row, worse on the two others.
        scores = (1.0, 0.0, 0.0)
        proposal = drive(step, lambda effect: Outcome("scored", score=scores[effect.row.position]))[0]
        assert isinstance(proposal, Proposal)
        return proposal.verdict

    assert verdict(pool) == "rejected"
    assert verdict(weighted(pool, 2.0, 1.0, 1.0)) == "accepted"


# What groups do -------------------------------------------------------------------------------------------


def grouped(train: str, val: str) -> Pool:
    """A pool of the seed alone, a letter for the group of each row."""
    return Pool.of(
        Candidate.of({"a": "seed"}),
        val_rows(len(val)),
        len(train),
        row_weights=RowWeights(groups=(*val, *train)),
    )


def groups_of(pool: Pool, rows: Sequence[Row]) -> Counter[str]:
    return Counter(pool.row_weights.group(pool.column(row)) for row in rows)


RARE = "x" * 8 + "y" * 4


@given(st.integers(0, 50))
def test_both_orders_hold_the_groups_in_proportion(seed: int) -> None:
    pool = grouped(RARE, RARE)
    for order in (training_order(pool, seed), validation_order(pool, seed)):
        assert len(set(order)) == 12
        for first in (3, 6, 9):
            assert groups_of(pool, order[:first]) == {"x": 2 * first // 3, "y": first // 3}
    assert shared_order(pool, seed) == training_order(pool, seed) + validation_order(pool, seed)


def test_seeds_still_shuffle_within_the_groups() -> None:
    pool = grouped(RARE, RARE)
    assert len({tuple(training_order(pool, seed)) for seed in range(10)}) == 10


@given(st.integers(0, 50))
def test_a_child_is_tried_on_rows_of_all_groups(seed: int) -> None:
    pool = grouped(RARE, "xy")
    assert groups_of(pool, trial_rows(pool, (0,), (), 6, RowOrder.of(pool, shared_order(pool, seed)))) == {
        "x": 4,
        "y": 2,
    }


@given(st.integers(0, 50), st.integers(0, 7))
def test_minibatches_hold_all_groups(seed: int, step: int) -> None:
    rows = minibatch(seed, step, 12, 3, RARE)
    assert Counter(RARE[row.position] for row in rows) == {"x": 2, "y": 1}


def test_the_groups_reach_the_minibatches_of_the_paper() -> None:
    pool = grouped(RARE, "x").evaluated(Evaluation({0: {Row("val", 0): Outcome("scored", score=0.0)}}))
    problem = Problem(
        Candidate.of({"a": "seed"}),
        ["a"],
        12,
        val_rows(1),
        ReflectionSettings(""),
        row_weights=pool.row_weights,
    )
    for seed in range(10):
        step = Paper().planner(problem, seed).trial(pool, NOTHING_IN_FLIGHT)
        asked = next(step.work)
        assert Counter(RARE[effect.row.position] for effect in asked) == {"x": 2, "y": 1}


@given(st.integers(0, 50))
def test_failures_of_all_groups_are_reflected_on(seed: int) -> None:
    pool = grouped(RARE, "x")
    failed = {row: Outcome("scored", score=0.0) for row in pool.train_rows}
    pool = pool.evaluated(Evaluation({0: failed}))
    assert groups_of(pool, failures_first(pool, 0, 6, 1.0, Random(seed))) == {"x": 4, "y": 2}


@given(st.integers(0, 50))
def test_rows_that_are_not_known_are_taken_from_all_groups(seed: int) -> None:
    pool = grouped(RARE, "x")
    assert groups_of(pool, failures_first(pool, 0, 6, 1.0, Random(seed))) == {"x": 2, "y": 1}
