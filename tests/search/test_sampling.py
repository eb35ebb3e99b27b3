"""Random streams, and the order of the rows."""

from __future__ import annotations

from hypothesis import given

from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import (
    shared_order,
    stream,
    validation_order,
)
from tests.support import train_rows, val_rows
from tests.support_search import families, seeded, seeds


def test_a_stream_repeats_itself() -> None:
    assert stream(3, 5, "parent").random() == stream(3, 5, "parent").random()


def test_seeds_steps_and_purposes_have_streams_of_their_own() -> None:
    streams = [stream(0, 0, "parent"), stream(1, 0, "parent"), stream(0, 1, "parent"), stream(0, 0, "merge")]
    assert len({s.random() for s in streams}) == 4


def test_streams_are_the_same_on_every_machine() -> None:
    # Recorded once: a change here changes every run that anybody wants to repeat.
    assert stream(0, 1, "parent").randrange(1000) == 362


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
