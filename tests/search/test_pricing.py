"""What steps cost: budgets by name, the default width, steps for rollouts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.search.pricing import auto_rollouts, default_width, price
from dspy_gepa.search.strategy import ADAPTIVE, PAPER, Strategy

both = pytest.mark.parametrize("strategy", [PAPER, ADAPTIVE], ids=lambda strategy: strategy.name)
SIZES = ("light", "medium", "heavy")


@both
def test_auto_grows_with_its_size(strategy: Strategy) -> None:
    light, medium, heavy = (auto_rollouts(size, strategy, 50, 50, components=2) for size in SIZES)
    assert light < medium < heavy


def test_where_children_are_validated_more_components_take_more_of_them() -> None:
    few, many = (auto_rollouts("light", PAPER, 50, 50, components=count) for count in (1, 8))
    assert few < many


@given(st.sampled_from(SIZES), st.integers(1, 300), st.integers(1, 12))
def test_auto_pays_for_several_validated_children(auto: str, val: int, components: int) -> None:
    affordable = auto_rollouts(auto, PAPER, 50, val, components)
    assert affordable >= val + 6 * (val + 2 * PAPER.minibatch_size)


def test_auto_of_the_adaptive_strategy_does_not_grow_with_the_validation_set() -> None:
    small, large = (auto_rollouts("light", ADAPTIVE, 50, val, 1) for val in (50, 500))
    assert small == large < 200


@both
@given(steps=st.integers(0, 500))
def test_steps_and_rollouts_are_each_others_inverse(strategy: Strategy, steps: int) -> None:
    cost = price(strategy, 50, 50)
    assert cost.steps(cost.rollouts(steps)) == pytest.approx(steps, abs=0.2)


def test_the_paper_is_sequential() -> None:
    assert default_width(PAPER, 5_000, 50, 50) == 1


def test_breadth_comes_with_the_budget() -> None:
    widths = [default_width(ADAPTIVE, budget, 50, 50) for budget in (60, 150, 600, 1_200)]
    assert widths[:2] == [1, 1]
    assert 1 < widths[2] < widths[3]
    assert default_width(ADAPTIVE, UNLIMITED, 50, 50) == 1
