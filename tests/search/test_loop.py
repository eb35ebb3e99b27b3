"""Algorithm 1 as a loop: what is in flight beside what, and what it may spend."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Budget, Limits
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.search import Adaptive, Committed, Paper, Problem, Search, Strategy, run
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Candidate, Effect, Result, Rollout
from tests.runtime.support_world import World, dispatcher_in
from tests.support import HashWorld, val_rows

ADAPTIVE, PAPER = Adaptive(), Paper()
SEED = Candidate.of({"a": "one", "b": "two"})


def search(
    budget: int, *, width: int = 1, seed: int = 0, val: int = 4, strategy: Strategy = PAPER
) -> tuple[Search, World, list[Committed], int]:
    """A run to its end in made-up time: the search, the world, what was committed, and the most beside it."""
    answers = HashWorld(seed=seed, levels=3)

    def behave(effect: Effect, attempt: int) -> tuple[float, Result]:
        return 1.0, answers(effect)

    def listen(committed: Committed) -> None:
        told.append(committed)
        beside.append(scheduler.in_flight)

    world, told, beside = World(behave), [], []
    scheduler = Scheduler(dispatcher_in(world, workers=100))
    found = Search(
        problem=Problem(SEED, list(SEED), 9, val_rows(val), ReflectionSettings("a and b")),
        strategy=strategy,
        seed=seed,
        budget=Budget(Limits(budget)),
        width=width,
    )
    run(found, scheduler, listen=listen)
    return found, world, told, max(beside)


@settings(max_examples=60, deadline=None)
@given(
    budget=st.integers(4, 90),
    width=st.integers(1, 6),
    seed=st.integers(0, 1_000),
)
def test_the_budget_holds_and_every_member_is_validated_in_full(budget: int, width: int, seed: int) -> None:
    found, world, *_ = search(budget, width=width, seed=seed)
    executed = sum(isinstance(effect, Rollout) for _, effect in world.starts)
    assert executed == found.budget.spent.rollouts <= budget
    assert all(found.pool.is_validated(member.index) for member in found.pool.members)
    assert found.stop_reason


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_at_width_one_a_child_is_validated_before_the_next_trial(seed: int) -> None:
    _, _, told, _ = search(80, seed=seed)
    for one, next_one in itertools.pairwise(told):
        if not isinstance(one.result, Evaluation) and one.result.verdict == "accepted":
            assert isinstance(next_one.result, Evaluation)


@pytest.mark.parametrize("strategy", [PAPER, ADAPTIVE], ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("width", [1, 2, 5])
def test_width_counts_evaluations_in_flight_too(width: int, strategy: Strategy) -> None:
    beside = max(search(200, width=width, seed=seed, strategy=strategy)[3] for seed in range(5))
    assert beside == width - 1


def rejected_for_want_of_room(pool: Pool) -> list[str]:
    return [p.reason for p in pool.proposals if p.verdict == "rejected" and "next step may need" in p.reason]


def test_of_two_that_pass_beside_each_other_the_later_finds_no_room_for_its_validation() -> None:
    found = [search(30, width=6, seed=seed, val=8)[0] for seed in range(20)]
    reasons = [reason for one in found for reason in rejected_for_want_of_room(one.pool)]
    assert reasons
    assert all("minibatch score went from" in reason for reason in reasons)


def test_alone_a_trial_is_only_begun_when_its_validation_fits() -> None:
    for seed in range(20):
        assert rejected_for_want_of_room(search(30, seed=seed, val=8)[0].pool) == []


# Driven by hand -------------------------------------------------------------------------------------------


def by_hand(
    strategy: Strategy, *, width: int, seed: int = 0
) -> tuple[Search, list[Committed], list[list[Effect]]]:
    """A search without a scheduler: all steps in flight are run, and told in their order."""
    answers = HashWorld(seed=seed, levels=3)
    problem = Problem(SEED, list(SEED), 9, val_rows(4), ReflectionSettings("a and b"))
    found = Search(problem, strategy, seed, Budget(Limits(80)), width)
    committed: list[Committed] = []
    asked: list[list[Effect]] = []
    while True:
        steps = list(iter(found.ask, None))
        if not steps:
            return found, committed, asked
        for step in steps:
            effects: list[Effect] = []
            result = step.run(lambda effect: effects.append(effect) or answers(effect))  # noqa: B023
            asked.append(effects)
            committed.append(found.tell(step, result))


@pytest.mark.parametrize("strategy", [PAPER, ADAPTIVE], ids=lambda strategy: strategy.name)
def test_a_search_driven_by_hand_finds_what_the_scheduler_finds(strategy: Strategy) -> None:
    driven, _, _ = by_hand(strategy, width=1)
    found, *_ = search(80, strategy=strategy)
    assert driven.pool.proposals == found.pool.proposals
    assert driven.choice == found.choice
    assert (driven.budget.spent, driven.stop_reason) == (found.budget.spent, found.stop_reason)


@pytest.mark.parametrize("strategy", [PAPER, ADAPTIVE], ids=lambda strategy: strategy.name)
@settings(max_examples=10, deadline=None)
@given(width=st.integers(1, 5), seed=st.integers(0, 1_000))
def test_a_rollout_is_charged_to_the_first_step_that_used_it(
    strategy: Strategy, width: int, seed: int
) -> None:
    found, committed, asked = by_hand(strategy, width=width, seed=seed)
    seen: set[str] = set()
    for one, effects in zip(committed, asked, strict=True):
        keys = {effect.key for effect in effects if isinstance(effect, Rollout)}
        assert one.spent.rollouts == len(keys - seen)
        assert one.spent.reflections == sum(not isinstance(effect, Rollout) for effect in effects)
        seen |= keys
    assert found.budget.spent.rollouts == len(seen)
    assert [one.step.number for one in committed] == list(range(len(committed)))


def test_a_search_that_is_over_stays_over() -> None:
    found, *_ = by_hand(ADAPTIVE, width=1)
    assert found.ask() is None
    assert not found.in_flight


@pytest.mark.parametrize("width", [1, 4])
def test_rollouts_of_rejected_candidates_are_released_once_no_step_can_ask_for_them(width: int) -> None:
    found, committed, asked = by_hand(PAPER, width=width, seed=1)
    members = {member.candidate.id for member in found.pool.members}
    released: set[str] = set()
    for one, effects in zip(committed, asked, strict=True):
        keys = {effect.key for effect in effects if isinstance(effect, Rollout)}
        assert not keys & released
        released |= set(one.released)
    assert {key.split(":")[0] for key in released}.isdisjoint(members)
    rejected = [p for p in found.pool.proposals if p.verdict == "rejected" and p.after]
    assert released <= {
        Rollout(p.candidate, row).key for p in rejected if p.candidate for row in p.trial_rows
    }
    assert released
