"""Decisions on record: a search that reads them does what it did when it made them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Budget, Limits
from dspy_gepa.search import Adaptive, Paper, Problem, Search, Strategy
from dspy_gepa.search.plans import Decision, Plan, next_course
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Candidate, Outcome, Row
from tests.support import HashWorld, val_rows

SEED = Candidate.of({"a": "one", "b": "two"})
STRATEGIES = [Paper(max_merges=3), Adaptive(max_merges=3)]
BUDGET = 150


class Plans(dict[int, Plan]):
    """Plans in memory, as `dspy_gepa.search.plans.Plans` describes them."""

    def recall(self, step: int) -> Plan | None:
        return self.get(step)

    def record(self, step: int, plan: Plan | None) -> None:
        if self.get(step) != plan:
            for later in [number for number in self if number >= step]:
                del self[later]
            if plan is not None:
                self[step] = plan


def search(
    plans: Plans,
    strategy: Strategy,
    *,
    width: int = 1,
    budget: int = BUDGET,
    seed: int = 0,
    world: int = 0,
    steps: int = 999,
) -> tuple[Search, int]:
    """A search of so many steps at most, and the number of decisions that were made."""
    answers, asked = HashWorld(seed=world, levels=3), 0
    problem = Problem(SEED, list(SEED), 40, val_rows(6), ReflectionSettings("a and b"))
    found = Search(problem, strategy, seed, Budget(Limits(budget)), width, plans=plans)
    planner = found._planner

    class Counting:
        def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
            nonlocal asked
            asked += name == "trial"
            return getattr(planner, name)

    found._planner = Counting()  # type: ignore[assignment]
    while begun := list(iter(found.ask, None)):
        for step in begun:
            if found.committed == steps:
                return found, asked
            found.tell(step, step.run(answers))
    return found, asked


def outcome_of(found: Search) -> tuple[object, ...]:
    return found.pool.proposals, found.pool.means, found.choice, found.budget.spent, found.stop_reason


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
@settings(max_examples=10, deadline=None)
@given(width=st.integers(1, 4), seed=st.integers(0, 1_000), stopped=st.integers(0, 30))
def test_a_search_that_was_stopped_anywhere_goes_on_from_its_record(
    strategy: Strategy, width: int, seed: int, stopped: int
) -> None:
    calm, _ = search(Plans(), strategy, width=width, seed=seed)
    plans = Plans()
    search(plans, strategy, width=width, seed=seed, steps=stopped)
    again, _ = search(plans, strategy, width=width, seed=seed)
    assert outcome_of(again) == outcome_of(calm)
    assert again.course == calm.course


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("width", [1, 3])
def test_what_is_on_record_is_not_decided_again(strategy: Strategy, width: int) -> None:
    plans = Plans()
    first, decided = search(plans, strategy, width=width)
    recorded = dict(plans)
    again, decided_again = search(plans, strategy, width=width)
    assert outcome_of(again) == outcome_of(first)
    assert plans == recorded
    assert decided_again <= width + 1 < decided


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_a_larger_budget_takes_the_decisions_that_it_would_make(strategy: Strategy) -> None:
    plans = Plans()
    search(plans, strategy, budget=60)
    longer, _ = search(plans, strategy)
    straight = Plans()
    expected, _ = search(straight, strategy)
    assert longer.pool.proposals == expected.pool.proposals
    assert {n: p.decision for n, p in plans.items()} == {n: p.decision for n, p in straight.items()}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_after_other_results_the_record_is_void(strategy: Strategy) -> None:
    plans = Plans()
    search(plans, strategy)
    straight = Plans()
    expected, _ = search(straight, strategy, world=1)
    other, _ = search(plans, strategy, world=1)
    assert outcome_of(other) == outcome_of(expected)
    assert plans == straight


@pytest.mark.parametrize(
    "decision",
    [
        Decision("mutation", (5,), (Row("train", 0),)),
        Decision("mutation", (-1,), (Row("train", 0),)),
        Decision("mutation", (), (Row("train", 0),)),
        Decision("mutation", (0,), (Row("train", 40),)),
        Decision("mutation", (0,), (Row("train", 0),), trial_rows=(Row("val", 6),)),
        Decision("merge", (0, 0), (Row("val", 0),)),
        Decision("merge", (0, 0), (Row("val", 0),), ancestor=0, sources=(0,)),
        Decision("top-up", (0,), (Row("train", 0),), ancestor=0),
    ],
)
def test_a_decision_that_no_search_makes_does_not_fit(decision: Decision) -> None:
    found, _ = search(Plans(), Paper(), steps=0)
    assert not decision.fits(found.pool)
    expected, _ = search(Plans(), Paper())
    plans = Plans({0: Plan(decision, 0, "")})
    assert outcome_of(search(plans, Paper())[0]) == outcome_of(expected)


def test_courses_differ_as_soon_as_a_result_does() -> None:
    def course(score: float, before: str = "") -> str:
        return next_course(before, 0, Evaluation({0: {Row("val", 0): Outcome("scored", score=score)}}))

    assert course(0.5) == course(0.5)
    assert len({course(0.5), course(0.25), course(0.5, before=course(0.5))}) == 3
