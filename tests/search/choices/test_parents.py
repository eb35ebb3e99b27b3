"""Which member is improved next, by every way of choosing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search.belief.belief import DenseBelief
from dspy_gepa.search.belief.scales import Scales
from dspy_gepa.search.choices.parents import (
    PARENT_CHOICES,
    current_best,
    mixed,
    pareto,
    robust_frontier,
    thompson,
)
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome
from tests.support import Entry, pool_of, val_rows, validation_of

NAN = float("nan")


def scored(*scores: Sequence[float]) -> Pool:
    """The seed and its children, with these scores on validation rows."""
    return pool_of(*(Entry({"a": str(i)}, line, (0,) if i else ()) for i, line in enumerate(scores)))


def believing(pool: Pool, means: Sequence[float], sds: Sequence[float]) -> Pool:
    """The pool with this belief: all members independent."""
    vars(pool)["belief"] = DenseBelief(np.array(means), np.diag(sds) ** 2, Scales(1.0, 0.0, 1.0, 0.0))
    return pool


def shares(choice: str, pool: Pool, draws: int = 300) -> list[float]:
    """How often each member is chosen."""
    counts = Counter(PARENT_CHOICES[choice](pool, Random(seed)) for seed in range(draws))
    return [counts[member] / draws for member in range(len(pool))]


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Up to five members, all run on the same validation rows."""
    rows, members = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    score = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=rows, max_size=rows)
    return scored(*(draw(score) for _ in range(members)))


@pytest.mark.parametrize("choice", PARENT_CHOICES)
@settings(max_examples=25)
@given(pool=pools(), seed=st.integers())
def test_a_choice_of_parent_is_a_member_and_repeats_itself(choice: str, pool: Pool, seed: int) -> None:
    chosen = PARENT_CHOICES[choice](pool, Random(seed))
    assert type(chosen) is int
    assert 0 <= chosen < len(pool)
    assert PARENT_CHOICES[choice](pool, Random(seed)) == chosen


@pytest.mark.parametrize("choice", PARENT_CHOICES)
def test_a_seed_that_is_alone_is_improved(choice: str) -> None:
    assert shares(choice, scored((0.0, 1.0)), draws=10) == [1.0]


@pytest.mark.parametrize("choice", sorted(set(PARENT_CHOICES) - {"current_best"}))
def test_chance_has_a_say_in_every_choice_but_the_current_best(choice: str) -> None:
    equal = scored((0.0, 1.0, 0.0, 1.0), (1.0, 0.0, 1.0, 0.0), (1.0, 1.0, 0.0, 0.0))
    assert min(shares(choice, equal)) > 0.1


def test_the_current_best_is_the_member_with_the_best_validation_mean() -> None:
    pool = scored((0.5, 0.5, 0.5), (1.0, 0.5, 0.25), (1.0, 0.0, 0.0))
    assert current_best(pool, Random(0)) == 1
    assert current_best(believing(pool, [9.0, 0.0, 5.0], [1.0] * 3), Random(0)) == 1


def test_of_members_with_equal_means_the_earliest_is_the_current_best() -> None:
    assert current_best(scored((0.0, 0.5), (1.0, 0.5), (0.5, 1.0)), Random(0)) == 1


@pytest.mark.parametrize("missing", [(1.0, NAN), (NAN, NAN)])
def test_a_member_that_misses_validation_rows_is_not_the_current_best(missing: tuple[float, ...]) -> None:
    assert current_best(scored((0.0, 0.5), missing), Random(0)) == 0


def test_pareto_draws_in_proportion_to_the_rows_that_are_won() -> None:
    pool = scored((0.0,) * 4, (1.0, 0.5, 0.0, 0.0), (0.5, 1.0, 1.0, 1.0))
    lost, few, many = shares("pareto", pool)
    assert lost == 0
    assert 0.15 < few < 0.35
    assert many == pytest.approx(1 - few)


def test_pareto_looks_at_validation_scores_alone() -> None:
    pool = scored((0.0, 0.5), (1.0, 1.0))
    outcomes = {row: Outcome("scored", score=9.0) for row in pool.train_rows}
    assert shares("pareto", pool.evaluated(Evaluation({0: outcomes})), draws=20) == [0.0, 1.0]


def test_thompson_takes_each_as_often_as_it_may_be_the_best() -> None:
    # One better by 0.5 with a standard deviation of sqrt(2) in all: by chance 0.64 of the time.
    worse, better = shares("thompson", believing(scored((NAN,), (NAN,)), [0.0, 0.5], [1.0, 1.0]), draws=600)
    assert 0.58 < better < 0.70
    assert worse == pytest.approx(1 - better)


def test_thompson_takes_the_uncertain_sometimes_and_a_clearly_worse_candidate_never() -> None:
    pool = believing(scored((NAN,), (NAN,), (NAN,)), [0.5, 0.4, 0.4], [0.01, 0.2, 0.01])
    known, uncertain, hopeless = shares("thompson", pool)
    assert 0.2 < uncertain < 0.4
    assert known > 0.6
    assert hopeless == 0


def test_thompson_prefers_the_member_with_the_better_scores() -> None:
    easy = [0.0, 1.0, 0.5, 0.5] * 3
    pool = scored([score - 0.25 for score in easy], [score + 0.25 for score in easy])
    assert shares("thompson", pool)[1] > 0.9


GENERALIST = (0.75,) * 24
SPECIALIST = (1.5,) * 6 + (0.25,) * 18


def test_on_the_robust_frontier_a_specialist_keeps_a_share() -> None:
    pool = scored((0.0,) * 24, GENERALIST, SPECIALIST)
    seed, generalist, specialist = shares("robust_frontier", pool)
    assert seed < 0.15
    assert 0.2 < specialist < generalist
    assert shares("thompson", pool)[2] < specialist - 0.1


def test_rows_that_nobody_was_run_on_are_no_part_of_the_robust_frontier() -> None:
    def choices(train: int) -> list[int]:
        pool = Pool.of(Candidate.of({"a": "0"}), val_rows(4), train)
        pool = pool.commit(Proposal("mutation", (0,), Candidate.of({"a": "1"}), "accepted", "test"), spent=0)
        for member, scores in enumerate([(1.5, 0.0, 0.0, 0.0), (0.0, 1.0, 1.0, 1.0)]):
            pool = pool.evaluated(validation_of(member, scores))
        return [robust_frontier(pool, Random(seed)) for seed in range(60)]

    assert choices(1000) == choices(0)
    assert set(choices(0)) == {0, 1}


def test_mixed_is_half_the_one_and_half_the_other() -> None:
    pool = scored((0.0,) * 24, GENERALIST, SPECIALIST)
    drawn, frontier, both = (
        np.array(shares(choice, pool, 500)) for choice in ("thompson", "robust_frontier", "mixed")
    )
    assert both == pytest.approx((drawn + frontier) / 2, abs=0.07)


def test_choices_are_found_under_their_names() -> None:
    choices = [pareto, current_best, thompson, robust_frontier, mixed]
    assert [PARENT_CHOICES[choice.__name__] for choice in choices] == choices
