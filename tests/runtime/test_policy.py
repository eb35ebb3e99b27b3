"""Delays and concurrency."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.runtime.policy import AdaptiveLimit, RetryPolicy


@given(st.integers(1, 30), st.integers())
def test_delays_double_with_jitter_up_to_the_longest(attempt: int, seed: int) -> None:
    delay = RetryPolicy(first_delay=1, longest_delay=60).delay(attempt, None, Random(seed))
    full = min(60, 2 ** (attempt - 1))
    assert full / 2 <= delay <= full


@given(st.integers(1, 10), st.floats(0, 10_000))
def test_no_delay_is_shorter_than_the_provider_asked_for(attempt: int, retry_after: float) -> None:
    assert RetryPolicy().delay(attempt, retry_after, Random(0)) >= retry_after


EVENTS = st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=60)


@given(st.integers(1, 64), EVENTS)
def test_concurrency_stays_between_one_and_the_most(most: int, events: list[tuple[bool, float]]) -> None:
    limit, now = AdaptiveLimit(most), 0.0
    for refused, seconds in events:
        now += seconds
        if refused:
            limit.overloaded(now - 1, now)
        else:
            limit.succeeded()
        assert 1 <= limit.value <= most


def test_concurrency_halves_once_per_burst() -> None:
    limit = AdaptiveLimit(32)
    assert [limit.overloaded(started=0, now=1 + i / 100) for i in range(5)] == [True] + [False] * 4
    assert limit.value == 16
    assert limit.overloaded(started=1.5, now=2)
    assert limit.value == 8


def test_concurrency_creeps_back_by_one_for_every_round_of_successes() -> None:
    limit = AdaptiveLimit(8)
    limit.overloaded(0, 0)
    values = []
    for _ in range(60):
        limit.succeeded()
        values.append(limit.value)
    assert values == sorted(values)
    assert (values[0], values[5], values[-1]) == (4, 5, 8)
