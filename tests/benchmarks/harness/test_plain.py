"""Rivals without a search keep to the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.others.plain import Plan, best_of, one_reading, plan


@given(st.integers(13, 2000))
def test_plans_spend_at_most_the_budget(budget: int) -> None:
    for laid in (best_of(budget), one_reading(budget)):
        assert laid.rows >= 1
        assert laid.shown + (laid.drafts + 1) * laid.rows <= budget


def test_the_plans_at_sixty_calls() -> None:
    assert best_of(60) == Plan(8, 4, 10)
    assert one_reading(60) == Plan(30, 2, 10)


def test_a_budget_that_pays_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="budget of 10"):
        plan(10, drafts=4, shown=8)
