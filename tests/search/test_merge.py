"""Algorithms 3 and 4: which pairs can be merged, what the child is made of, and its trial."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.crossover import cross, find_crossover
from dspy_gepa.search.frontier import frontier
from dspy_gepa.search.merge import Merge, choose_merge_rows, find_merge, merge
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate, Effect, Outcome, Rollout
from tests.support import Entry, drive, flatten, pool_of, train_rows, val_rows

SEED = Entry({"a": "0", "b": "0"}, (0.0, 0.0, 0.5))
LEFT = Entry({"a": "1", "b": "0"}, (1.0, 0.0, 0.5), (0,))
RIGHT = Entry({"a": "0", "b": "1"}, (0.0, 1.0, 0.5), (0,))


def test_each_component_comes_from_the_parent_that_changed_it() -> None:
    found = find_merge(pool_of(SEED, LEFT, RIGHT), Random(0))
    assert found is not None
    assert (found.first, found.second, found.ancestor) == (1, 2, 0)
    assert dict(found.candidate) == {"a": "1", "b": "1"}


def test_a_component_that_both_changed_comes_from_the_better_parent() -> None:
    left = Entry({"a": "1", "b": "left", "c": "0"}, (1.0, 0.0, 0.5), (0,))
    right = Entry({"a": "0", "b": "right", "c": "2"}, (0.0, 1.0, 0.6), (0,))
    found = find_merge(pool_of(Entry({"a": "0", "b": "0", "c": "0"}, (0, 0, 0)), left, right), Random(0))
    assert found is not None
    assert dict(found.candidate) == {"a": "1", "b": "right", "c": "2"}


def test_between_equal_parents_a_component_that_both_changed_is_drawn() -> None:
    left = Entry({"a": "1", "b": "left", "c": "0"}, (1.0, 0.0), (0,))
    right = Entry({"a": "0", "b": "right", "c": "1"}, (0.0, 1.0), (0,))
    pool = pool_of(Entry({"a": "0", "b": "0", "c": "0"}, (0, 0)), left, right)
    drawn = {found.candidate["b"] for seed in range(20) if (found := find_merge(pool, Random(seed)))}
    assert drawn == {"left", "right"}


def test_a_component_that_both_changed_alike_keeps_that_change() -> None:
    left = Entry({"a": "1", "b": "same", "c": "0"}, (1.0, 0.0), (0,))
    right = Entry({"a": "0", "b": "same", "c": "1"}, (0.0, 1.0), (0,))
    found = find_merge(pool_of(Entry({"a": "0", "b": "0", "c": "0"}, (0, 0)), left, right), Random(0))
    assert found is not None
    assert dict(found.candidate) == {"a": "1", "b": "same", "c": "1"}


def test_parent_and_child_are_not_merged() -> None:
    grandchild = Entry({"a": "1", "b": "1"}, (0.0, 1.0, 0.5), (1,))
    assert find_merge(pool_of(SEED, LEFT, grandchild), Random(0)) is None


def test_a_pair_without_a_common_ancestor_is_not_merged() -> None:
    stranger = Entry({"a": "0", "b": "1"}, (0.0, 1.0, 0.5))
    pool = pool_of(Entry({"a": "1", "b": "0"}, (1.0, 0.0, 0.5)), stranger)
    assert find_merge(pool, Random(0)) is None


def test_a_pair_whose_ancestor_is_better_than_one_of_them_is_not_merged() -> None:
    good_seed = Entry({"a": "0", "b": "0"}, (0.9, 0.9, 0.9))
    pool = pool_of(good_seed, LEFT, RIGHT)
    assert {1, 2} <= set(frontier(pool.scores))
    assert find_merge(pool, Random(0)) is None


def test_an_ancestor_as_good_as_the_worse_parent_will_do() -> None:
    equal_seed = Entry({"a": "0", "b": "0"}, (0.5, 0.5, 0.5))
    left, right = (dataclasses.replace(entry, scores=(*entry.scores[:2], 0.5)) for entry in (LEFT, RIGHT))
    assert find_merge(pool_of(equal_seed, left, right), Random(0)) is not None


def test_a_pair_that_changed_the_same_component_only_is_not_merged() -> None:
    left = Entry({"a": "left", "b": "0"}, (1.0, 0.0, 0.5), (0,))
    right = Entry({"a": "right", "b": "0"}, (0.0, 1.0, 0.5), (0,))
    assert find_merge(pool_of(SEED, left, right), Random(0)) is None


def test_a_pair_that_both_changed_every_component_is_not_merged() -> None:
    left = Entry({"a": "left", "b": "left"}, (1.0, 0.0), (0,))
    right = Entry({"a": "right", "b": "right"}, (0.0, 1.0), (0,))
    pool = pool_of(Entry({"a": "0", "b": "0"}, (0, 0)), left, right)
    assert {find_merge(pool, Random(seed)) for seed in range(10)} == {None}


def test_a_pool_with_one_member_on_the_frontier_has_nothing_to_merge() -> None:
    best = Entry({"a": "1", "b": "1"}, (1.0, 1.0, 0.5), (0,))
    assert find_merge(pool_of(SEED, LEFT, RIGHT, best), Random(0)) is None


def test_dominated_members_are_no_parents() -> None:
    third = Entry({"a": "0", "b": "3"}, (0.0, 1.0, 0.9), (0,))
    pool = pool_of(SEED, LEFT, RIGHT, third)
    found = [find_merge(pool, Random(seed)) for seed in range(10)]
    assert {(f.first, f.second) for f in found if f is not None} == {(1, 3)}


def tried(pool: Pool, verdict: str = "rejected", **changes: object) -> Pool:
    candidate = Candidate.of({"a": "1", "b": "other"})
    proposal = Proposal("merge", (1, 2), candidate, verdict, "test", ancestor=0)
    return pool.commit(dataclasses.replace(proposal, **changes), spent=9)


def test_the_same_pair_is_not_merged_over_the_same_ancestor_again() -> None:
    assert find_merge(tried(pool_of(SEED, LEFT, RIGHT)), Random(0)) is None


def test_a_child_that_was_tried_before_is_not_tried_again() -> None:
    known = tried(
        pool_of(SEED, LEFT, RIGHT),
        kind="mutation",
        parents=(1,),
        candidate=Candidate.of({"a": "1", "b": "1"}),
    )
    assert find_merge(known, Random(0)) is None


@pytest.mark.parametrize("shift", [0.0, -1.0, -5.0])
def test_zero_and_negative_ancestor_scores_are_no_obstacle(shift: float) -> None:
    entries = [
        dataclasses.replace(entry, scores=[score + shift for score in entry.scores])
        for entry in (dataclasses.replace(SEED, scores=(0, 0, 0)), LEFT, RIGHT)
    ]
    assert find_merge(pool_of(*entries), Random(0)) is not None


def test_better_ancestors_are_drawn_more_often() -> None:
    # Both descend from 0 and 1, and either is a fair ancestor.
    pool = pool_of(
        Entry({"a": "0", "b": "0", "c": "0"}, (0.1, 0.1)),
        Entry({"a": "0", "b": "0", "c": "1"}, (0.4, 0.4), (0,)),
        Entry({"a": "1", "b": "0", "c": "1"}, (1.0, 0.0), (1,)),
        Entry({"a": "0", "b": "1", "c": "1"}, (0.0, 1.0), (1,)),
    )
    drawn = [found.ancestor for seed in range(300) if (found := find_merge(pool, Random(seed)))]
    assert len(drawn) == 300
    assert 0.7 < drawn.count(1) / 300 < 0.9


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Family trees with up to eight members, three components on few texts, scores of any sign."""
    rows = draw(st.integers(1, 6))
    score = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0]), min_size=rows, max_size=rows)
    entries = [Entry({"a": "0", "b": "0", "c": "0"}, draw(score))]
    for _ in range(draw(st.integers(0, 7))):
        parent = draw(st.integers(0, len(entries) - 1))
        texts = dict(entries[parent].texts)
        for name in draw(st.sets(st.sampled_from("abc"), min_size=1)):
            texts[name] = draw(st.sampled_from("01234"))
        if all(texts != entry.texts for entry in entries):
            entries.append(Entry(texts, draw(score), (parent,)))
    return pool_of(*entries)


@given(pools(), st.integers())
def test_a_merge_is_one_that_algorithm_4_allows(pool: Pool, seed: int) -> None:
    found = find_merge(pool, Random(seed))
    if found is None:
        return
    first, second, origin = (pool.members[i].candidate for i in (found.first, found.second, found.ancestor))
    assert {found.first, found.second} <= set(frontier(pool.scores))
    assert found.ancestor in pool.ancestors(found.first) & pool.ancestors(found.second)
    assert found.first not in pool.ancestors(found.second)
    assert found.second not in pool.ancestors(found.first)
    assert pool.mean(found.ancestor) <= min(pool.mean(found.first), pool.mean(found.second))
    assert any((first[name] == origin[name]) != (second[name] == origin[name]) for name in origin)
    assert not pool.knows(found.candidate)
    better = max((found.first, found.second), key=pool.mean)
    for name, text in found.candidate.items():
        if first[name] == origin[name]:
            assert text == second[name]
        elif second[name] == origin[name]:
            assert text == first[name]
        elif pool.mean(found.first) == pool.mean(found.second):
            assert text in (first[name], second[name])
        else:
            assert text == pool.members[better].candidate[name]


@given(pools(), st.integers(1, 8), st.integers())
def test_trial_rows_are_distinct_validation_rows_as_many_as_there_are(
    pool: Pool, size: int, seed: int
) -> None:
    rows = choose_merge_rows(pool, 0, len(pool) - 1, size, Random(seed))
    assert len(rows) == len(set(rows)) == min(size, len(pool.val_rows))
    assert set(rows) <= set(pool.val_rows)


def test_a_trial_looks_at_rows_where_either_parent_is_better_and_where_neither_is() -> None:
    better, worse = (1.0,) * 10, (0.0,) * 10
    pool = pool_of(
        Entry({"a": "0"}, (*better, *worse, *worse)), Entry({"a": "1"}, (*worse, *better, *worse), (0,))
    )
    kinds = [row.position // 10 for row in choose_merge_rows(pool, 0, 1, 5, Random(0))]
    assert sorted(kinds) == [0, 0, 1, 1, 2]


def test_what_is_missing_from_one_kind_comes_from_the_ties() -> None:
    pool = pool_of(
        Entry({"a": "0"}, (1.0,) * 10 + (0.5,) * 10), Entry({"a": "1"}, (0.0,) * 10 + (0.5,) * 10, (0,))
    )
    kinds = [row.position // 10 for row in choose_merge_rows(pool, 0, 1, 5, Random(0))]
    assert kinds == [0, 0, 1, 1, 1]


def test_pairs_are_drawn_in_rounds_until_a_new_child_is_found() -> None:
    """Many pairs make a child that is known, so that one round is often not enough."""
    texts = [{"a": "1", "b": str(b)} for b in range(6)]
    leaves = [Entry(each, tuple(float(row == i) for row in range(8)), (0,)) for i, each in enumerate(texts)]
    other = Entry({"a": "0", "b": "9"}, (*(0.0,) * 6, 1.0, 1.0), (0,))
    pool = pool_of(Entry({"a": "0", "b": "0"}, (0.0,) * 8), *leaves, other)
    assert all(find_merge(pool, Random(seed)) is not None for seed in range(20))
    assert not all(find_merge(pool, Random(seed), rounds=1, pairs=2) for seed in range(20))


def test_rows_of_one_kind_fill_a_trial_when_there_are_no_others() -> None:
    pool = pool_of(Entry({"a": "0"}, (1.0,) * 8), Entry({"a": "1"}, (1.0,) * 8, (0,)))
    assert len(choose_merge_rows(pool, 0, 1, 5, Random(0))) == 5


def run_merge(child_scores: tuple[float, ...]) -> tuple[Proposal, list[list[Effect]]]:
    pool = pool_of(SEED, LEFT, dataclasses.replace(RIGHT, scores=(0.0, 0.8, 0.6)))
    found = find_merge(pool, Random(0))
    assert found is not None

    def execute(effect: Effect) -> Outcome:
        assert isinstance(effect, Rollout)
        assert effect.candidate == found.candidate
        return Outcome("scored", score=child_scores[effect.row.position])

    return drive(merge(found, pool, val_rows(2)), execute)


def test_a_child_as_good_as_the_better_parent_is_accepted() -> None:
    proposal, _ = run_merge((0.0, 1.0, 0.0))
    assert (proposal.verdict, proposal.before, proposal.after) == ("accepted", (1.0, 0.0), (0.0, 1.0))


def test_a_child_worse_than_the_better_parent_is_rejected() -> None:
    proposal, asked = run_merge((0.0, 0.9, 1.0))
    assert proposal.verdict == "rejected"
    assert {effect.row for effect in flatten(asked)} == set(val_rows(2))


def test_a_merge_names_its_parents_its_ancestor_and_what_differs_from_the_first_parent() -> None:
    proposal, _ = run_merge((1.0, 1.0, 1.0))
    assert (proposal.parents, proposal.ancestor, proposal.changed) == ((1, 2), 0, ("b",))
    assert proposal.reason == "merge of 1 and 2 scored 2 on 2 validation rows, the better parent 1"


# Crossovers, for strategies that rewrite all components at once -------------------------------------------

ORIGIN = Entry({"a": "0", "b": "0", "c": "0"}, (0.0, 0.0))
BOTH = Entry({"a": "1", "b": "1", "c": "0"}, (0.0, 1.0), (0,))
OTHER = Entry({"a": "2", "b": "0", "c": "2"}, (1.0, 0.0), (0,))


def drawing(*members: int) -> Callable[[], int]:
    """Draws these members, over and over."""
    return itertools.cycle(members).__next__


def crossed(pool: Pool, *members: int, seed: int = 0, attempts: int = 10) -> Merge | None:
    return find_crossover(pool, drawing(*members), Random(seed), attempts)


@pytest.mark.parametrize("drawn", [(1, 2), (2, 1)])
def test_a_crossover_names_its_parents_in_order_and_their_ancestor(drawn: tuple[int, int]) -> None:
    found = crossed(pool_of(ORIGIN, BOTH, OTHER), *drawn)
    assert found is not None
    assert (found.first, found.second, found.ancestor) == (1, 2, 0)


def test_a_crossover_takes_what_only_one_changed_and_draws_where_both_did() -> None:
    pool = pool_of(ORIGIN, BOTH, OTHER)
    children = [found.candidate for seed in range(20) if (found := crossed(pool, 1, 2, seed=seed))]
    assert {(child["b"], child["c"]) for child in children} == {("1", "2")}
    assert {child["a"] for child in children} == {"1", "2"}


def test_components_that_both_changed_are_drawn_one_by_one() -> None:
    one = Entry({"a": "1", "b": "1", "c": "1"}, (0.0, 1.0), (0,))
    two = Entry({"a": "2", "b": "2", "c": "2"}, (1.0, 0.0), (0,))
    children = {
        found.candidate for s in range(60) if (found := crossed(pool_of(ORIGIN, one, two), 1, 2, seed=s))
    }
    mixtures = {"".join(child.values()) for child in children}
    assert mixtures == {"".join(texts) for texts in itertools.product("12", repeat=3)} - {"111", "222"}


def test_what_neither_changed_stays_as_it_was() -> None:
    one = Entry({"a": "1", "b": "0", "c": "0"}, (0.0, 1.0), (0,))
    two = Entry({"a": "0", "b": "0", "c": "1"}, (1.0, 0.0), (0,))
    found = crossed(pool_of(ORIGIN, one, two), 1, 2)
    assert found is not None
    assert dict(found.candidate) == {"a": "1", "b": "0", "c": "1"}


def test_what_counts_as_changed_goes_by_the_nearest_common_ancestor() -> None:
    pool = pool_of(
        ORIGIN,
        Entry({"a": "1", "b": "1", "c": "1"}, (0.0, 0.0), (0,)),
        Entry({"a": "2", "b": "1", "c": "1"}, (0.0, 1.0), (1,)),
        Entry({"a": "1", "b": "0", "c": "1"}, (1.0, 0.0), (1,)),
    )
    found = crossed(pool, 2, 3)
    assert found is not None
    assert (found.ancestor, dict(found.candidate)) == (1, {"a": "2", "b": "0", "c": "1"})


@pytest.mark.parametrize("known", ["member", "rejected"])
def test_a_crossover_that_is_known_is_not_tried_again(known: str) -> None:
    one = Entry({"a": "1", "b": "0", "c": "0"}, (0.0, 1.0), (0,))
    two = Entry({"a": "0", "b": "0", "c": "1"}, (1.0, 0.0), (0,))
    child = Candidate.of({"a": "1", "b": "0", "c": "1"})
    verdict = "accepted" if known == "member" else "rejected"
    pool = pool_of(ORIGIN, one, two).commit(Proposal("mutation", (1,), child, verdict, "test"), spent=0)
    assert {crossed(pool, 1, 2, seed=seed) for seed in range(5)} == {None}


def test_a_member_is_not_crossed_with_itself() -> None:
    assert crossed(pool_of(ORIGIN, BOTH, OTHER), 1) is None


@pytest.mark.parametrize("pair", [(0, 1), (1, 2)])
def test_members_without_a_common_ancestor_are_not_crossed(pair: tuple[int, int]) -> None:
    pool = pool_of(ORIGIN, BOTH, dataclasses.replace(OTHER, parents=()))
    assert crossed(pool, *pair) is None


def test_pairs_are_drawn_until_one_will_do_and_no_longer() -> None:
    pool = pool_of(ORIGIN, BOTH, OTHER)
    assert crossed(pool, 1, 1, 0, 2, 1, 2, attempts=3) is not None
    assert crossed(pool, 1, 1, 0, 2, 1, 2, attempts=2) is None


@given(pools(), st.integers())
def test_a_crossover_mixes_two_members_and_is_known_to_nobody(pool: Pool, seed: int) -> None:
    rng = Random(seed)
    found = find_crossover(pool, lambda: rng.randrange(len(pool)), rng)
    if found is None:
        return
    first, second, origin = (pool.members[i].candidate for i in (found.first, found.second, found.ancestor))
    shared = pool.ancestors(found.first) & pool.ancestors(found.second)
    assert found.first < found.second
    assert found.ancestor in shared
    assert not any(found.ancestor in pool.ancestors(other) for other in shared)
    assert not pool.knows(found.candidate)
    for name, text in found.candidate.items():
        assert text in (first[name], second[name])
        if text == origin[name]:
            assert first[name] == second[name] == origin[name]


def run_cross(score: float) -> tuple[Merge, Proposal, list[list[Effect]]]:
    pool = pool_of(ORIGIN, BOTH, OTHER)
    found = crossed(pool, 1, 2)
    assert found is not None
    rows = (*train_rows(2), *val_rows(1))
    proposal, asked = drive(cross(found, pool, rows), lambda effect: Outcome("scored", score=score))
    return found, proposal, asked


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_crossover_is_kept_whatever_it_scores(score: float) -> None:
    _, proposal, _ = run_cross(score)
    assert (proposal.kind, proposal.verdict, proposal.after) == ("merge", "accepted", (score,) * 3)
    assert proposal.reason == f"merge of 1 and 2 scored {3 * score:g} on 3 rows"


def test_a_crossover_asks_for_nothing_but_its_own_rollouts() -> None:
    found, proposal, asked = run_cross(0.5)
    rows = (*train_rows(2), *val_rows(1))
    assert asked == [[Rollout(found.candidate, row) for row in rows]]
    assert (proposal.candidate, proposal.trial_rows) == (found.candidate, rows)


def test_a_crossover_joins_the_pool_as_a_child_of_both_with_the_scores_of_its_trial() -> None:
    _, proposal, _ = run_cross(0.25)
    pool = pool_of(ORIGIN, BOTH, OTHER).commit(proposal, spent=0)
    assert (pool.members[3].parents, pool.ancestors(3)) == ((1, 2), {0, 1, 2})
    assert pool.scores[3, pool.columns(proposal.trial_rows)].tolist() == [0.25] * 3
    assert pool.proposals[-1].ancestor == 0
