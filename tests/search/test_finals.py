"""The finals spend no more than they may and find out who is best; who is returned in the end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search.belief.belief import DenseBelief
from dspy_gepa.search.belief.scales import Scales
from dspy_gepa.search.finals import (
    best_by_belief,
    choose,
    confidence_needed,
    contenders,
    distinct,
    finals,
)
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Effect, Outcome, Rollout, Row
from tests.support import Entry, HashWorld, drive, flatten, pool_of, val_rows

NAN = float("nan")
# A score by member and validation row.
Truth = Callable[[int, int], float]


def field_of(members: int, rows: int, text: Callable[[int], str] = "text {}".format) -> Pool:
    """Children of one seed, none of which was run on a validation row."""
    return pool_of(*(Entry({"a": text(i)}, (NAN,) * rows, (0,) if i else ()) for i in range(members)))


def believing(pool: Pool, means: Sequence[float], sd: float = 0.1) -> Pool:
    """The pool with this belief: all members independent and equally uncertain."""
    covariance = np.eye(len(pool)) * sd**2
    vars(pool)["belief"] = DenseBelief(np.array(means), covariance, Scales(1.0, 0.0, 1.0, 0.0))
    return pool


def hold(
    pool: Pool, rollouts: int, truth: Truth = lambda member, row: 0.5, members: Sequence[int] | None = None
) -> tuple[Evaluation, list[dict[int, list[int]]]]:
    """What the finals come to and, round by round, which rows each member was run on, in order."""
    numbers = {member.candidate: member.index for member in pool.members}

    def execute(effect: Effect) -> Outcome:
        assert isinstance(effect, Rollout)
        assert effect.row.split == "val"
        return Outcome("scored", score=truth(numbers[effect.candidate], effect.row.position))

    members = range(len(pool)) if members is None else members
    evaluation, asked = drive(finals(pool, members, pool.val_rows, rollouts), execute)
    rounds: list[dict[int, list[int]]] = []
    for batch in asked:
        rounds.append({})
        for effect in batch:
            rounds[-1].setdefault(numbers[effect.candidate], []).append(effect.row.position)
    return evaluation, rounds


# Who takes part -------------------------------------------------------------------------------------------


def test_the_seed_comes_first_and_then_the_best_believed_others() -> None:
    pool = believing(field_of(6, 1), [0.9, 0.1, 0.5, 0.3, 0.8, 0.4])
    assert contenders(pool, 3) == [0, 4, 2, 5]


def test_the_seed_is_there_though_it_is_the_worst() -> None:
    assert contenders(believing(field_of(3, 1), [0.0, 0.5, 0.6]), 1) == [0, 2]


def test_of_members_believed_equal_the_earlier_takes_part() -> None:
    assert contenders(believing(field_of(5, 1), [0.5] * 5), 2) == [0, 1, 2]


def test_a_small_pool_takes_part_as_a_whole() -> None:
    assert contenders(believing(field_of(3, 1), [0.0, 0.1, 0.2]), 10) == [0, 2, 1]
    assert contenders(believing(field_of(1, 1), [0.0]), 10) == [0]


# The rounds -----------------------------------------------------------------------------------------------


@st.composite
def fields(draw: st.DrawFn) -> Pool:
    """One to nine members with few scores on up to ten validation rows."""
    rows = draw(st.integers(1, 10))
    score = st.lists(st.sampled_from([NAN, NAN, 0.0, 0.5, 1.0]), min_size=rows, max_size=rows)
    members = draw(st.integers(1, 9))
    return pool_of(*(Entry({"a": str(i)}, draw(score), (0,) if i else ()) for i in range(members)))


@settings(max_examples=60)
@given(fields(), st.integers(0, 100), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_finals_never_spend_more_than_they_may_nor_twice_for_the_same(
    pool: Pool, rollouts: int, seed: int, rng: Random
) -> None:
    others = rng.sample(range(1, len(pool)), rng.randrange(len(pool)))
    order = rng.sample(pool.val_rows, len(pool.val_rows))
    evaluation, asked = drive(finals(pool, [0, *others], order, rollouts), HashWorld(seed))
    effects = list(flatten(asked))
    assert len(effects) <= rollouts
    assert len({effect.key for effect in effects}) == len(effects)
    by_candidate = {member.candidate: member.index for member in pool.members}
    found: dict[int, list[Row]] = {}
    for effect in effects:
        found.setdefault(by_candidate[effect.candidate], []).append(effect.row)
    assert set(found) <= {0, *others}
    assert {member: list(outcomes) for member, outcomes in evaluation.outcomes.items()} == found
    for member, rows in found.items():
        unknown = [row for row in order if math.isnan(pool.scores[member, row.position])]
        assert rows == unknown[: len(rows)]  # none that is known, and none left out
    after = pool.evaluated(evaluation).scores[[0, *others], : len(pool.val_rows)]
    assert rollouts - len(effects) <= len(others) or not np.isnan(after).any()  # nor spares what it may spend


@settings(max_examples=60)
@given(st.integers(2, 9), st.integers(1, 30), st.integers(0, 200), st.integers(0, 1000))
def test_within_a_round_all_are_run_on_the_same_rows(
    members: int, rows: int, rollouts: int, seed: int
) -> None:
    pool = field_of(members, rows)
    _, rounds = hold(pool, rollouts, lambda member, row: Random(f"{seed}/{member}/{row}").random())
    halving = [batch for batch in rounds if 0 in batch]
    assert rounds[: len(halving)] == halving
    assert len(rounds) <= len(halving) + 1
    for batch in halving:
        assert len({tuple(rows) for rows in batch.values()}) == 1


def test_what_the_last_ones_leave_goes_to_those_that_were_dropped_the_best_first() -> None:
    _, rounds = hold(field_of(6, 4), 17, lambda member, row: member / 10)
    *halving, leftover = rounds
    assert [set(batch) for batch in halving] == [{0, 1, 2, 3, 4, 5}, {0, 4, 5}, {0, 5}]
    assert leftover == {4: [2, 3], 3: [1, 2]}


def test_what_one_of_the_last_two_has_no_use_for_goes_to_the_other_and_on() -> None:
    known = [Entry({"a": "0"}, (0.0,) * 9 + (NAN,)), Entry({"a": "1"}, (0.2,) * 2 + (NAN,) * 8, (0,))]
    pool = pool_of(*known, Entry({"a": "2"}, (0.1,) * 9 + (NAN,), (0,)))
    _, rounds = hold(pool, 10, lambda member, row: member / 10)
    assert sum(map(len, itertools.chain.from_iterable(batch.values() for batch in rounds))) == 10


def test_nothing_is_left_over_while_the_last_ones_have_rows() -> None:
    _, rounds = hold(field_of(6, 100), 31, lambda member, row: member / 10)
    assert all(0 in batch for batch in rounds)


@pytest.mark.parametrize(
    ("members", "sizes"),
    [(2, [2]), (3, [3, 2]), (4, [4, 2]), (5, [5, 3, 2]), (6, [6, 3, 2]), (9, [9, 5, 3, 2])],
)
def test_the_better_half_goes_on_until_one_is_left_beside_the_seed(members: int, sizes: list[int]) -> None:
    _, rounds = hold(field_of(members, 100), 150, lambda member, row: member / 10)
    assert [len(batch) for batch in rounds] == sizes
    assert all(0 in batch for batch in rounds)
    for before, after in itertools.pairwise(rounds):
        assert set(after) - {0} == set(sorted(before)[-len(after) + 1 :])


def test_rounds_share_what_may_be_spent() -> None:
    _, rounds = hold(field_of(6, 100), 90)
    spent = [sum(map(len, batch.values())) for batch in rounds]
    assert spent == [30, 30, 30]


def test_the_seed_stays_to_the_end_though_it_is_the_worst() -> None:
    _, rounds = hold(field_of(5, 100), 100, lambda member, row: float(member > 0))
    assert 0 in rounds[-1]


def test_who_goes_on_is_decided_by_what_the_rounds_have_shown() -> None:
    promising = pool_of(
        Entry({"a": "seed"}, (0.0, 0.5, *(NAN,) * 60)),
        Entry({"a": "lucky"}, (1.0, 1.0, *(NAN,) * 60), (0,)),
        Entry({"a": "good"}, (0.0, 0.5, *(NAN,) * 60), (0,)),
        Entry({"a": "bad"}, (0.0, 0.5, *(NAN,) * 60), (0,)),
    )
    assert contenders(promising, 1) == [0, 1]
    _, rounds = hold(promising, 100, lambda member, row: float(member == 2))
    assert [set(batch) for batch in rounds] == [{0, 1, 2, 3}, {0, 2}]


def test_two_contenders_have_one_round_for_all() -> None:
    evaluation, rounds = hold(field_of(2, 10), 15)
    assert rounds == [{0: list(range(7)), 1: list(range(7))}]
    assert {member: len(outcomes) for member, outcomes in evaluation.outcomes.items()} == {0: 7, 1: 7}


def test_rows_that_are_known_are_not_paid_again() -> None:
    half = (0.0, 1.0, 0.5, *(NAN,) * 3)
    pool = pool_of(Entry({"a": "0"}, half), Entry({"a": "1"}, (NAN,) * 6, (0,)))
    _, rounds = hold(pool, 100)
    assert rounds == [{0: [3, 4, 5], 1: [0, 1, 2, 3, 4, 5]}]


def test_rows_are_used_in_the_order_that_is_given() -> None:
    pool = field_of(2, 4)
    order = [Row("val", i) for i in (2, 0, 3, 1)]
    _, asked = drive(finals(pool, [0, 1], order, 4), HashWorld())
    assert [effect.row.position for effect in flatten(asked)] == [2, 0, 2, 0]


def test_members_that_do_not_take_part_are_not_run() -> None:
    evaluation, rounds = hold(field_of(5, 20), 40, members=[0, 3, 1])
    assert set(evaluation.outcomes) == set(rounds[0]) == {0, 1, 3}


@pytest.mark.parametrize("members", [1, 2, 6])
def test_one_validation_row_is_run_once_by_each(members: int) -> None:
    evaluation, rounds = hold(field_of(members, 1), 100)
    assert rounds == [{member: [0] for member in range(members)}]
    assert set(evaluation.outcomes) == set(range(members))


@pytest.mark.parametrize("rollouts", [0, 1, 5])
def test_rollouts_that_do_not_suffice_for_the_whole_field_are_not_spent(rollouts: int) -> None:
    evaluation, rounds = hold(field_of(6, 10), rollouts)
    assert (evaluation.outcomes, rounds) == ({}, [])


def test_a_field_that_is_known_already_is_not_run_again() -> None:
    pool = pool_of(Entry({"a": "0"}, (0.0, 1.0)), Entry({"a": "1"}, (1.0, 1.0), (0,)))
    assert hold(pool, 10) == (Evaluation({}), [])


def test_what_the_finals_find_is_added_to_the_pool() -> None:
    pool = field_of(3, 8)
    evaluation, _ = hold(pool, 48, lambda member, row: member / 4)
    after = pool.evaluated(evaluation)
    assert after.means == (0.0, 0.25, 0.5)


# Who is returned ------------------------------------------------------------------------------------------


def test_the_member_believed_to_be_worth_most_is_returned() -> None:
    pool = believing(field_of(4, 1), [0.2, 0.5, 0.9, 0.7])
    choice = choose(pool, confidence=0.9, tie=0.0)
    assert (choice.member, choice.score) == (2, 0.9)
    assert choice.better_than_original == pool.belief.probability_better(2, 0) > 0.99
    assert choice.interval == pool.belief.score(2).interval()
    assert choice.reason == (
        "better than your program with probability 1.00; 0.90 is required with 3 candidates"
    )


def test_the_seed_is_returned_when_nobody_is_better_with_confidence() -> None:
    pool = believing(field_of(3, 1), [0.5, 0.52, 0.55])
    choice = choose(pool, confidence=0.9, tie=0.0)
    assert (choice.member, choice.score, choice.better_than_original) == (0, 0.5, 0.5)
    assert choice.interval == pool.belief.score(0).interval()
    better = pool.belief.probability_better(2, 0)
    assert choice.reason == (
        f"candidate 2 is better than your program with probability {better:.2f}; "
        "0.90 is required with 2 candidates"
    )


def test_the_seed_is_returned_when_it_is_the_best() -> None:
    assert choose(believing(field_of(3, 1), [0.9, 0.1, 0.2]), confidence=0.9, tie=0.0).member == 0
    assert choose(believing(field_of(1, 1), [0.9]), confidence=0.9, tie=1.0).member == 0


def test_a_probability_equal_to_the_threshold_is_enough() -> None:
    pool = believing(field_of(2, 1), [0.5, 0.6])
    better = pool.belief.probability_better(1, 0)
    assert choose(pool, better, tie=0.0).member == 1
    assert choose(pool, better + 1e-12, tie=0.0).member == 0


means = st.lists(st.floats(-1, 1), min_size=1, max_size=6)


@given(means, st.floats(0, 1), st.floats(0, 3))
def test_whoever_is_returned_is_the_seed_or_better_than_it_with_confidence(
    worths: list[float], confidence: float, tie: float
) -> None:
    choice = choose(believing(field_of(len(worths), 1), worths), confidence, tie)
    assert choice.member == 0 or choice.better_than_original >= confidence


@given(means, st.floats(0, 1))
def test_without_ties_it_is_the_best_whenever_that_is_better_with_confidence(
    worths: list[float], confidence: float
) -> None:
    pool = believing(field_of(len(worths), 1), worths)
    best = int(np.argmax(worths))
    sure = pool.belief.probability_better(best, 0) >= confidence
    assert choose(pool, confidence, 0.0).member == (best if sure else 0)


def test_who_was_not_in_the_finals_is_not_returned_and_the_reason_says_so() -> None:
    pool = believing(field_of(4, 1), [0.0, 0.9, 0.8, 0.7])
    choice = choose(pool, confidence=0.9, tie=0.0, among=(0, 2, 3))
    assert choice.member == 2
    assert "candidate 1, with the higher score 0.90 against 0.80, was not in the finals" in choice.reason


def test_the_reason_names_why_a_higher_score_is_not_returned() -> None:
    longer = believing(field_of(3, 1, LENGTHS.__getitem__), [0.0, 0.9, 0.85], sd=0.1)
    reason = choose(longer, 0.9, tie=1.0).reason
    assert "candidate 1, with the higher score 0.90 against 0.85, is longer" in reason
    unsure = field_of(3, 1)
    belief = replace(believing(unsure, [0.0, 0.5, 0.45]).belief, covariance=np.diag([0.01, 0.25, 0.01]))
    unsure.__dict__["belief"] = belief
    choice = choose(unsure, 0.9, tie=0.0)
    assert choice.member == 2
    assert "candidate 1, with the higher score 0.50 against 0.45, is better than" in choice.reason


@pytest.mark.parametrize(("higher", "shown"), [(0.5802, "0.580 against 0.578"), (0.57801, "0.57801 against")])
def test_a_higher_score_is_shown_with_the_decimals_that_make_it_higher(higher: float, shown: str) -> None:
    pool = believing(field_of(3, 1, LENGTHS.__getitem__), [0.0, higher, 0.578], sd=0.1)
    assert f"candidate 1, with the higher score {shown}" in choose(pool, 0.9, tie=1.0).reason


def test_a_score_that_the_range_turns_round_is_not_called_higher() -> None:
    pool = believing(field_of(3, 1, LENGTHS.__getitem__), [0.0, 0.96, 0.95], sd=0.1)
    wide = replace(pool.belief, covariance=np.diag([0.01, 0.2, 0.0001]), bounds=(0.0, 1.0))
    pool.__dict__["belief"] = wide
    assert wide.score(1).expected < wide.score(2).expected
    choice = choose(pool, 0.9, tie=1.0)
    assert choice.member == 2
    assert "higher" not in choice.reason


@given(st.floats(0, 1), st.floats(0, 1))
def test_two_probabilities_are_shown_so_that_the_larger_one_is_seen(first: float, second: float) -> None:
    shown = distinct(first, second)
    assert (float(shown[0]) > float(shown[1])) == (first > second) or abs(first - second) < 1e-4


def test_on_the_train_rows_themselves_the_best_is_returned_without_significance_and_whatever_its_length() -> (
    None
):
    worths = [0.5, 0.51, 0.52, 0.53]
    apart = field_of(4, 1, lambda member: "x" * member)
    same = replace(apart, val_rows=(Row("train", 0),))
    assert best_by_belief(believing(apart, worths), tie=1.0).member == 0
    assert best_by_belief(believing(same, worths), tie=1.0).member == 3
    assert best_by_belief(believing(same, [0.5, 0.4, 0.3, 0.2]), tie=1.0).member == 0


LENGTHS = {0: "seed, rather long", 1: "the longest of all texts", 2: "shorter", 3: "tiny"}


@pytest.mark.parametrize(("tie", "chosen"), [(0.0, 1), (0.5, 1), (1.0, 2), (3.0, 2), (5.0, 3)])
def test_of_members_within_the_tie_of_the_best_the_shortest_is_returned(tie: float, chosen: int) -> None:
    # The standard error of a difference is 0.1: the second lies 0.8 and the third 4 behind the best.
    pool = believing(field_of(4, 1, LENGTHS.__getitem__), [0.0, 0.9, 0.82, 0.5], sd=0.1 / 2**0.5)
    assert choose(pool, confidence=0.9, tie=tie).member == chosen


def test_length_is_that_of_all_components_together() -> None:
    texts = [{"a": "x" * a, "b": "y" * b} for a, b in [(1, 1), (9, 1), (1, 12), (4, 4)]]
    pool = pool_of(*(Entry(text, (NAN,), (0,) if i else ()) for i, text in enumerate(texts)))
    assert choose(believing(pool, [0.0, 0.9, 0.9, 0.9]), confidence=0.9, tie=1.0).member == 3


def test_of_texts_equally_short_the_earliest_is_returned() -> None:
    pool = believing(field_of(4, 1), [0.0, 0.8, 0.81, 0.82])
    assert choose(pool, confidence=0.9, tie=1.0).member == 1


@given(st.floats(0, 0.2), st.floats(0, 5))
def test_the_seed_is_never_returned_for_being_short(gain: float, tie: float) -> None:
    pool = believing(field_of(2, 1, lambda member: "x" * (1 + 99 * member)), [0.5, 0.5 + gain + 1e-6])
    assert choose(pool, confidence=0.5, tie=tie).member == 1


def scored(*scores: Sequence[float]) -> Pool:
    return pool_of(*(Entry({"a": str(i)}, line, (0,) if i else ()) for i, line in enumerate(scores)))


def test_a_member_that_gains_on_every_row_is_returned_and_one_that_gains_on_a_few_is_not() -> None:
    seed = [0.0, 0.5, 0.25, 0.75] * 6
    gains: Mapping[int, Sequence[float]] = {1: [0.25] * 24, 0: [0.25, -0.25, 0.25] * 8}
    for member, gain in gains.items():
        pool = scored(seed, [score + more for score, more in zip(seed, gain, strict=True)])
        assert choose(pool, confidence=0.95, tie=0.0).member == member


def test_a_tie_with_one_that_is_not_surely_better_does_not_lose_the_gain() -> None:
    pool = believing(field_of(3, 1), [0.0, 0.2, 0.15])
    sure = pool.belief.probability_better(1, 0)
    assert pool.belief.probability_better(2, 0) < sure
    assert choose(pool, confidence=sure, tie=1.0).member == 1


def test_alone_the_seed_is_returned_because_nothing_else_was_found() -> None:
    choice = choose(believing(field_of(1, 1), [0.9]), 0.9, 0.0)
    assert choice.reason == "no other candidate was found"


@pytest.mark.parametrize("means", [[0.9, 0.95], [0.9, 0.1]])
def test_a_candidate_that_is_turned_away_is_named_whatever_its_score(means: list[float]) -> None:
    pool = pool_of(Entry({"a": "long"}, (1.0,)), Entry({"a": "short"}, (0.0,), (0,)))
    choice = choose(believing(pool, means), 0.9, 0.0, must_pass={val_rows(1)[0]: 1.0})
    assert (choice.member, choice.reason.split(" (")[0]) == (
        0,
        "candidate 1 fails 1 of the rows that must pass",
    )


@pytest.mark.parametrize(("others", "needed"), [(0, 0.5), (1, 0.5), (2, 0.5), (5, 0.8), (20, 0.95)])
def test_the_more_were_tried_the_surer_one_must_be(others: int, needed: float) -> None:
    assert confidence_needed(others) == pytest.approx(needed)


@pytest.mark.parametrize("rollouts", [6, 12, 17])
def test_little_is_spent_too_on_one_row_each_at_least(rollouts: int) -> None:
    pool = field_of(6, 20)
    evaluation, asked = drive(
        finals(pool, range(6), val_rows(20), rollouts), lambda effect: Outcome("scored")
    )
    assert 6 <= sum(map(len, asked)) <= rollouts
    assert set(evaluation.outcomes) == set(range(6))
