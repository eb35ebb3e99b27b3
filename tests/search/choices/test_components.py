"""Which components a mutation rewrites."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dspy_gepa.search.choices.components import (
    ComponentContext,
    all_components,
    blamed,
    most_rewritten,
    round_robin,
)
from dspy_gepa.types import Outcome, TraceStep
from tests.support import Entry, pool_of

NAMES = ["find.query", "answer"]


def outcome(score: float, feedback: str = "", *, failed: Sequence[str] = (), **own: str) -> Outcome:
    trace = (
        TraceStep("find.query", {"question": "q"}, {"search_terms": "x"}),
        TraceStep("answer", {"passages": "p"}, {"verdict": "x"}),
    )
    trace = tuple(
        TraceStep(step.component, step.inputs, {}, "cannot be parsed") if step.component in failed else step
        for step in trace
    )
    return Outcome("scored", score=score, feedback=feedback, component_feedback=own, trace=trace)


def occasion(names: Sequence[str], outcomes: Sequence[Outcome] = (), turn: int = 0) -> ComponentContext:
    pool = pool_of(Entry(dict.fromkeys(names, "text"), (0.0,)))
    return ComponentContext(names, turn, outcomes, pool.members[0], pool)


def blame(outcomes: Sequence[Outcome]) -> Sequence[str]:
    return blamed(occasion(NAMES, outcomes))


def test_round_robin_takes_one_component_after_the_other() -> None:
    assert [round_robin(occasion("abc", turn=turn)) for turn in range(4)] == [("a",), ("b",), ("c",), ("a",)]


def test_all_takes_every_component_each_time() -> None:
    assert [all_components(occasion("ab", turn=turn)) for turn in range(2)] == [("a", "b"), ("a", "b")]


@pytest.mark.parametrize(
    ("feedback", "chosen"),
    [
        ("The verdict must be yes or no.", ("answer",)),
        ("find.query looked for the wrong thing", ("find.query",)),
        ("The query was too narrow.", ("find.query",)),
        ("search_terms and verdict are both wrong", ("find.query", "answer")),
        ("Wrong: see the verdicts and queries above.", ("find.query", "answer")),
        ("", ("find.query", "answer")),
    ],
)
def test_blame_goes_to_whom_the_feedback_names_by_name_or_field_and_else_to_all(
    feedback: str, chosen: tuple[str, ...]
) -> None:
    assert blame([outcome(0.0, feedback), outcome(1.0)]) == chosen


def test_blame_goes_to_a_component_whose_calls_fail() -> None:
    assert blame([outcome(0.0, failed=["answer"]), outcome(1.0)]) == ("answer",)


def test_a_components_own_feedback_comes_before_that_of_the_rollout() -> None:
    told = outcome(0.0, "the verdict is wrong", answer="well done")
    assert blame([told, outcome(0.0, "bad query")]) == ("find.query",)


def test_feedback_on_the_best_rollouts_counts_only_when_there_are_no_others() -> None:
    assert blame([outcome(0.0, "bad query"), outcome(1.0, "good verdict")]) == ("find.query",)
    assert blame([outcome(0.5, "verdict unclear")]) == ("answer",)


def test_who_is_blamed_less_than_half_as_often_is_left_alone() -> None:
    rows = [*[outcome(0.0, "bad query")] * 3, outcome(0.0, "bad verdict"), outcome(1.0)]
    assert blame(rows) == ("find.query",)
    assert blame(rows[1:]) == ("find.query", "answer")


def test_the_most_that_may_be_rewritten_is_known_beforehand() -> None:
    assert most_rewritten(round_robin, NAMES) == 1
    assert most_rewritten(all_components, NAMES) == most_rewritten(blamed, NAMES) == 2


def test_blame_goes_to_a_tool_that_the_feedback_names() -> None:
    names = ["find.query", "find.query/tools/lookup", "answer"]
    told = [outcome(0.0, "lookup should have been asked"), outcome(1.0)]
    assert blamed(occasion(names, told)) == ("find.query/tools/lookup",)
