"""The train rows to reflect on, minibatches in epochs or failures first, and the rows of a trial."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.choices.rows import failures_first, minibatch, trial_rows
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import RowOrder, shared_order, training_order, validation_order
from dspy_gepa.types import Row
from tests.support import train_rows
from tests.support_search import families, run, seeded, seeds, some_rows, tried

PERFECT = 1.0


@given(seeds, st.integers(0, 200), st.integers(1, 40), st.integers(1, 10))
def test_a_minibatch_has_its_size_and_no_row_twice(seed: int, step: int, rows: int, size: int) -> None:
    batch = minibatch(seed, step, rows, size)
    assert len(batch) == len(set(batch)) == min(size, rows)


@given(seeds, st.integers(0, 3), st.integers(1, 40), st.integers(1, 10))
def test_an_epoch_covers_every_train_row(seed: int, epoch: int, rows: int, size: int) -> None:
    steps = -(-rows // size)
    seen = Counter(
        row for step in range(epoch * steps, (epoch + 1) * steps) for row in minibatch(seed, step, rows, size)
    )
    assert set(seen) == set(train_rows(rows))


@given(seeds, st.integers(1, 8), st.integers(1, 8))
def test_rows_that_divide_evenly_are_seen_once_an_epoch(seed: int, batches: int, size: int) -> None:
    seen = [row for step in range(batches) for row in minibatch(seed, step, batches * size, size)]
    assert len(seen) == len(set(seen))


@given(seeds, st.integers(1, 40), st.integers(1, 10))
def test_an_uneven_epoch_repeats_no_more_rows_than_fill_its_last_minibatch(
    seed: int, rows: int, size: int
) -> None:
    steps = -(-rows // size)
    seen = Counter(row for step in range(steps) for row in minibatch(seed, step, rows, size))
    assert max(seen.values()) <= 2
    assert sum(count - 1 for count in seen.values()) == steps * min(size, rows) - rows


def test_epochs_are_shuffled_anew() -> None:
    first, second = (
        [row for step in range(epoch * 5, epoch * 5 + 5) for row in minibatch(0, step, 15, 3)]
        for epoch in (0, 1)
    )
    assert sorted(first) == sorted(second)
    assert first != second


def test_seeds_shuffle_differently() -> None:
    assert minibatch(0, 0, 100, 10) != minibatch(1, 0, 100, 10)


def test_rows_are_train_rows() -> None:
    assert set(minibatch(0, 0, 3, 3)) == set(train_rows(3))


# Failures first -------------------------------------------------------------------------------------------


def numbers(rows: Sequence[Row]) -> list[int]:
    assert {row.split for row in rows} <= {"train"}
    return [row.position for row in rows]


def to_reflect_on(pool: Pool, size: int, parent: int = 0, seed: int = 0, successes: int = 0) -> list[int]:
    return numbers(failures_first(pool, parent, size, PERFECT, Random(seed), successes))


@given(families(), st.integers(1, 8), seeds)
def test_rows_to_reflect_on_are_a_few_train_rows_that_may_teach_something(
    pool: Pool, size: int, seed: int
) -> None:
    for member in pool.members:
        chosen = to_reflect_on(pool, size, member.index, seed)
        scores = [float(pool.scores[member.index, pool.column(Row("train", i))]) for i in range(10)]
        failures = sum(score < PERFECT for score in scores)
        unknown = [i for i in chosen if math.isnan(scores[i])]
        assert len(chosen) == len(set(chosen)) <= size
        assert all(math.isnan(scores[i]) or scores[i] < PERFECT for i in chosen)
        assert chosen or not (failures or any(map(math.isnan, scores)))
        assert len(unknown) <= (0 if failures else -(-size // 2))
        assert len(chosen) - len(unknown) == min(failures, size)
        assert chosen == to_reflect_on(pool, size, member.index, seed)


def test_what_the_parent_fails_at_is_reflected_on_and_what_it_does_right_is_not() -> None:
    pool = seeded({0: 1.0, 1: 0.0, 2: 0.5, 3: 1.0})
    assert sorted(to_reflect_on(pool, 8)) == [1, 2]


@given(families(), st.integers(1, 8), st.integers(0, 3), seeds)
def test_rows_that_the_parent_passes_stand_behind_its_failures(
    pool: Pool, size: int, successes: int, seed: int
) -> None:
    for member in pool.members:
        scores = [float(pool.scores[member.index, pool.column(Row("train", i))]) for i in range(10)]
        passed = {i for i, score in enumerate(scores) if score >= PERFECT}
        alone = to_reflect_on(pool, size, member.index, seed)
        beside = to_reflect_on(pool, size, member.index, seed, successes)
        added = beside[len(alone) :]
        assert beside[: len(alone)] == alone
        assert set(added) <= passed
        fails = any(score < PERFECT for score in scores)
        assert len(added) == (min(successes, len(passed)) if fails else 0)


@pytest.mark.parametrize("seed", range(5))
def test_passed_rows_that_were_shown_least_often_come_first(seed: int) -> None:
    pool = seeded({0: 0.0} | dict.fromkeys(range(1, 4), 1.0))
    for shown in [(1, 2), (1,)]:
        pool = tried(pool, (0,), [Row("train", i) for i in shown], verdict="rejected", score=1.0)
    assert to_reflect_on(pool, 8, seed=seed, successes=3) == [0, 3, 2, 1]


def test_what_another_member_fails_at_is_no_failure_of_the_parent() -> None:
    pool = run(tried(seeded({0: 0.0}), (0,)), 1, {1: 0.0})
    assert to_reflect_on(pool, 8, parent=1) == [1]


@pytest.mark.parametrize("seed", range(5))
def test_failures_that_were_shown_least_often_come_first(seed: int) -> None:
    pool = seeded(dict.fromkeys(range(6), 0.0))
    for shown in [(0, 1, 2, 3), (0, 1), (0, 1)]:
        pool = tried(pool, (0,), [Row("train", i) for i in shown], verdict="rejected")
    order = to_reflect_on(pool, 6, seed=seed)
    assert (set(order[:2]), set(order[2:4]), set(order[4:])) == ({4, 5}, {2, 3}, {0, 1})


def test_what_was_shown_to_improve_another_member_does_not_count_as_shown() -> None:
    pool = run(tried(seeded({0: 0.0, 1: 0.0}), (0,)), 1, {0: 0.0, 1: 0.0})
    for _ in range(2):
        pool = tried(pool, (1,), [Row("train", 0)], verdict="rejected")
    pool = tried(pool, (0,), [Row("train", 1)], verdict="rejected")
    assert (to_reflect_on(pool, 1), to_reflect_on(pool, 1, parent=1)) == ([0], [1])


def test_chance_decides_between_failures_shown_equally_often() -> None:
    pool = seeded(dict.fromkeys(range(9), 0.0))
    assert len({tuple(to_reflect_on(pool, 3, seed=seed)) for seed in range(20)}) > 10


def test_without_a_known_failure_some_unknown_rows_are_taken_all_the_same() -> None:
    chosen = to_reflect_on(seeded({0: 1.0, 1: 1.0}), 6)
    assert len(chosen) == 3
    assert not {0, 1} & set(chosen)


def test_a_parent_that_does_every_row_right_has_nothing_to_reflect_on() -> None:
    assert to_reflect_on(seeded(dict.fromkeys(range(9), 1.0)), 6) == []


def test_without_a_perfect_score_every_row_may_teach_something() -> None:
    pool = seeded(dict.fromkeys(range(4), 1.0))
    assert sorted(numbers(failures_first(pool, 0, 8, math.inf, Random(0)))) == [0, 1, 2, 3]


def others_know(scores: Sequence[Mapping[int, float]], *, train: int) -> Pool:
    """The seed was not run; each child was run on some rows."""
    pool = seeded({}, train=train)
    for known in scores:
        pool = tried(pool, (0,))
        pool = run(pool, len(pool) - 1, known)
    return pool


def test_rows_that_every_member_does_right_are_left_out() -> None:
    always = dict.fromkeys(range(4), 1.0)
    pool = others_know([always | {4: 1.0}, always | {4: 0.0}], train=6)
    assert [set(to_reflect_on(pool, 12, seed=seed)) for seed in range(5)] == [{4, 5}] * 5


def test_rows_that_every_member_does_right_are_taken_while_there_are_no_others() -> None:
    pool = others_know([dict.fromkeys(range(6), 1.0)] * 2, train=6)
    assert len(to_reflect_on(pool, 8)) == 4


@pytest.mark.parametrize("seed", range(5))
def test_of_unknown_rows_the_hardest_come_first(seed: int) -> None:
    pool = others_know([{0: 1.0, 1: 1.0, 2: 0.0}, {0: 1.0, 1: 0.0, 2: 0.0}, {0: 0.0, 1: 0.0}], train=4)
    # Done right by 2 of 3, 1 of 3, none of 2, and nobody knows.
    assert to_reflect_on(pool, 8, seed=seed) == [2, 1, 3, 0]


# The rows of a trial ------------------------------------------------------------------------------------


def tried_on(pool: Pool, parents: tuple[int, ...], reflected: Sequence[Row], size: int, seed: int) -> Any:
    return trial_rows(pool, parents, reflected, size, RowOrder.of(pool, shared_order(pool, seed)))


def met_by(pool: Pool, member: int) -> set[Row]:
    """The rows that a member was run on, or one it descends from before it was written."""
    rows = (*pool.val_rows, *pool.train_rows)
    met = (pool.exposure[member] > 0) | ~np.isnan(pool.scores[member])
    return {row for row, known in zip(rows, met, strict=True) if known}


@given(families(), some_rows, st.integers(0, 14), seeds, st.data())
def test_a_child_is_tried_on_the_first_train_rows_that_its_line_was_not_run_on(
    pool: Pool, reflected: list[int], size: int, seed: int, data: st.DataObject
) -> None:
    parents = data.draw(st.sets(st.integers(0, len(pool) - 1), min_size=1, max_size=2))
    shown = [Row("train", i) for i in reflected]
    rows = tried_on(pool, tuple(parents), shown, size, seed)
    met = set(shown).union(*(met_by(pool, p) for p in parents))
    fresh = [row for row in training_order(pool, seed) if row not in met]
    assert list(rows)[: len(fresh)] == fresh[:size]
    assert len(rows) == len(set(rows)) == min(size, len(pool.train_rows) + len(pool.val_rows))


def test_rows_that_only_a_sibling_was_run_on_are_open() -> None:
    pool = tried(tried(seeded({}), (0,), train_rows(4)), (0,), train_rows(9)[4:])
    pool = run(run(pool, 1, dict.fromkeys(range(4), 0.0)), 2, dict.fromkeys(range(4, 9), 0.0))
    assert set(tried_on(pool, (1,), (), 5, 0)) >= set(train_rows(9)[4:8])
    assert set(tried_on(pool, (2,), (), 4, 0)) == set(train_rows(4))


def test_when_its_line_was_run_on_all_train_rows_those_come_that_fewest_of_it_met() -> None:
    pool = seeded(dict.fromkeys(range(9), 0.0))
    pool = run(tried(pool, (0,), train_rows(4)), 1, dict.fromkeys(range(6), 0.0))
    rows = tried_on(pool, (1,), train_rows(9)[6:7], 9, 5)
    assert set(rows[:2]) == set(train_rows(9)[7:])
    assert {row.split for row in rows} == {"train"}


def test_validation_rows_come_where_there_are_too_few_train_rows() -> None:
    rows = tried_on(seeded({}), (0,), (), 11, 5)
    assert rows[:9] == tuple(training_order(seeded({}), 5))
    assert rows[9:] == tuple(validation_order(seeded({}), 5)[:2])


def test_the_rows_of_a_trial_end_where_all_rows_end() -> None:
    assert len(tried_on(seeded({}), (0,), train_rows(4), 100, 0)) == 9 + 3
