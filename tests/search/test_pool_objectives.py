"""The metric's further scores on their way into the pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.belief.estimate import estimate
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome, Row
from tests.support import train_rows, val_rows

SEED = Candidate.of({"a": "one"})
CHILD = SEED.with_texts({"a": "two"})

found = st.dictionaries(st.sampled_from(["right", "short"]), st.floats(-1, 1))


def evaluation(member: int, *objectives: Mapping[str, float]) -> Evaluation:
    rows = val_rows(len(objectives))
    outcomes = {r: Outcome("scored", objectives=o) for r, o in zip(rows, objectives, strict=True)}
    return Evaluation({member: outcomes})


def seeded(*objectives: Mapping[str, float]) -> Pool:
    pool = Pool.of(SEED, val_rows(len(objectives)), train_size=3)
    return pool.evaluated(evaluation(0, *objectives))


@given(st.lists(found, min_size=1, max_size=5))
def test_every_objective_of_a_validation_is_found_again_and_others_are_unknown(
    objectives: list[dict[str, float]],
) -> None:
    pool = seeded(*objectives)
    assert set(pool.objectives) == {name for one in objectives for name in one}
    for name, scores in pool.objectives.items():
        assert scores.shape == (1, len(objectives))
        expected = [one.get(name, np.nan) for one in objectives]
        np.testing.assert_array_equal(scores[0], expected)


def test_a_metric_without_objectives_leaves_none_in_the_pool() -> None:
    assert seeded({}, {}).objectives == {}


def test_the_objectives_of_a_trial_come_into_the_pool_with_its_member() -> None:
    pool = seeded({"right": 0.5}, {"right": 0.0}).commit(
        Proposal(
            kind="merge",
            parents=(0, 0),
            candidate=CHILD,
            verdict="accepted",
            reason="test",
            trial_rows=val_rows(1),
            after=(1.0,),
            after_objectives=({"right": 1.0, "short": 0.2},),
        ),
        spent=2,
    )
    assert np.isnan(pool.objectives["right"][1]).all()  # it was not validated yet
    pool = pool.evaluated(Evaluation({1: {Row("val", 1): Outcome("scored", objectives={"right": 0.25})}}))
    np.testing.assert_array_equal(pool.objectives["right"], [[0.5, 0.0], [1.0, 0.25]])
    np.testing.assert_array_equal(pool.objectives["short"], [[np.nan, np.nan], [0.2, np.nan]])


def test_a_parents_objectives_on_train_rows_count_as_evidence_and_not_as_validation() -> None:
    mutation = Proposal(
        kind="mutation",
        parents=(0,),
        candidate=None,
        verdict="rejected",
        reason="test",
        rows=train_rows(2),
        before=(0.0, 0.0),
        before_objectives=({"right": 0.0}, {"right": 0.0}),
    )
    before = seeded({"right": 1.0}, {"right": 1.0})
    after = before.commit(mutation, spent=4)
    np.testing.assert_array_equal(after.objectives["right"], before.objectives["right"])
    assert after.objective_beliefs["right"].mean[0] < before.objective_beliefs["right"].mean[0]


def test_objectives_are_estimated_each_by_itself() -> None:
    pool = seeded({"right": 1.0, "short": -120.0}, {"right": 0.0, "short": -80.0}, {"short": -95.0})
    assert list(pool.objective_beliefs) == ["right", "short"]
    for name, belief in pool.objective_beliefs.items():
        np.testing.assert_array_equal(belief.mean, estimate(pool.all_objectives[name], [()]).mean)


def test_the_pool_before_keeps_its_own_objectives() -> None:
    before = seeded({"right": 1.0}, {})
    before.evaluated(evaluation(0, {"right": 0.0}, {"right": 0.0}))
    np.testing.assert_array_equal(before.objectives["right"], [[1.0, np.nan]])
