"""Minibatches and the choice of components."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.sampling import all_components, minibatch, round_robin, stream
from tests.support import train_rows

seeds = st.integers(0, 2**31)


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


def test_round_robin_takes_one_component_after_the_other() -> None:
    assert [round_robin(["a", "b", "c"], turn) for turn in range(4)] == [("a",), ("b",), ("c",), ("a",)]


def test_all_takes_every_component_each_time() -> None:
    assert [all_components(["a", "b"], turn) for turn in range(2)] == [("a", "b"), ("a", "b")]


def test_a_stream_repeats_itself() -> None:
    assert stream(3, 5, "parent").random() == stream(3, 5, "parent").random()


def test_seeds_steps_and_purposes_have_streams_of_their_own() -> None:
    streams = [stream(0, 0, "parent"), stream(1, 0, "parent"), stream(0, 1, "parent"), stream(0, 0, "merge")]
    assert len({s.random() for s in streams}) == 4


def test_streams_are_the_same_on_every_machine() -> None:
    # Recorded once: a change here changes every run that anybody wants to repeat.
    assert stream(0, 1, "parent").randrange(1000) == 362
