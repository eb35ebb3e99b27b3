"""Random streams, the order of the rows, and the rows of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import (
    RowOrder,
    shared_order,
    stream,
    training_order,
    trial_rows,
    validation_order,
)
from dspy_gepa.types import Row
from tests.support import train_rows, val_rows
from tests.support_search import families, run, seeded, seeds, some_rows, tried


def test_a_stream_repeats_itself() -> None:
    assert stream(3, 5, "parent").random() == stream(3, 5, "parent").random()


def test_seeds_steps_and_purposes_have_streams_of_their_own() -> None:
    streams = [stream(0, 0, "parent"), stream(1, 0, "parent"), stream(0, 1, "parent"), stream(0, 0, "merge")]
    assert len({s.random() for s in streams}) == 4


def test_streams_are_the_same_on_every_machine() -> None:
    # Recorded once: a change here changes every run that anybody wants to repeat.
    assert stream(0, 1, "parent").randrange(1000) == 362


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


@given(families(), seeds)
def test_rows_are_run_in_one_order_of_all_train_rows_and_then_all_validation_rows(
    pool: Pool, seed: int
) -> None:
    order = shared_order(pool, seed)
    assert sorted(order[:10]) == list(train_rows(10))
    assert order[10:] == validation_order(pool, seed)
    assert sorted(order[10:]) == list(val_rows(3))
    assert order == shared_order(seeded({}, train=10), seed)


def test_seeds_put_the_rows_in_different_orders() -> None:
    pool = seeded({}, train=30, val=30)
    first, second = shared_order(pool, 0), shared_order(pool, 1)
    assert first[:30] != second[:30]
    assert validation_order(pool, 0) != validation_order(pool, 1)
