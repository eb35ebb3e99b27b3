"""The adaptive search: its next step and its price."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np

from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.search import Adaptive, Pool, Strategy
from dspy_gepa.types import Candidate, Rollout
from tests.support import HashWorld, drive, val_rows
from tests.support_search import ORIGINAL, evolve, next_evaluation, next_trial, perform, problem, validated

ADAPTIVE = Adaptive()


def searched(strategy: Strategy, trials: int, *, train: int = 60) -> Pool:
    """The pool at the start of a trial, with all that was due before it."""
    found = evolve(HashWorld(seed=4, levels=4), problem(train, 3), strategy, trials=trials + 1)
    return next(islice(found, trials, None))[0]


def known_rows(pool: Pool, member: int) -> int:
    return int((~np.isnan(pool.scores[member])).sum())


def test_after_some_trials_the_member_believed_best_is_run_on_more_train_rows() -> None:
    early = replace(ADAPTIVE, champion_after=5)
    pool = searched(replace(early, champion_after=0), 10)
    champion = int(pool.belief.mean.argmax())
    assert known_rows(pool, champion) < early.first_rows + 10
    plan = next_evaluation(pool, problem(60, 3), early, seed=4)
    assert plan is not None
    assert plan.evaluates == champion
    asked = next(plan.work)
    assert len(asked) == plan.need.rollouts == 8
    rows = [effect.row for effect in asked if isinstance(effect, Rollout)]
    assert {row.split for row in rows} == {"train"}
    columns = pool.columns(rows)
    assert np.isnan(pool.scores[champion, columns]).all()
    others = np.isnan(pool.scores[champion]) & (np.arange(pool.scores.shape[1]) >= len(pool.val_rows))
    assert pool.exposure[champion, columns].max() <= pool.exposure[champion, others].max()
    assert next_evaluation(pool, problem(60, 3), early, seed=4, in_flight={7: plan}) is None


def test_nobody_is_run_on_more_rows_before_that_or_when_it_is_turned_off() -> None:
    pool = searched(replace(ADAPTIVE, champion_after=0), 10)
    for after in (0, 11):
        assert next_evaluation(pool, problem(60, 3), replace(ADAPTIVE, champion_after=after), seed=4) is None


def test_a_best_candidate_that_was_run_on_every_row_is_left_alone() -> None:
    tiny = replace(ADAPTIVE, champion_after=1)
    pool = searched(replace(ADAPTIVE, champion_after=0), 10, train=8)
    while (plan := next_evaluation(pool, problem(8, 3), tiny, seed=4)) is not None:
        pool = pool.evaluated(perform(plan, HashWorld(seed=4, levels=4), set())[0])
    champion = int(pool.belief.mean.argmax())
    train = pool.scores[champion, 3:]
    assert not np.isnan(train).any()


def test_initial_candidates_do_not_count_as_trials() -> None:
    others = [Candidate.of({"a": f"other {number}", "b": "two"}) for number in range(5)]
    pool = validated(Pool.of(ORIGINAL, val_rows(4), 9, others))
    trial, _ = drive(next_trial(pool, problem(), ADAPTIVE).work, HashWorld())
    assert len(trial.trial_rows) == ADAPTIVE.trial_size


def test_auto_does_not_grow_with_the_validation_set() -> None:
    small, large = (ADAPTIVE.auto_rollouts("light", 50, val, 1) for val in (50, 500))
    assert small == large < 200


def test_breadth_comes_with_the_budget() -> None:
    widths = [ADAPTIVE.default_width(budget, 50, 50) for budget in (60, 150, 600, 1_200)]
    assert widths[:2] == [1, 1]
    assert 1 < widths[2] < widths[3]
    assert ADAPTIVE.default_width(UNLIMITED, 50, 50) == 1


def test_a_step_waits_for_a_reflection_and_the_trial() -> None:
    assert Adaptive(most_trial_size=16).rounds(300, threads=8) == 3
