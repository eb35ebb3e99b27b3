"""Algorithm 1: what a step does next, what it may cost, and how the seed is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.errors import MetricError, ProgramError
from dspy_gepa.search.frontier import frontier
from dspy_gepa.search.mutation import Reflector
from dspy_gepa.search.plan import Problem, plan_step
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.seed import validate_seed
from dspy_gepa.search.strategy import COMPONENT_CHOICES, PAPER, PARENT_CHOICES, STRATEGIES, Strategy
from dspy_gepa.types import Candidate, Effect, Outcome, Proposal, Reflect, Result, Rollout
from tests.support import Entry, HashWorld, drive, flatten, pool_of, train_rows, val_rows

SEED = Candidate.of({"a": "one", "b": "two"})


def problem(train: int = 9, val: int = 4) -> Problem:
    return Problem(SEED, list(SEED), train, val_rows(val), Reflector("a and b"))


def evolve(
    world: HashWorld, task: Problem, strategy: Strategy = PAPER, *, steps: int = 15
) -> Iterator[tuple[Pool, Proposal, list[Effect]]]:
    """The first steps of a run one after the other, each with the pool it started from and its effects."""
    seed, _ = drive(validate_seed(task.seed, task.val_rows), world)
    pool = Pool(task.val_rows).commit(seed, spent=len(task.val_rows))
    for number in range(1, steps):
        plan = plan_step(number, pool, task, strategy, world.seed)
        proposal, asked = drive(plan.step, world)
        effects = list(flatten(asked))
        assert len({e.key for e in effects if isinstance(e, Rollout)}) <= plan.need.rollouts
        assert sum(isinstance(e, Reflect) for e in effects) <= plan.need.reflections
        yield pool, proposal, effects
        pool = pool.commit(proposal, spent=0)


worlds = st.builds(HashWorld, seed=st.integers(0, 10_000), levels=st.integers(2, 4))
shapes = st.builds(problem, train=st.integers(1, 10), val=st.integers(1, 6))


@settings(max_examples=30)
@given(worlds, shapes, st.integers(1, 5), st.sampled_from(["round_robin", "all"]))
def test_no_step_asks_for_more_than_it_reserved(
    world: HashWorld, task: Problem, size: int, components: str
) -> None:
    strategy = replace(PAPER, minibatch_size=size, choose_components=COMPONENT_CHOICES[components])
    steps = list(evolve(world, task, strategy))  # asserts after every step
    assert len(steps) == 14


@settings(max_examples=30)
@given(worlds, shapes)
def test_parents_come_from_the_frontier_and_only_accepted_children_are_validated(
    world: HashWorld, task: Problem
) -> None:
    for pool, proposal, effects in evolve(world, task):
        assert set(proposal.parents) <= set(frontier(pool.scores))
        rows = {e.row for e in effects if isinstance(e, Rollout)}
        if proposal.verdict == "accepted":
            assert set(task.val_rows) <= rows
            assert set(proposal.validation) == set(task.val_rows)
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
    plan = plan_step(3, pool, problem(), strategy, 0)
    return drive(plan.step, HashWorld())[0].kind


def test_two_that_fit_are_merged_after_a_success() -> None:
    assert kind_of_next(MERGEABLE) == "merge"


def test_without_a_success_before_it_there_is_no_merge() -> None:
    assert kind_of_next(replace(MERGEABLE, merge_due=False)) == "mutation"


def test_merging_can_be_turned_off() -> None:
    assert kind_of_next(MERGEABLE, replace(PAPER, max_merges=0)) == "mutation"


def test_with_nothing_to_merge_a_mutation_takes_the_turn() -> None:
    alone = pool_of(Entry(dict(SEED), (0.0,)), Entry({"a": "better", "b": "two"}, (1.0,), (0,)))
    plan = plan_step(2, alone, problem(val=1), PAPER, 0)
    assert alone.merge_due
    assert drive(plan.step, HashWorld())[0].kind == "mutation"


def test_a_merge_reserves_one_validation_pass_and_a_mutation_its_minibatches_too() -> None:
    assert plan_step(3, MERGEABLE, problem(), PAPER, 0).need.rollouts == 4
    later = replace(MERGEABLE, merge_due=False)
    assert plan_step(3, later, problem(), PAPER, 0).need.rollouts == 4 + 2 * 3


def test_the_paper_takes_minibatches_of_three_in_shuffled_epochs() -> None:
    pool = pool_of(Entry(dict(SEED), (0.0,) * 4))
    seen = []
    for number in (1, 2, 3):
        proposal, _ = drive(plan_step(number, pool, problem(train=9), PAPER, 0).step, HashWorld())
        assert len(proposal.rows) == 3
        seen += proposal.rows
    assert sorted(seen) == sorted(train_rows(9))


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
            drive(plan_step(number, pool, problem(), strategy, 0).step, HashWorld())[0].parents
            for number in range(1, 20)
        }
        assert chosen == parents


# The seed -------------------------------------------------------------------------------------------------


def validate(*outcomes: Outcome) -> tuple[Proposal, list[list[Effect]]]:
    def execute(effect: Effect) -> Result:
        assert isinstance(effect, Rollout)
        return outcomes[effect.row.position]

    return drive(validate_seed(SEED, val_rows(len(outcomes))), execute)


FINE = Outcome("scored", score=0.5)
PARSE_ERROR = Outcome("program_failed", error="AdapterParseError: no", cause="AdapterParseError")
BUG = Outcome("program_failed", error="KeyError: 'x'", cause="KeyError")
BAD_METRIC = Outcome(
    "program_failed", error="The metric gave None. Return a number.", cause="MetricError", metric_failed=True
)


def test_the_seed_is_run_on_one_row_first_and_on_the_others_then() -> None:
    proposal, asked = validate(FINE, FINE, FINE)
    assert [len(batch) for batch in asked] == [1, 2]
    assert (proposal.kind, proposal.verdict, set(proposal.validation)) == (
        "seed",
        "accepted",
        set(val_rows(3)),
    )


def test_a_metric_that_fails_on_the_first_row_stops_the_run_there() -> None:
    step = validate_seed(SEED, val_rows(3))
    step.send(None)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"The metric gave None\. Return a number"):
        step.send([BAD_METRIC])


def test_a_metric_that_fails_on_the_first_row_it_is_called_for_stops_the_run() -> None:
    with pytest.raises(MetricError, match="The metric gave None"):
        validate(PARSE_ERROR, BAD_METRIC, PARSE_ERROR)


def test_a_metric_that_fails_on_a_later_row_is_taken_to_dislike_that_output() -> None:
    proposal, _ = validate(FINE, BAD_METRIC)
    assert proposal.validation[val_rows(2)[1]] is BAD_METRIC


def test_a_program_that_raises_on_every_row_stops_the_run_with_the_first_error() -> None:
    with pytest.raises(
        ProgramError, match=r"raised on each of the 2 validation rows; the first time: KeyError: 'x'"
    ):
        validate(BUG, BUG)


def test_a_program_that_works_on_some_row_is_worth_the_search() -> None:
    assert validate(BUG, FINE)[0].verdict == "accepted"


def test_outputs_that_cannot_be_parsed_are_for_the_search_to_mend() -> None:
    assert validate(PARSE_ERROR, PARSE_ERROR)[0].verdict == "accepted"
