"""The built-in choices keep their contracts; for every rule a choice that breaks it is told so."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from dspy_gepa.search import Adaptive, Paper, ParentChoice
from dspy_gepa.search.choices.acceptance import improves, keeps_up
from dspy_gepa.search.choices.components import COMPONENT_CHOICES, ComponentChoice, ComponentContext
from dspy_gepa.search.choices.rows import failures_first
from dspy_gepa.search.pool import Pool
from dspy_gepa.testing import (
    ContractError,
    check_acceptance,
    check_component_choice,
    check_parent_choice,
    check_row_choice,
)
from tests.testing.broken import refused

PARENTS = list(dict.fromkeys(Adaptive().parents().values()))

# Parents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choose", Paper().parents().values(), ids=lambda choose: choose.__name__)
def test_built_in_parent_choices_keep_their_contract_in_the_paper_strategy(choose: ParentChoice) -> None:
    check_parent_choice(choose, strategies=("paper",))


@pytest.mark.parametrize(
    "choose", dict.fromkeys(Adaptive().parents().values()), ids=lambda choose: choose.__name__
)
def test_built_in_parent_choices_keep_their_contract_in_the_adaptive_strategy(choose: ParentChoice) -> None:
    check_parent_choice(choose, strategies=("adaptive",))


def newest(pool: Pool, rng: Random) -> int:
    return len(pool) - 1


def test_a_simple_parent_choice_passes_with_both_strategies() -> None:
    check_parent_choice(newest)
    check_parent_choice(lambda pool, rng: np.int64(rng.randrange(len(pool))))


def by_means(pool: Pool, rng: Random) -> int:
    return pool.means.index(max(pool.means))


def fills_gaps(pool: Pool, rng: Random) -> int:
    pool.scores[np.isnan(pool.scores)] = 0.0
    return int(pool.scores.sum(axis=1).argmax())


def global_draw(pool: Pool, rng: Random) -> int:
    return random.randrange(len(pool))


def numpy_draw(pool: Pool, rng: Random) -> int:
    return int(np.random.randint(len(pool)))  # what the check is for


def own_draw(pool: Pool, rng: Random) -> int:
    return Random().randrange(len(pool))


class Counts:
    def __init__(self) -> None:
        self.calls = itertools.count()

    def __call__(self, pool: Pool, rng: Random) -> int:
        return next(self.calls) % len(pool)


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (
            lambda pool, rng: len(pool),
            r"from 0 to 0 here\.\n.*Found: 1 \(strategy 'adaptive', the seed alone",
        ),
        (lambda pool, rng: -1, r"Found: -1"),
        (lambda pool, rng: 0.0, r"Found: 0\.0"),
        (lambda pool, rng: True, r"Found: True"),
        (lambda pool, rng: None, r"Found: None"),
        (lambda pool, rng: 0, r"does not always take the seed"),
        (lambda pool: 0, r"called as choice\(pool, rng\).*\n.*TypeError"),
        (by_means, r"go by pool\.belief"),
        (fills_gaps, r"leaves the pool as it is.*\n.*pool\.scores changed.*\n.*pool\.scores\.copy\(\)"),
        (global_draw, r"the state of random is another after the call"),
        (numpy_draw, r"the state of numpy\.random is another after the call"),
        (own_draw, r"an equal pool and an equal random stream give equal answers"),
        (Counts(), r"keep nothing from one call to the next"),
        ("pareto", r"Found: 'pareto'.*\n.*pass a function"),
        (Counts, r"an object with a method __call__"),
    ],
)
def test_a_broken_parent_choice_is_told_what_it_broke(choose: Any, words: str) -> None:
    refused(check_parent_choice, choose, words)


def test_the_random_numbers_of_the_process_are_put_back() -> None:
    random.seed(1)
    expected = Random(1).random()
    refused(check_parent_choice, global_draw, "random")
    assert random.random() == expected


def test_the_error_of_a_choice_is_the_cause_of_what_the_check_says() -> None:
    def fails(pool: Pool, rng: Random) -> int:
        raise LookupError("no such thing")

    error = refused(check_parent_choice, fails, "LookupError: no such thing")
    assert isinstance(error.__cause__, LookupError)


def test_a_choice_that_fails_only_in_a_run_fails_its_check() -> None:
    def knows_examples_only(pool: Pool, rng: Random) -> int:
        if "search" not in pool.members[0].candidate:
            raise LookupError("no such component")
        return newest(pool, rng)

    refused(check_parent_choice, knows_examples_only, r"a run with it comes to its end.*\n.*practice_run\(")


def test_strategies_that_a_choice_is_not_meant_for_can_be_left_out() -> None:
    with pytest.raises(ContractError):
        check_parent_choice(Paper().parents()["pareto"])
    check_parent_choice(Paper().parents()["pareto"], strategies=("paper",))


# Components -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choose", COMPONENT_CHOICES.values(), ids=lambda choose: choose.__name__)
def test_built_in_component_choices_keep_their_contract(choose: ComponentChoice) -> None:
    check_component_choice(choose)


def test_a_component_choice_in_the_form_of_the_reference_is_checked_too() -> None:
    def first(
        state: Any, trajectories: Any, subsample_scores: Any, candidate_idx: int, candidate: dict[str, str]
    ) -> list[str]:
        assert len(trajectories) == len(subsample_scores)
        assert state.program_candidates[candidate_idx] == candidate
        return list(candidate)[:1]

    check_component_choice(first)
    refused(check_component_choice, lambda s, t, u, i, candidate: ["x"], r"Found: \['x'\]")


class Turns:
    def __init__(self) -> None:
        self.turn = 0

    def __call__(self, occasion: ComponentContext) -> Sequence[str]:
        self.turn += 1
        return [occasion.components[self.turn % len(occasion.components)]]


def edits_the_trace(occasion: ComponentContext) -> Sequence[str]:
    for outcome in occasion.outcomes:
        for step in outcome.trace:
            step.inputs.clear()  # type: ignore[attr-defined]
    return occasion.components


def clears_scores(occasion: ComponentContext) -> Sequence[str]:
    occasion.pool.scores[:] = 0.0
    return occasion.components


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda occasion: occasion.components[0], r"it gives several names.*\n.*'answer'"),
        (lambda occasion: None, r"Found: None"),
        (lambda occasion: ["nobody"], r"names components of the program.*\n.*nobody.*components are answer"),
        (lambda occasion: [*occasion.components, *occasion.components], r"each component once"),
        (lambda occasion: [], r"no name on any of 12 occasions"),
        (lambda occasion: random.sample(occasion.components, 1), r"the state of random is another"),
        (lambda occasion: Random().sample(occasion.components, 1), r"equal occasions give equal answers"),
        (lambda occasion: [occasion.outcomes[0].trace[1].component], r"IndexError"),
        (Turns(), r"keep nothing from one call to the next"),
        (edits_the_trace, r"occasion\.outcomes changed"),
        (clears_scores, r"pool\.scores changed"),
    ],
)
def test_a_broken_component_choice_is_told_what_it_broke(choose: Any, words: str) -> None:
    refused(check_component_choice, choose, words)


# Rows -----------------------------------------------------------------------------------------------------


def failures(pool: Pool, parent: int, size: int, rng: Random) -> Sequence[int]:
    return [row.position for row in failures_first(pool, parent, size, 1.0, rng)] or [0]


def any_rows(pool: Pool, parent: int, size: int, rng: Random) -> Sequence[int]:
    return rng.sample(range(len(pool.train_rows)), min(size, len(pool.train_rows)))


@pytest.mark.parametrize("choose", [failures, any_rows])
def test_sensible_row_choices_keep_their_contract(choose: Any) -> None:
    check_row_choice(choose)


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda pool, parent, size, rng: [], r"one or more positions.*\n.*Found: \[\]"),
        (lambda pool, parent, size, rng: 0, r"it gives several positions"),
        (lambda pool, parent, size, rng: range(size), r"whole numbers from 0 to 0 here.*\n.*\[0, 1, 2\]"),
        (lambda pool, parent, size, rng: [-1], r"Found: \[-1\]"),
        (lambda pool, parent, size, rng: [pool.train_rows[0]], r"return indices into pool\.train_rows"),
        (lambda pool, parent, size, rng: range(len(pool.train_rows)), r"12 rows where 1 were asked"),
        (lambda pool, parent, size, rng: Random().sample(range(len(pool.train_rows)), 1), r"equal answers"),
        (lambda pool, parent, size, rng: random.sample([0, 0], 1), r"the state of random"),
        (lambda pool, parent, rng: [0], r"called as choice\(pool, parent, size, rng\)"),
    ],
)
def test_a_broken_row_choice_is_told_what_it_broke(choose: Any, words: str) -> None:
    refused(check_row_choice, choose, words)


# Acceptance -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [improves, keeps_up])
def test_built_in_acceptance_keeps_its_contract(accept: Any) -> None:
    check_acceptance(accept)


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        (lambda before, after: sum(after) - sum(before), r"answers with True or False"),
        (lambda before, after: None, r"Found: None"),
        (lambda after, before: sum(after) > sum(before), r"first argument is the parent's scores"),
        (lambda before, after: after[3] > before[3], r"IndexError"),
        (lambda before, after: random.random() < 0.5, r"the state of random"),
        (lambda before, after: Random().random() < 0.5, r"equal scores give equal answers"),
        (lambda before: True, r"called as accept\(before, after\)"),
    ],
)
def test_a_broken_acceptance_is_told_what_it_broke(accept: Any, words: str) -> None:
    refused(check_acceptance, accept, words)
