"""Rows that must pass: which are guarded, who fails one, who may be returned, what the reflector is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dspy_gepa.search.belief.belief import DenseBelief
from dspy_gepa.search.belief.scales import Scales
from dspy_gepa.search.finals import choose, contenders, finals
from dspy_gepa.search.must_pass import (
    best_not_failing,
    failing,
    guarded_rows,
    holds,
    regressions,
    show_regressions,
    unchecked,
    with_regressions,
)
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Effect, Outcome, Rollout, Row
from tests.support_search import run, seeded, tried

T = [Row("train", i) for i in range(6)]


def pool_of(*lines: dict[int, float]) -> Pool:
    """A pool whose members have these scores on train rows, by position."""
    pool = seeded(lines[0], train=6)
    for member, line in enumerate(lines[1:], start=1):
        pool = run(tried(pool, (0,)), member, line)
    return pool


def believing(pool: Pool, means: list[float]) -> Pool:
    """The pool with this belief: all members independent."""
    pool = replace(pool)
    vars(pool)["belief"] = DenseBelief(np.array(means), np.eye(len(means)) / 100, Scales(1.0, 0.0, 1.0, 0.0))
    return pool


MUST = {T[0]: 1.0, T[1]: 1.0, T[2]: 0.5}
POOL = pool_of(
    {0: 1.0, 1: 0.9, 2: 0.6, 3: 0.0},
    {0: 1.0, 1: 0.0, 2: 0.5, 3: 1.0},  # passes what the original passes
    {0: 0.9, 2: 0.6, 3: 1.0},  # below the threshold on one row
    {2: 0.6, 3: 1.0},  # was not run on all of them
)


def test_rows_that_the_original_passes_are_guarded() -> None:
    assert guarded_rows(POOL, MUST) == {T[0]: 1.0, T[2]: 0.5}
    assert guarded_rows(POOL, {}) == {}
    assert guarded_rows(seeded({}, train=6), MUST) == {}


def test_a_regression_is_a_score_below_the_threshold_on_a_guarded_row() -> None:
    assert [regressions(POOL, MUST, member) for member in range(4)] == [(), (), (T[0],), ()]
    assert failing(POOL, MUST) == {2}
    rounded = pool_of({0: 1.0}, {0: 1.0 - 1e-9})
    assert regressions(rounded, MUST, 1) == ()


def test_only_members_that_are_known_to_pass_may_be_returned() -> None:
    assert [holds(POOL, MUST, member) for member in range(4)] == [True, True, False, False]
    assert [unchecked(POOL, MUST, member) for member in range(4)] == [(), (), (), (T[0],)]
    assert all(holds(POOL, {}, member) for member in range(4))


def test_a_row_that_a_provider_refuses_stays_open_and_is_not_asked_for_again() -> None:
    refused = POOL.evaluated(Evaluation({3: {T[0]: Outcome("unavailable")}}))
    assert unchecked(refused, MUST, 3) == ()
    assert not holds(refused, MUST, 3)


def test_the_best_that_is_not_known_to_fail_is_the_one_to_check() -> None:
    pool = believing(POOL, [0.1, 0.3, 0.9, 0.5])
    assert best_not_failing(pool, MUST) == 3
    assert best_not_failing(pool, {}) == 2
    assert contenders(pool, 3, MUST) == [0, 3, 1]


def test_regressions_on_train_rows_take_up_to_half_of_the_rows_to_reflect_on() -> None:
    assert with_regressions(POOL, MUST, 2, [T[3], T[4]]) == (T[0], T[3])
    assert with_regressions(POOL, MUST, 2, [T[3], T[0]]) == (T[0], T[3])
    assert with_regressions(POOL, MUST, 1, [T[3], T[4]]) == (T[3], T[4])
    lost = pool_of({0: 1, 1: 1, 2: 1}, {0: 0, 1: 0, 2: 0})
    assert with_regressions(lost, MUST, 1, [T[3], T[4], T[5]]) == (T[0], T[1], T[3])


def shown(rows: list[Row], outcomes: list[Outcome]) -> tuple[tuple[Outcome, ...], list[Effect]]:
    asked: list[Effect] = []
    step = show_regressions(POOL, MUST, rows, outcomes)
    try:
        effects = next(step)
        asked += effects
        step.send([Outcome("scored", 1.0, output={"answer": "as before"}) for _ in effects])
    except StopIteration as end:
        return end.value, asked
    raise AssertionError("one question is enough")


def test_the_feedback_of_a_regression_says_so_and_how_the_original_answered() -> None:
    lost = Outcome("scored", 0.0, feedback="Wrong.", component_feedback={"b": "Too long."})
    found, asked = shown([T[0], T[3]], [lost, Outcome("scored", 0.0, feedback="Wrong too.")])
    assert asked == [Rollout(POOL.members[0].candidate, T[0])]
    assert found[1].feedback == "Wrong too."
    for text, own in ((found[0].feedback, "Wrong."), (found[0].component_feedback["b"], "Too long.")):
        assert text.startswith("This is a regression.")
        assert '{"answer": "as before"}' in text
        assert text.endswith(own)


def test_rows_that_are_not_lost_are_shown_as_ever_and_nothing_is_asked() -> None:
    outcomes = [Outcome("scored", 1.0), Outcome("scored", 0.0)]
    assert shown([T[0], T[1]], outcomes) == (tuple(outcomes), [])


def test_the_choice_passes_over_who_fails_and_says_so() -> None:
    pool = believing(POOL, [0.1, 0.6, 0.9, 0.5])
    choice = choose(pool, 0.5, 0.0, must_pass=MUST)
    assert choice.member == 1
    assert "candidate 2, with the higher score" in choice.reason
    assert "fails 1 of the rows that must pass (train/0)" in choice.reason


def test_the_original_is_returned_where_nobody_holds_with_the_reason() -> None:
    nobody = {row: low for row, low in MUST.items() if row == T[0]}
    pool = believing(pool_of({0: 1.0}, {0: 0.0}, {}), [0.1, 0.9, 0.5])
    choice = choose(pool, 0.5, 0.0, must_pass=nobody)
    assert (choice.member, choice.reason) == (
        0,
        "candidate 1 fails 1 of the rows that must pass (train/0)",
    )
    unknown = believing(pool_of({0: 1.0}, {}), [0.1, 0.9])
    assert "was not run on all rows that must pass" in choose(unknown, 0.5, 0.0, must_pass=nobody).reason


def test_the_finals_run_the_open_rows_first_and_go_on_with_those_that_pass() -> None:
    pool = believing(pool_of({0: 1.0}, {0: 1.0}, {}, {}), [0.1, 0.5, 0.5, 0.5])
    order = pool.val_rows
    asked: list[Rollout] = []

    def answer(effect: Any) -> Outcome:
        asked.append(effect)
        fails = effect.candidate == pool.members[2].candidate and effect.row == T[0]
        return Outcome("scored", 0.0 if fails else 1.0)

    step = finals(pool, [0, 1, 2, 3], order, 20, {T[0]: 1.0})
    effects = next(step)
    assert [effect.row for effect in effects] == [T[0], T[0]]
    try:
        while True:
            effects = step.send([answer(effect) for effect in effects])
    except StopIteration:
        pass
    run_on_validation = {e.candidate for e in asked if e.row.split == "val"}
    assert pool.members[2].candidate not in run_on_validation
    assert pool.members[3].candidate in run_on_validation
    assert not np.isnan(pool.table.at(1, [pool.column(T[0])])).any()
