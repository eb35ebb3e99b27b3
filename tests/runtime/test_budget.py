"""Limits hold over whatever is planned, reserved and spent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.runtime.budget import Budget, Limits, Spending


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[Spending, float]]:
    """What steps may need at most, and which share of it they then spend."""
    need = st.builds(Spending, rollouts=st.integers(0, 30), reflections=st.integers(0, 5))
    return draw(st.lists(st.tuples(need, st.floats(0, 1)), max_size=40))


@given(steps(), st.integers(0, 200), st.none() | st.integers(0, 20), st.integers(1, 5))
def test_no_sequence_of_steps_spends_more_than_the_limits(
    plans: list[tuple[Spending, float]], rollouts: int, reflections: int | None, width: int
) -> None:
    budget = Budget(Limits(rollouts, reflections=reflections))
    flying: list[tuple[int, Spending, float]] = []

    def land() -> None:
        number, need, share = flying.pop(0)
        budget.settle(number, Spending(int(need.rollouts * share), int(need.reflections * share)))

    for number, (need, share) in enumerate(plans):
        if len(flying) == width:
            land()
        if budget.refusal(need) is None:
            budget.reserve(number, need)
            flying.append((number, need, share))
    while flying:
        land()
    assert budget.spent.rollouts <= rollouts
    assert budget.room == rollouts - budget.spent.rollouts
    assert reflections is None or budget.spent.reflections <= reflections


@given(steps(), st.integers(0, 100), st.integers(0, 10))
def test_with_nothing_in_flight_a_step_that_fits_is_never_refused(
    plans: list[tuple[Spending, float]], rollouts: int, reflections: int
) -> None:
    budget = Budget(Limits(rollouts, reflections=reflections))
    for number, (need, share) in enumerate(plans):
        fits = (
            budget.spent.rollouts + need.rollouts <= rollouts
            and budget.spent.reflections + need.reflections <= reflections
        )
        assert (budget.refusal(need) is None) is fits
        if fits:
            budget.reserve(number, need)
            budget.settle(number, Spending(int(need.rollouts * share), int(need.reflections * share)))


def spent(limits: Limits, spending: Spending, elapsed: float = 0.0) -> Budget:
    budget = Budget(limits, lambda: elapsed)
    budget.reserve(0, Spending(spending.rollouts, spending.reflections))
    budget.settle(0, spending)
    return budget


@pytest.mark.parametrize(
    ("limits", "spending", "elapsed", "words"),
    [
        (Limits(10), Spending(8), 0, "8 of 10 rollouts are spent, and the next step may need 3"),
        (Limits(99, reflections=2), Spending(8, 2), 0, "2 of 2 reflections are spent"),
        (Limits(99, tokens=1000), Spending(8, tokens=900), 0, "900 of 1000 tokens are spent, and the next"),
        (Limits(99, cost=1.5), Spending(8, cost=1.25), 0, "$1.25 of $1.5 are spent, and the next step"),
        (Limits(99, seconds=60), Spending(8), 60.5, "60 of 60 seconds are spent"),
    ],
)
def test_the_limit_that_is_reached_first_is_named_with_its_figures(
    limits: Limits, spending: Spending, elapsed: float, words: str
) -> None:
    refusal = spent(limits, spending, elapsed).refusal(Spending(3, 1))
    assert refusal is not None
    assert refusal.startswith(words)


def test_a_step_that_is_within_all_limits_is_not_refused() -> None:
    limits = Limits(99, reflections=5, tokens=2000, cost=3.0, seconds=60)
    budget = spent(limits, Spending(8, 2, 800, 1.0), elapsed=59)
    assert budget.refusal(Spending(3, 1)) is None


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(1, 20))
def test_rollouts_of_one_size_never_use_more_tokens_than_allowed_after_the_first(
    tokens: int, each: int, size: int
) -> None:
    budget = Budget(Limits(10**6, tokens=tokens))
    first = Spending(size, tokens=size * each)
    budget.reserve(0, first)
    budget.settle(0, first)
    number = 1
    while budget.refusal(Spending(size)) is None:
        budget.reserve(number, Spending(size))
        budget.settle(number, first)
        number += 1
    assert budget.spent.tokens <= max(tokens, first.tokens)


def test_what_is_reserved_cannot_be_reserved_again() -> None:
    budget = Budget(Limits(10))
    budget.reserve(0, Spending(6))
    assert (budget.room, budget.refusal(Spending(5)) is None) == (4, False)
    with pytest.raises(ValueError, match="room for 4 rollouts"):
        budget.reserve(1, Spending(5))


def test_a_step_cannot_spend_more_than_it_had_reserved() -> None:
    budget = Budget(Limits(10))
    budget.reserve(0, Spending(2))
    with pytest.raises(ValueError, match="had reserved"):
        budget.settle(0, Spending(3))


# A share that is kept for later ---------------------------------------------------------------------------


def test_a_share_of_the_limits_is_a_share_of_each_but_reflections() -> None:
    limits = Limits(200, reflections=10, tokens=1000, cost=4.0, seconds=60.0)
    assert limits.scaled(0.25) == Limits(50, reflections=10, tokens=250, cost=1.0, seconds=15.0)


def test_what_is_unlimited_stays_unlimited_in_every_share() -> None:
    assert Limits(200).scaled(0.5) == Limits(100)


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**9), st.none() | st.floats(0, 1e6))
def test_the_whole_of_the_limits_is_the_limits(
    rollouts: int, tokens: int | None, other: float | None
) -> None:
    limits = Limits(rollouts, tokens, tokens, other, other)
    assert limits.scaled(1.0) == limits


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1))
def test_a_share_of_whole_things_is_rounded_down(rollouts: int, tokens: int, share: float) -> None:
    part = Limits(rollouts, tokens=tokens).scaled(share)
    assert part.rollouts <= rollouts * share < part.rollouts + 1
    assert part.tokens is not None
    assert part.tokens <= tokens * share < part.tokens + 1


@pytest.mark.parametrize(
    ("limits", "spending", "elapsed", "words"),
    [
        (Limits(100), Spending(48), 0, "the search ended at 48 of 100 rollouts so that 52 were left"),
        (Limits(999, tokens=1000), Spending(30, tokens=490), 0, "the search ended at 490 of 1000 tokens"),
        (Limits(999, cost=3.0), Spending(30, cost=1.49), 0, "the search ended at $1.49 of $3"),
        (Limits(999, seconds=60), Spending(30), 30, "the search ended at 30 of 60 seconds"),
    ],
)
def test_what_is_kept_for_later_is_refused_now(
    limits: Limits, spending: Spending, elapsed: float, words: str
) -> None:
    budget = spent(limits, spending, elapsed)
    refusal = budget.refusal(Spending(3), keep=0.5)
    assert refusal is not None
    assert refusal.startswith(words)
    assert budget.refusal(Spending(3)) is None
    assert budget.refusal(Spending(3), keep=0.25) is None


def test_no_reflections_are_reserved_for_the_finals() -> None:
    budget = spent(Limits(100, reflections=10), Spending(8, reflections=9))
    assert budget.refusal(Spending(3, reflections=1), keep=0.8) is None
    assert budget.refusal(Spending(3, reflections=2), keep=0.0) == "9 of 10 reflections are spent"


def test_what_was_kept_can_be_reserved_in_the_end() -> None:
    budget = spent(Limits(100), Spending(80))
    assert budget.refusal(Spending(1), keep=0.2) is not None
    assert budget.room == 20
    budget.reserve(1, Spending(20))
    assert budget.room == 0


@given(steps(), st.integers(0, 200), st.floats(0, 1))
def test_steps_that_respect_what_is_kept_leave_it(
    plans: list[tuple[Spending, float]], rollouts: int, keep: float
) -> None:
    budget = Budget(Limits(rollouts))
    for number, (need, share) in enumerate(plans):
        if budget.refusal(need, keep) is None:
            budget.reserve(number, need)
            budget.settle(number, Spending(int(need.rollouts * share)))
    assert budget.room >= int(rollouts * keep)
