"""The interface of the strategies: what holds for both."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search import (
    COMPONENT_CHOICES,
    PARENT_CHOICES,
    STRATEGIES,
    Adaptive,
    Paper,
    Problem,
    Strategy,
)
from dspy_gepa.search.strategy import AUTO_SIZES
from tests.support import HashWorld
from tests.support_search import evolve, problem

both = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=list(STRATEGIES))

worlds = st.builds(HashWorld, seed=st.integers(0, 10_000), levels=st.integers(2, 4))
shapes = st.builds(problem, train=st.integers(1, 10), val=st.integers(1, 6))


@settings(max_examples=30)
@given(
    worlds,
    shapes,
    st.integers(1, 5),
    st.sampled_from(sorted(COMPONENT_CHOICES)),
    st.sampled_from([Paper(), Adaptive(max_merges=9)]),
)
def test_no_step_asks_for_more_than_it_reserved(
    world: HashWorld, task: Problem, size: int, components: str, strategy: Strategy
) -> None:
    strategy = replace(strategy, minibatch_size=size, choose_components=COMPONENT_CHOICES[components])
    trials = list(evolve(world, task, strategy))  # asserts after every step
    assert len(trials) == 15


@both
def test_auto_grows_with_its_size(strategy: Strategy) -> None:
    light, medium, heavy = (strategy.auto_rollouts(size, 50, 50, components=2) for size in AUTO_SIZES)
    assert light < medium < heavy


@both
@given(steps=st.integers(0, 500))
def test_steps_and_rollouts_are_each_others_inverse(strategy: Strategy, steps: int) -> None:
    cost = strategy.price(50, 50)
    assert cost.steps(cost.rollouts(steps)) == pytest.approx(steps, abs=0.2)


def test_strategies_are_found_under_their_names() -> None:
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())


@both
def test_what_a_strategy_chooses_with_can_be_chosen_by_name(strategy: Strategy) -> None:
    assert strategy.choose_parent in PARENT_CHOICES.values()
    assert strategy.choose_components in COMPONENT_CHOICES.values()


@both
def test_a_strategy_is_data_that_cannot_be_changed_in_place(strategy: Strategy) -> None:
    with pytest.raises(FrozenInstanceError):
        strategy.minibatch_size = 5  # type: ignore[misc]
    assert replace(strategy, minibatch_size=5).minibatch_size == 5
    assert "validates_all" in {field.name for field in fields(strategy)}
