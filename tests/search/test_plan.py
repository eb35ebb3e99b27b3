"""Algorithm 1: what a step does next, what it may cost, and how the seed is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search.choices.components import COMPONENT_CHOICES
from dspy_gepa.search.frontier import frontier
from dspy_gepa.search.plan import Plan, Problem, plan_evaluation, plan_trial
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import ADAPTIVE, PAPER, PARENT_CHOICES, STRATEGIES, Strategy
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Effect, Outcome, Reflect, Rollout, Row
from tests.support import Entry, HashWorld, drive, flatten, pool_of, train_rows, val_rows

SEED = Candidate.of({"a": "one", "b": "two"})


def problem(train: int = 9, val: int = 4) -> Problem:
    return Problem(SEED, list(SEED), train, val_rows(val), ReflectionSettings("a and b"))


def evolve(
    world: HashWorld, task: Problem, strategy: Strategy = PAPER, *, trials: int = 15
) -> Iterator[tuple[Pool, Proposal, list[Effect]]]:
    """The first trials of a run one after the other, each with the pool it started from and its effects.

    Evaluations that are due come between them; the effects of an accepted trial include its own.
    """
    paid: set[str] = set()
    pool = evaluate_if_due(
        Pool.of(task.original, task.val_rows, task.train_size), task, strategy, world, paid
    )[0]
    for _ in range(trials):
        before, plan = pool, plan_trial(pool, task, strategy, world.seed)
        proposal, effects = perform(plan, world, paid)
        pool, due = evaluate_if_due(pool.commit(proposal, spent=0), task, strategy, world, paid)
        yield before, proposal, [*effects, *due]


def evaluate_if_due(
    pool: Pool, task: Problem, strategy: Strategy, world: HashWorld, paid: set[str]
) -> tuple[Pool, list[Effect]]:
    plan = plan_evaluation(pool, task, strategy, world.seed)
    if plan is None:
        return pool, []
    evaluation, effects = perform(plan, world, paid)
    return pool.evaluated(evaluation), effects


def perform(plan: Plan, world: HashWorld, paid: set[str]) -> tuple[Any, list[Effect]]:
    """Run a step; it may ask again for what is paid, and for no more than it reserved beyond that."""
    found, asked = drive(plan.step, world)
    effects = list(flatten(asked))
    fresh = {e.key for e in effects if isinstance(e, Rollout)} - paid
    assert len(fresh) <= plan.need.rollouts
    assert sum(isinstance(e, Reflect) for e in effects) <= plan.need.reflections
    paid |= fresh
    return found, effects


worlds = st.builds(HashWorld, seed=st.integers(0, 10_000), levels=st.integers(2, 4))
shapes = st.builds(problem, train=st.integers(1, 10), val=st.integers(1, 6))


@settings(max_examples=30)
@given(
    worlds,
    shapes,
    st.integers(1, 5),
    st.sampled_from(sorted(COMPONENT_CHOICES)),
    st.sampled_from([PAPER, replace(ADAPTIVE, max_merges=9)]),
)
def test_no_step_asks_for_more_than_it_reserved(
    world: HashWorld, task: Problem, size: int, components: str, strategy: Strategy
) -> None:
    strategy = replace(strategy, minibatch_size=size, choose_components=COMPONENT_CHOICES[components])
    trials = list(evolve(world, task, strategy))  # asserts after every step
    assert len(trials) == 15


@settings(max_examples=30)
@given(worlds, shapes)
def test_parents_come_from_the_frontier_and_only_accepted_children_are_validated(
    world: HashWorld, task: Problem
) -> None:
    for pool, proposal, effects in evolve(world, task):
        assert set(proposal.parents) <= set(frontier(pool.val_scores))
        rows = {e.row for e in effects if isinstance(e, Rollout)}
        if proposal.verdict == "accepted":
            assert set(task.val_rows) <= rows
        elif proposal.kind == "mutation":
            assert not set(task.val_rows) & rows


@settings(max_examples=30)
@given(worlds, shapes)
def test_a_merge_comes_right_after_an_accepted_mutation_only(world: HashWorld, task: Problem) -> None:
    for pool, proposal, _ in evolve(world, task):
        last = pool.proposals[-1]
        if proposal.kind == "merge":
            assert (last.kind, last.verdict) == ("mutation", "accepted")


@settings(max_examples=30)
@given(worlds, shapes, st.integers(0, 2))
def test_no_more_merges_are_tried_than_allowed(world: HashWorld, task: Problem, most: int) -> None:
    steps = list(evolve(world, task, replace(PAPER, max_merges=most)))
    assert sum(proposal.kind == "merge" for _, proposal, _ in steps) <= most


MERGEABLE = pool_of(
    Entry(dict(SEED), (0.0, 0.0, 0.5, 0.5)),
    Entry({"a": "better", "b": "two"}, (1.0, 0.0, 0.5, 0.5), (0,)),
    Entry({"a": "one", "b": "better"}, (0.0, 1.0, 0.5, 0.5), (0,)),
)


def kind_of_next(pool: Pool, strategy: Strategy = PAPER) -> str:
    plan = plan_trial(pool, problem(), strategy, 0)
    return drive(plan.step, HashWorld())[0].kind


def test_two_that_fit_are_merged_after_a_success() -> None:
    assert kind_of_next(MERGEABLE) == "merge"


def test_without_a_success_before_it_there_is_no_merge() -> None:
    assert kind_of_next(replace(MERGEABLE, merge_due=False)) == "mutation"


def test_merging_can_be_turned_off() -> None:
    assert kind_of_next(MERGEABLE, replace(PAPER, max_merges=0)) == "mutation"


def test_with_nothing_to_merge_a_mutation_takes_the_turn() -> None:
    alone = pool_of(Entry(dict(SEED), (0.0,)), Entry({"a": "better", "b": "two"}, (1.0,), (0,)))
    plan = plan_trial(alone, problem(val=1), PAPER, 0)
    assert alone.merge_due
    assert drive(plan.step, HashWorld())[0].kind == "mutation"


def test_a_trial_reserves_its_own_rollouts_and_names_what_its_child_would_take() -> None:
    merging = plan_trial(MERGEABLE, problem(), PAPER, 0)
    assert (merging.need.rollouts, merging.follow_up.rollouts) == (4, 0)
    mutating = plan_trial(replace(MERGEABLE, merge_due=False), problem(), PAPER, 0)
    assert (mutating.need.rollouts, mutating.follow_up.rollouts) == (2 * 3, 4)


def test_new_members_are_validated_in_the_order_they_were_found_and_once() -> None:
    pool = Pool.of(SEED, val_rows(2), 9)
    for text in ("x", "y"):
        child = SEED.with_texts({"a": text})
        pool = pool.commit(Proposal("mutation", (0,), child, "accepted", "", ("a",)), spent=0)
    world, first = HashWorld(), plan_evaluation(pool, problem(val=2), PAPER, 0)
    assert first is not None
    assert first.evaluates == 0
    assert plan_evaluation(pool, problem(val=2), PAPER, 0, {0: first}) is None  # the seed goes alone
    pool = pool.evaluated(perform(first, world, set())[0])
    begun: dict[int, Plan] = {}
    while (plan := plan_evaluation(pool, problem(val=2), PAPER, 0, begun)) is not None:
        begun[len(begun)] = plan
    assert [plan.evaluates for plan in begun.values()] == [1, 2]
    assert plan_evaluation(MERGEABLE, problem(), PAPER, 0) is None


def test_the_paper_takes_minibatches_of_three_in_shuffled_epochs() -> None:
    pool = pool_of(Entry(dict(SEED), (0.0,) * 4))
    seen = []
    for _ in range(3):
        proposal, _asked = drive(plan_trial(pool, problem(train=9), PAPER, 0).step, HashWorld())
        assert len(proposal.rows) == 3
        seen += proposal.rows
        pool = pool.commit(replace(proposal, verdict="rejected"), spent=0)
    assert sorted(seen) == sorted(train_rows(9))


def test_trials_in_flight_count_as_turns_taken_and_as_minibatches_used() -> None:
    pool = pool_of(Entry(dict(SEED), (0.0,) * 4))
    first = plan_trial(pool, problem(), PAPER, 0)
    second = plan_trial(pool, problem(), PAPER, 0, {1: first})
    one, other = (drive(plan.step, HashWorld())[0] for plan in (first, second))
    assert not set(one.rows) & set(other.rows)
    assert (list(one.evidence), list(other.evidence)) == (["a"], ["b"])


def test_the_paper_is_as_published() -> None:
    assert STRATEGIES["paper"] is PAPER
    assert (PAPER.minibatch_size, PAPER.max_merges, PAPER.merge_rows) == (3, 5, 5)
    assert PAPER.choose_parent is PARENT_CHOICES["pareto"]
    assert PAPER.choose_components is COMPONENT_CHOICES["round_robin"]


def test_the_current_best_is_the_parent_on_demand() -> None:
    pool = pool_of(
        Entry(dict(SEED), (1.0, 0.0, 0.0, 0.0)), Entry({"a": "x", "b": "two"}, (0.0, 1.0, 1.0, 1.0), (0,))
    )
    greedy = replace(PAPER, choose_parent=PARENT_CHOICES["current_best"], max_merges=0)
    for strategy, parents in ((PAPER, {(0,), (1,)}), (greedy, {(1,)})):
        chosen = {
            drive(plan_trial(pool, problem(), strategy, seed).step, HashWorld())[0].parents
            for seed in range(20)
        }
        assert chosen == parents


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
    plan = plan_evaluation(pool, problem(60, 3), early, seed=4)
    assert plan is not None
    assert plan.evaluates == champion
    asked = next(plan.step)
    assert len(asked) == plan.need.rollouts == 8
    rows = [effect.row for effect in asked if isinstance(effect, Rollout)]
    assert {row.split for row in rows} == {"train"}
    columns = pool.columns(rows)
    assert np.isnan(pool.scores[champion, columns]).all()
    others = np.isnan(pool.scores[champion]) & (np.arange(pool.scores.shape[1]) >= len(pool.val_rows))
    assert pool.exposure[champion, columns].max() <= pool.exposure[champion, others].max()
    assert plan_evaluation(pool, problem(60, 3), early, seed=4, flying={7: plan}) is None


def test_what_the_search_began_with_does_not_count_as_trials() -> None:
    others = [Candidate.of({"a": f"other {number}", "b": "two"}) for number in range(5)]
    pool = validated(Pool.of(SEED, val_rows(4), 9, others))
    trial, _ = drive(plan_trial(pool, problem(), ADAPTIVE, 0).step, HashWorld())
    assert len(trial.trial_rows) == ADAPTIVE.trial_size
    alone = validated(Pool.of(SEED, val_rows(4), 9))
    assert minibatch_of(pool) == minibatch_of(alone)


def minibatch_of(pool: Pool) -> tuple[Row, ...]:
    proposal: Proposal = drive(plan_trial(pool, problem(), PAPER, 0).step, HashWorld())[0]
    return proposal.rows


def validated(pool: Pool) -> Pool:
    outcomes = dict.fromkeys(pool.val_rows, Outcome("scored", score=0.5))
    return pool.evaluated(Evaluation(dict.fromkeys(range(len(pool)), outcomes)))


def test_nobody_is_run_on_more_rows_before_that_or_when_it_is_turned_off() -> None:
    pool = searched(replace(ADAPTIVE, champion_after=0), 10)
    for after in (0, 11):
        assert plan_evaluation(pool, problem(60, 3), replace(ADAPTIVE, champion_after=after), seed=4) is None


def test_a_champion_that_was_run_on_every_row_is_left_alone() -> None:
    tiny = replace(ADAPTIVE, champion_after=1)
    pool = searched(replace(ADAPTIVE, champion_after=0), 10, train=8)
    while (plan := plan_evaluation(pool, problem(8, 3), tiny, seed=4)) is not None:
        pool = pool.evaluated(perform(plan, HashWorld(seed=4, levels=4), set())[0])
    champion = int(pool.belief.mean.argmax())
    train = pool.scores[champion, 3:]
    assert not np.isnan(train).any()
