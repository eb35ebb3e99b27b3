"""The pool: members, scores and history as one immutable value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.pool import Ids, Pool
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome, Row
from tests.support import Entry, pool_of, train_rows, val_rows, validation_of

SEED = Candidate.of({"a": "one", "b": "two"})
CHILD = SEED.with_texts({"a": "better"})


def seeded(scores: tuple[float, ...] = (0.0, 1.0)) -> Pool:
    return pool_of(Entry(dict(SEED), scores))


def mutation(verdict: str = "accepted", **changes: object) -> Proposal:
    made = Proposal(
        kind="mutation",
        parents=(0,),
        candidate=CHILD,
        verdict=verdict,
        reason="test",
        changed=("a",),
        rows=train_rows(3),
        before=(0.0, 0.0, 0.0),
        trial_rows=train_rows(3),
        after=(1.0, 0.0, 0.0),
    )
    return dataclasses.replace(made, **changes)


def test_a_commit_leaves_the_old_pool_as_it_was() -> None:
    old = seeded()
    scores = old.scores.copy()
    new = old.commit(mutation(), spent=10)
    assert (len(old), len(old.proposals), old.turns) == (1, 1, (0,))
    np.testing.assert_array_equal(old.scores, scores)
    assert not old.exposure.any()
    assert len(new) == 2


def test_the_fields_of_a_pool_cannot_be_set() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        seeded().merge_due = True  # type: ignore[misc]


def test_an_accepted_proposal_becomes_the_next_member() -> None:
    member = seeded().commit(mutation(), spent=10).members[1]
    assert (member.index, member.candidate, member.parents, member.trial) == (1, CHILD, (0,), 1)


@pytest.mark.parametrize("verdict", ["rejected", "skipped"])
def test_other_proposals_are_remembered_but_are_no_members(verdict: str) -> None:
    pool = seeded().commit(mutation(verdict), spent=4)
    assert len(pool) == 1
    assert pool.proposals[-1].verdict == verdict


def test_a_member_was_discovered_before_its_own_validation() -> None:
    assert seeded().commit(mutation(), spent=10).members[1].discovered_at == 10


def test_the_seed_was_discovered_before_the_first_rollout() -> None:
    assert seeded().members[0].discovered_at == 0


def test_scores_stand_in_the_order_of_the_validation_rows() -> None:
    first, second = val_rows(2)
    backwards = {second: Outcome("scored", score=0.25), first: Outcome("scored", score=0.75)}
    pool = seeded().commit(mutation(), spent=10).evaluated(Evaluation({1: backwards}))
    assert pool.val_scores.tolist() == [[0.0, 1.0], [0.75, 0.25]]


def test_a_row_that_a_member_was_not_run_on_is_nan() -> None:
    pool = seeded().commit(mutation(), spent=9).evaluated(validation_of(1, (1.0,)))
    assert np.isnan(pool.val_scores[1]).tolist() == [False, True]


def test_a_mean_leaves_out_rows_that_were_not_run() -> None:
    pool = seeded().commit(mutation(), spent=9).evaluated(validation_of(1, (0.5,)))
    assert [pool.mean(0), pool.mean(1)] == [0.5, 0.5]


def test_a_new_member_has_no_scores_until_it_is_validated() -> None:
    pool = seeded().commit(mutation(), spent=9)
    assert np.isnan(pool.val_scores[1]).all()
    assert (np.isnan(pool.mean(1)), pool.is_validated(1)) == (True, False)
    assert pool.evaluated(validation_of(1, (0.0,))).is_validated(1)


def test_a_second_validation_adds_rows_to_the_first() -> None:
    pool = seeded().commit(mutation(), spent=9).evaluated(validation_of(1, (1.0,)))
    pool = pool.evaluated(validation_of(1, (math.nan, 0.5)))
    assert pool.val_scores.tolist() == [[0.0, 1.0], [1.0, 0.5]]
    assert pool.mean(1) == 0.75


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_mean_does_not_depend_on_the_order_of_the_rows(scores: list[float], rng: object) -> None:
    shuffled = rng.sample(scores, len(scores))  # type: ignore[attr-defined]
    assert seeded(tuple(scores)).mean(0) == seeded(tuple(shuffled)).mean(0)


def test_a_pool_knows_its_members_and_what_was_tried_before() -> None:
    pool = seeded()
    assert pool.knows(Candidate.of({"b": "two", "a": "one"}))
    assert not pool.knows(CHILD)
    assert pool.commit(mutation("rejected"), spent=4).knows(CHILD)


@given(st.lists(st.integers(0, 300), max_size=200))
def test_ids_are_those_that_were_added_and_leave_the_earlier_ones_as_they_were(
    added: list[int],
) -> None:
    before = ids = Ids(frozenset({"0"}))
    for one in added:
        before, ids = ids, ids.with_id(str(one))
    assert {str(one) for one in range(301) if str(one) in ids} == {"0", *map(str, added)}
    assert {str(one) for one in range(301) if str(one) in before} == {"0", *map(str, added[:-1])}


def test_a_proposal_that_never_had_a_candidate_is_no_obstacle() -> None:
    assert not seeded().commit(mutation("skipped", candidate=None), spent=4).knows(CHILD)


def test_a_turn_passes_with_every_mutation_that_chose_a_component() -> None:
    pool = seeded().commit(mutation("rejected"), spent=4)
    assert pool.turns == (1,)


@pytest.mark.parametrize(("takes", "turns"), [(False, (0,)), (True, (1,))])
def test_a_skipped_minibatch_uses_a_turn_where_the_strategy_says_so(
    takes: bool, turns: tuple[int, ...]
) -> None:
    assert seeded().commit(mutation("skipped"), spent=4, skips_take_turns=takes).turns == turns


def test_a_child_goes_on_from_its_parents_turn_and_a_merged_one_from_the_larger_modulo_the_components() -> (
    None
):
    pool = replace(seeded().commit(mutation(), spent=4), turns=(3, 2))
    merged = Proposal("merge", (0, 1), Candidate.of({"a": "x", "b": "y"}), "accepted", "", ancestor=0)
    assert pool.commit(merged, spent=4).turns == (3, 2, 1)
    child = replace(mutation(), candidate=Candidate.of({"a": "z", "b": "z"}))
    assert pool.commit(child, spent=4).turns == (4, 2, 4)


def test_a_child_continues_with_the_turn_of_its_parent() -> None:
    pool = seeded().commit(mutation("rejected"), spent=4).commit(mutation(), spent=10)
    assert pool.turns == (2, 2)


def test_a_merge_is_due_once_a_new_mutation_was_evaluated() -> None:
    found = seeded().commit(mutation(), spent=10)
    assert not found.merge_due
    assert found.evaluated(validation_of(1, (1.0, 1.0))).merge_due


def test_after_a_merge_and_after_further_rows_of_a_known_member_no_merge_is_due() -> None:
    pool = pool_of(
        Entry({"a": "0", "b": "0"}, (0, 0)),
        Entry({"a": "1", "b": "0"}, (1, 0), (0,)),
        Entry({"a": "1", "b": "1"}, (1, 1), (0, 1)),
    )
    assert not replace(pool, merge_due=False).evaluated(validation_of(1, (1.0, 1.0))).merge_due
    merged = Proposal("merge", (1, 2), Candidate.of({"a": "2", "b": "2"}), "accepted", "test", ancestor=0)
    assert not pool.commit(merged, spent=9).evaluated(validation_of(3, (1.0, 1.0))).merge_due


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "skipped"])
def test_the_next_trial_takes_the_merge_off_again(verdict: str) -> None:
    due = seeded().commit(mutation(), spent=10).evaluated(validation_of(1, (1.0, 1.0)))
    again = mutation(verdict, candidate=SEED.with_texts({"a": "other"}))
    assert not due.commit(again, spent=14).merge_due


def test_ancestors_are_all_members_on_the_way_to_the_seed() -> None:
    pool = pool_of(
        Entry({"a": "0"}, (0,)),
        Entry({"a": "1"}, (0,), (0,)),
        Entry({"a": "2"}, (0,), (0,)),
        Entry({"a": "3"}, (0,), (1,)),
        Entry({"a": "4"}, (0,), (2, 3)),
    )
    assert [pool.ancestors(i) for i in range(5)] == [
        set(),
        {0},
        {0},
        {0, 1},
        {0, 1, 2, 3},
    ]


def test_texts_that_two_steps_side_by_side_came_upon_become_one_member() -> None:
    pool = seeded().commit(mutation(), spent=10).commit(mutation(parents=(0,)), spent=20)
    assert len(pool) == 2
    assert [p.verdict for p in pool.proposals] == ["accepted", "accepted", "rejected"]
    assert pool.proposals[-1].reason == "a step beside it found the same texts"
    assert not pool.merge_due


# Rows that a member's line was run on, and all others ----------------------------------------------------


def with_train(scores: Mapping[Row, float], member: int = 0) -> Evaluation:
    return Evaluation({member: {row: Outcome("scored", score=score) for row, score in scores.items()}})


def met_rows(pool: Pool, member: int) -> dict[Row, int]:
    """The train rows that its line was run on, and how often."""
    return {row: int(n) for row in pool.train_rows if (n := pool.exposure[member, pool.column(row)])}


def written(pool: Pool, parents: tuple[int, ...], rows: tuple[Row, ...], **changes: object) -> Pool:
    """The pool with a further child, written for `rows` and tried on none."""
    made = mutation(
        candidate=SEED.with_texts({"a": f"text {len(pool.proposals)}"}),
        kind="mutation" if len(parents) == 1 else "merge",
        parents=parents,
        rows=rows,
        before=(0.0,) * len(rows),
        trial_rows=(),
        after=(),
    )
    return pool.commit(dataclasses.replace(made, **changes), spent=0)


def test_validation_rows_stand_first_and_train_rows_after_them() -> None:
    pool = Pool.of(SEED, val_rows(3), 4)
    rows = [*val_rows(3), *train_rows(4)]
    assert pool.scores.shape == pool.exposure.shape == (1, 7)
    assert [pool.column(row) for row in rows] == pool.columns(rows) == list(range(7))
    assert pool.columns(rows[::-2]) == [6, 4, 2, 0]


def test_scores_on_train_rows_are_no_validation_scores() -> None:
    pool = Pool.of(SEED, val_rows(2), 3).evaluated(with_train({Row("train", 1): 0.5}))
    assert np.isnan(pool.scores[0]).tolist() == [True, True, True, False, True]
    assert np.isnan(pool.val_scores).all()
    assert (pool.is_run(0), pool.is_validated(0)) == (True, False)


def test_a_member_that_was_run_on_nothing_is_not_run() -> None:
    assert not Pool.of(SEED, val_rows(2), 3).is_run(0)


def test_the_rows_that_a_parent_was_run_on_are_exposure_of_its_child_and_not_its_own() -> None:
    pool = written(seeded(), (0,), train_rows(9)[2:4])
    assert met_rows(pool, 0) == {}
    assert met_rows(pool, 1) == {Row("train", 2): 1, Row("train", 3): 1}


def test_the_rows_of_a_trial_are_no_exposure_before_it() -> None:
    pool = seeded().commit(mutation(trial_rows=train_rows(5)[3:], after=(1.0, 0.0)), spent=0)
    assert set(met_rows(pool, 1)) == set(train_rows(3))


def test_a_child_has_the_exposure_of_its_parent_and_one_more_where_the_parent_was_run() -> None:
    pool = written(seeded(), (0,), train_rows(2))
    pool = written(pool, (1,), train_rows(9)[1:5])
    assert met_rows(pool, 2) == {Row("train", i): times for i, times in enumerate((1, 2, 1, 1, 1))}


def test_what_a_parent_is_run_on_later_is_no_exposure_of_its_child() -> None:
    pool = written(seeded(), (0,), train_rows(2))
    assert met_rows(pool.evaluated(with_train({Row("train", 7): 1.0})), 1) == met_rows(pool, 1)


def test_the_exposure_of_a_merge_is_that_of_the_longer_line() -> None:
    pool = written(seeded(), (0,), train_rows(2))
    pool = written(written(pool, (1,), train_rows(1)), (0,), train_rows(9)[4:6])
    pool = written(pool, (2, 3), val_rows(2), trial_rows=val_rows(2), after=(1.0, 1.0), ancestor=0)
    expected = {Row("train", 0): 2, Row("train", 1): 1, Row("train", 4): 1, Row("train", 5): 1}
    assert met_rows(pool, 4) == expected


@pytest.mark.parametrize("verdict", ["rejected", "skipped"])
def test_a_rejected_child_leaves_no_trace_in_the_exposure_of_members(verdict: str) -> None:
    pool = written(seeded(), (0,), train_rows(2), verdict=verdict)
    assert pool.exposure.shape == (1, 11)
    assert not pool.exposure.any()


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "skipped"])
def test_what_a_parent_scored_on_the_rows_reflected_on_is_filled_in(verdict: str) -> None:
    rows = (Row("train", 6), Row("train", 1))
    pool = seeded().commit(mutation(verdict, rows=rows, before=(0.25, 0.75)), spent=0)
    assert pool.scores[0, pool.columns(rows)].tolist() == [0.25, 0.75]
    assert int(np.isnan(pool.scores[0]).sum()) == 7


def test_a_child_begins_with_the_scores_of_its_trial() -> None:
    rows = (Row("train", 8), Row("val", 1))
    pool = seeded().commit(mutation(trial_rows=rows, after=(0.25, 0.75)), spent=0)
    assert pool.scores[1, pool.columns(rows)].tolist() == [0.25, 0.75]
    assert int(np.isnan(pool.scores[1]).sum()) == 9


def test_what_the_better_parent_of_a_merge_scored_is_filled_in_for_neither() -> None:
    pool = written(seeded(), (0,), train_rows(2))
    merged = written(pool, (0, 1), train_rows(9)[5:7], ancestor=0)
    np.testing.assert_array_equal(merged.scores[:2], pool.scores)


def test_several_members_are_evaluated_at_once_each_on_its_own_rows() -> None:
    pool = written(written(seeded(), (0,), ()), (0,), ())
    scored = {2: {Row("val", 1): 0.5, Row("train", 0): 0.0}, 1: {Row("val", 0): 0.25}}
    pool = pool.evaluated(Evaluation({m: with_train(rows).outcomes[0] for m, rows in scored.items()}))
    assert np.isnan(pool.scores).sum(axis=1).tolist() == [9, 10, 9]
    assert (pool.scores[1, 0], pool.scores[2, 1], pool.scores[2, 2]) == (0.25, 0.5, 0.0)
    assert pool.means == (0.5, 0.25, 0.5)


def test_an_evaluation_of_nobody_changes_nothing() -> None:
    pool = seeded()
    after = pool.evaluated(Evaluation({}))
    np.testing.assert_array_equal(after.scores, pool.scores)
    assert after.means == pool.means


def family() -> Pool:
    """A seed, a child written for train rows 0 to 2 and its child, written for row 3; all run on all rows."""
    pool = written(written(seeded((0.0, 1.0, 0.5)), (0,), train_rows(3)), (1,), train_rows(4)[3:])
    for member, score in enumerate((0.25, 0.5, 0.75)):
        scores = {row: score + i % 3 / 8 for i, row in enumerate((*pool.val_rows, *pool.train_rows))}
        pool = pool.evaluated(with_train(scores, member))
    return pool


def means_when(pool: Pool, member: int, row: Row, score: float) -> list[float]:
    return pool.evaluated(with_train({row: score}, member)).belief.mean.tolist()


@pytest.mark.parametrize(
    ("member", "row"), [(0, Row("train", 0)), (1, Row("train", 3)), (2, Row("train", 4)), (2, Row("val", 0))]
)
def test_what_a_member_scores_on_any_row_is_believed(member: int, row: Row) -> None:
    pool = family()
    assert means_when(pool, member, row, -5.0)[member] < pool.belief.mean[member] - 0.05


def test_a_pool_without_any_score_believes_nothing_better_than_anything() -> None:
    pool = Pool.of(SEED, val_rows(2), 3)
    assert np.isfinite(pool.belief.mean).all()
    assert pool.belief.probability_better(0, 0) == 0.5


# Validation rows that are the train rows ------------------------------------------------------------------


def test_a_pool_derives_again_what_it_forgot() -> None:
    pool = family()
    scores, exposure, worth = pool.scores.copy(), pool.exposure.copy(), pool.belief.mean.copy()
    pool.forget()
    assert not {"scores", "exposure", "belief"} & set(vars(pool))
    np.testing.assert_array_equal(pool.scores, scores)
    np.testing.assert_array_equal(pool.exposure, exposure)
    np.testing.assert_array_equal(pool.belief.mean, worth)


def in_sample() -> Pool:
    return Pool.of(SEED, train_rows(3), train_size=3)


def test_rows_that_are_both_have_one_column() -> None:
    pool = in_sample()
    assert pool.in_sample
    assert pool.scores.shape == (1, 3)
    assert pool.columns(pool.train_rows) == pool.columns(pool.val_rows) == [0, 1, 2]
    assert pool.train_scores.shape == pool.val_scores.shape


def test_a_minibatch_is_part_of_the_validation_where_the_rows_are_the_same() -> None:
    pool = in_sample().commit(mutation(), spent=3)
    pool = pool.evaluated(Evaluation({1: {Row("train", 2): Outcome("scored", score=1.0)}}))
    np.testing.assert_array_equal(pool.val_scores[1], [1.0, 0.0, 1.0])


# Rollouts without a score, and failures -------------------------------------------------------------------

UNAVAILABLE = Outcome("unavailable", score=math.nan)
FAILED = Outcome("program_failed", score=0.0)


def test_a_row_that_a_provider_failed_for_good_has_no_score_and_is_not_run_again() -> None:
    first, second = val_rows(2)
    pool = Pool.of(SEED, val_rows(2), 3).evaluated(
        Evaluation({0: {first: UNAVAILABLE, second: Outcome("scored", score=0.5)}})
    )
    assert np.isnan(pool.scores[0, 0])
    assert pool.means == (0.5,)
    assert pool.unavailable == {(0, 0)}
    assert pool.comparable_scores.tolist() == [[0.5]]


def test_a_member_that_a_provider_failed_everywhere_counts_as_run() -> None:
    pool = Pool.of(SEED, val_rows(1), 3).evaluated(Evaluation({0: {val_rows(1)[0]: UNAVAILABLE}}))
    assert pool.is_run(0)
    assert pool.is_validated(0)


def test_a_failure_scores_no_more_than_the_worst_score_beside_it() -> None:
    pool = Pool.of(SEED, val_rows(2), 3, failure_score=0.0)
    assert pool.scores_of([FAILED], beside=[Outcome("scored", score=-2.0)]) == (-2.0,)
    assert pool.scores_of([FAILED], beside=[Outcome("scored", score=0.5)]) == (0.0,)
    own = Pool.of(SEED, val_rows(2), 3)  # the user set the score of failures
    assert own.scores_of([FAILED], beside=[Outcome("scored", score=-2.0)]) == (0.0,)


def test_known_failures_follow_the_worst_score() -> None:
    pool = seeded((0.0, 1.0)).with_failure_score(-3.0, {SEED.id: {val_rows(1)[0]}})
    assert pool.scores[0, :2].tolist() == [-3.0, 1.0]
    assert pool.means == (-1.0,)
    assert pool.failure_score == -3.0


def test_scales_are_fitted_at_every_commit_and_in_long_runs_when_the_scores_have_grown_by_a_tenth() -> None:
    def after(pool: Pool, rows: slice) -> Pool:
        outcomes = dict.fromkeys(pool.val_rows[rows], Outcome("scored", score=9.0))
        return pool.evaluated(Evaluation({1: outcomes}))

    few = pool_of(Entry({"a": "0"}, (0.0, 1.0)), Entry({"a": "1"}, (1.0,), (0,)))
    assert after(few, slice(1, 2)).belief.scales != few.belief.scales
    lines = ((0.0, 1.0) * 300, (0.0, 1.0) * 220)
    many = pool_of(*(Entry({"a": str(i)}, line, (0,) if i else ()) for i, line in enumerate(lines)))
    more = after(many, slice(440, 460))
    assert more.belief.scales == many.belief.scales
    assert more.belief.mean[1] > many.belief.mean[1]
    most = after(more, slice(460, 600))
    assert most.belief.scales != many.belief.scales
