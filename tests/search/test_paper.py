"""The published algorithm: its next step, its price, and the member it returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search import (
    COMPONENT_CHOICES,
    PARENT_CHOICES,
    STRATEGIES,
    Choice,
    Paper,
    PlannedStep,
    Pool,
    Problem,
    Strategy,
)
from dspy_gepa.search.belief.belief import DenseBelief
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.belief.scales import Scales
from dspy_gepa.search.frontier import frontier
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome, Reflect, Rollout, Row
from tests.support import Entry, HashWorld, drive, pool_of, train_rows, val_rows
from tests.support_search import (
    ORIGINAL,
    PAPER,
    evolve,
    next_evaluation,
    next_trial,
    perform,
    problem,
    validated,
)

worlds = st.builds(HashWorld, seed=st.integers(0, 10_000), levels=st.integers(2, 4))
shapes = st.builds(problem, train=st.integers(1, 10), val=st.integers(1, 6))
NAN = float("nan")


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
def test_no_more_merges_are_accepted_than_allowed(world: HashWorld, task: Problem, most: int) -> None:
    steps = list(evolve(world, task, replace(PAPER, max_merges=most)))
    merges = [proposal for _, proposal, _ in steps if proposal.kind == "merge"]
    assert sum(proposal.verdict == "accepted" for proposal in merges) <= most
    assert most or not merges


MERGEABLE = pool_of(
    Entry(dict(ORIGINAL), (0.0, 0.0, 0.5, 0.5)),
    Entry({"a": "better", "b": "two"}, (1.0, 0.0, 0.5, 0.5), (0,)),
    Entry({"a": "one", "b": "better"}, (0.0, 1.0, 0.5, 0.5), (0,)),
)


def kind_of_next(pool: Pool, strategy: Strategy = PAPER) -> str:
    plan = next_trial(pool, problem(), strategy, 0)
    return drive(plan.work, HashWorld())[0].kind


def test_two_that_fit_are_merged_after_a_success() -> None:
    assert kind_of_next(MERGEABLE) == "merge"


def test_without_a_success_before_it_there_is_no_merge() -> None:
    assert kind_of_next(replace(MERGEABLE, merge_due=False)) == "mutation"


def test_merging_can_be_turned_off() -> None:
    assert kind_of_next(MERGEABLE, replace(PAPER, max_merges=0)) == "mutation"


def test_with_nothing_to_merge_a_mutation_takes_the_turn() -> None:
    alone = pool_of(Entry(dict(ORIGINAL), (0.0,)), Entry({"a": "better", "b": "two"}, (1.0,), (0,)))
    plan = next_trial(alone, problem(val=1), PAPER, 0)
    assert alone.merge_due
    assert drive(plan.work, HashWorld())[0].kind == "mutation"


def test_a_trial_reserves_its_own_rollouts_and_names_what_its_child_would_take() -> None:
    merging = next_trial(MERGEABLE, problem(), PAPER, 0)
    assert (merging.need.rollouts, merging.follow_up.rollouts) == (4, 0)
    mutating = next_trial(replace(MERGEABLE, merge_due=False), problem(), PAPER, 0)
    assert (mutating.need.rollouts, mutating.follow_up.rollouts) == (2 * 3, 4)


def test_new_members_are_validated_in_the_order_they_were_found_and_once() -> None:
    pool = Pool.of(ORIGINAL, val_rows(2), 9)
    for text in ("x", "y"):
        child = ORIGINAL.with_texts({"a": text})
        pool = pool.commit(Proposal("mutation", (0,), child, "accepted", "", ("a",)), spent=0)
    world, first = HashWorld(), next_evaluation(pool, problem(val=2), PAPER, 0)
    assert first is not None
    assert first.evaluates == 0
    assert next_evaluation(pool, problem(val=2), PAPER, 0, {0: first}) is None  # the seed goes alone
    pool = pool.evaluated(perform(first, world, set())[0])
    begun: dict[int, PlannedStep] = {}
    while (plan := next_evaluation(pool, problem(val=2), PAPER, 0, begun)) is not None:
        begun[len(begun)] = plan
    assert [plan.evaluates for plan in begun.values()] == [1, 2]
    assert next_evaluation(MERGEABLE, problem(), PAPER, 0) is None


def test_the_paper_takes_minibatches_of_three_in_shuffled_epochs() -> None:
    pool = pool_of(Entry(dict(ORIGINAL), (0.0,) * 4))
    seen = []
    for _ in range(3):
        proposal, _asked = drive(next_trial(pool, problem(train=9), PAPER, 0).work, HashWorld())
        assert len(proposal.rows) == 3
        seen += proposal.rows
        pool = pool.commit(replace(proposal, verdict="rejected"), spent=0)
    assert sorted(seen) == sorted(train_rows(9))


def test_trials_in_flight_count_as_turns_taken_and_as_minibatches_used() -> None:
    pool = pool_of(Entry(dict(ORIGINAL), (0.0,) * 4))
    first = next_trial(pool, problem(), PAPER, 0)
    second = next_trial(pool, problem(), PAPER, 0, {1: first})
    one, other = (drive(plan.work, HashWorld())[0] for plan in (first, second))
    assert not set(one.rows) & set(other.rows)
    assert (list(one.evidence), list(other.evidence)) == (["a"], ["b"])


def test_the_paper_is_as_published() -> None:
    assert STRATEGIES["paper"] == PAPER
    assert (PAPER.minibatch_size, PAPER.max_merges, PAPER.merge_rows) == (3, 5, 5)
    assert PAPER.choose_parent is PARENT_CHOICES["pareto"]
    assert PAPER.choose_components is COMPONENT_CHOICES["round_robin"]


def test_the_published_prompt_shows_one_call_a_row_and_nothing_of_the_program() -> None:
    pool = pool_of(Entry(dict(ORIGINAL), (0.0,) * 4))
    asked = [
        effect
        for strategy in (PAPER, replace(PAPER, published_prompt=True))
        for effects in drive(next_trial(pool, problem(), strategy, 0).work, HashWorld())[1]
        for effect in effects
        if isinstance(effect, Reflect)
    ]
    assert [request.published for request in asked] == [False, True]
    assert ["## Score" in request.evidence for request in asked] == [True, False]


def test_the_current_best_is_the_parent_on_demand() -> None:
    pool = pool_of(
        Entry(dict(ORIGINAL), (1.0, 0.0, 0.0, 0.0)), Entry({"a": "x", "b": "two"}, (0.0, 1.0, 1.0, 1.0), (0,))
    )
    greedy = replace(PAPER, choose_parent=PARENT_CHOICES["current_best"], max_merges=0)
    for strategy, parents in ((PAPER, {(0,), (1,)}), (greedy, {(1,)})):
        chosen = {
            drive(next_trial(pool, problem(), strategy, seed).work, HashWorld())[0].parents
            for seed in range(20)
        }
        assert chosen == parents


def test_initial_candidates_do_not_count_as_trials() -> None:
    others = [Candidate.of({"a": f"other {number}", "b": "two"}) for number in range(5)]
    pool = validated(Pool.of(ORIGINAL, val_rows(4), 9, others))
    alone = validated(Pool.of(ORIGINAL, val_rows(4), 9))
    assert minibatch_of(pool) == minibatch_of(alone)


def minibatch_of(pool: Pool) -> tuple[Row, ...]:
    proposal: Proposal = drive(next_trial(pool, problem(), PAPER, 0).work, HashWorld())[0]
    return proposal.rows


# Whom it returns ------------------------------------------------------------------------------------------


def choice_of(pool: Pool) -> Choice:
    return PAPER.planner(problem(), 0).choice(pool)


def scored(*scores: Sequence[float]) -> Pool:
    return pool_of(*(Entry({"a": str(i)}, line, (0,) if i else ()) for i, line in enumerate(scores)))


def believing(pool: Pool, means: Sequence[float]) -> Pool:
    """The pool with this belief: all members independent."""
    vars(pool)["belief"] = DenseBelief(np.array(means), np.eye(len(means)) / 100, Scales(1.0, 0.0, 1.0, 0.0))
    return pool


def test_the_best_validation_mean_is_returned_whatever_is_believed() -> None:
    pool = believing(scored((0.0, 0.5), (1.0, 0.5), (1.0, 0.25)), [0.9, 0.3, 0.8])
    choice = choice_of(pool)
    assert (choice.member, choice.score, choice.interval) == (1, 0.3, pool.belief.score(1).interval())
    assert choice.better_than_original == pool.belief.probability_better(1, 0) < 0.5
    assert choice.reason == "best mean on all 2 validation rows, 0.7500"


def test_of_equal_validation_means_the_earliest_is_returned() -> None:
    assert choice_of(scored((0.0, 0.0), (1.0, 0.5), (0.5, 1.0))).member == 1
    assert choice_of(scored((0.5, 0.5), (1.0, 0.0))).member == 0


def test_the_mean_in_the_reason_is_over_the_rows_that_every_candidate_has() -> None:
    pool = scored((0.5, 0.0, 0.0), (0.5, 1.0, 0.5), (1.0, 0.5, 1.0))
    row = val_rows(3)[2]
    unknown = Evaluation({1: {row: Outcome("unavailable", score=NAN)}})
    pool = replace(pool.evaluated(unknown), row_weights=RowWeights(np.array([1.5, 0.5] + [1.0] * 10)))
    choice = choice_of(pool)
    assert choice.member == 2
    assert choice.reason.startswith(
        "best mean on the 2 of 3 validation rows with a score for every candidate, "
    )
    assert choice.reason.endswith(f", {(1.5 * 1.0 + 0.5 * 0.5) / 2:.4f}")
    assert pool.mean(2) != pool.comparable_mean(2)


def test_without_a_row_that_every_candidate_has_the_original_is_returned() -> None:
    pool = scored((0.5,), (1.0,))
    pool = pool.evaluated(Evaluation({0: {val_rows(1)[0]: Outcome("unavailable", score=NAN)}}))
    choice = choice_of(pool)
    assert choice.member == 0
    assert choice.reason.startswith(
        "best mean on the 0 of 1 validation row with a score for every candidate, "
    )


def test_a_mean_over_some_rows_only_is_no_validation_mean() -> None:
    assert choice_of(scored((0.0, 0.5), (1.0, NAN), (0.5, 0.25))).member == 2


def test_a_program_that_nothing_improved_on_is_returned_as_it_was() -> None:
    choice = choice_of(scored((0.25, 0.75)))
    assert (choice.member, choice.better_than_original) == (0, 0.5)


# Its price ------------------------------------------------------------------------------------------------


def test_where_children_are_validated_more_components_take_more_of_them() -> None:
    few, many = (PAPER.auto_rollouts("light", 50, 50, components=count) for count in (1, 8))
    assert few < many


@given(st.sampled_from(("light", "medium", "heavy")), st.integers(1, 300), st.integers(1, 12))
def test_auto_pays_for_several_validated_children(auto: str, val: int, components: int) -> None:
    affordable = PAPER.auto_rollouts(auto, 50, val, components)
    assert affordable >= val + 6 * (val + 2 * PAPER.minibatch_size)


def test_the_paper_is_sequential() -> None:
    assert PAPER.default_width(5_000, 50, 50) == 1


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 64))
def test_a_step_waits_for_parent_reflection_and_child_and_now_and_then_for_a_validation(
    size: int, val: int, threads: int
) -> None:
    rounds = Paper(minibatch_size=size).rounds(val, threads)
    trial = 2 * math.ceil(size / threads) + 1
    assert trial < rounds < trial + math.ceil(val / threads)
