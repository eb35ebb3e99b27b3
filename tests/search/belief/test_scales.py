"""The scales of the model are found, whatever members inherit from each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search.belief.scales import Array, _left_over, fit_scales
from tests.search.support_lineages import NAN, lineage, runs


@pytest.mark.parametrize("kind", ["graded", "normal"])
def test_the_scales_of_a_large_run_are_found(kind: str) -> None:
    rng = np.random.default_rng(3)
    parents = lineage(60, rng)
    worth = np.full(60, 0.5)
    for i, origin in enumerate(parents[1:], start=1):
        worth[i] = worth[list(origin)].mean() + rng.normal(0.05, 0.15)
    scores = worth[:, None] + rng.normal(0, 0.3, 80) + rng.normal(0, 0.2, (60, 80))
    if kind == "graded":
        scores[rng.random(scores.shape) < 0.5] = NAN
    scales = fit_scales(scores, parents)
    assert scales.noise == pytest.approx(0.2, rel=0.05)
    assert scales.row == pytest.approx(0.3, rel=0.2)
    assert scales.drift == pytest.approx(0.15, rel=0.25)
    assert scales.drift_mean == pytest.approx(0.05, abs=0.04)


def test_children_near_their_parents_do_not_make_the_drift_of_others_smaller() -> None:
    rng = np.random.default_rng(4)
    parents, worth = [(), *[(i // 2,) for i in range(40)]], np.zeros(41)
    for i, (parent,) in enumerate(parents[1:], start=1):
        worth[i] = worth[parent] + rng.normal(0, 0.2)
    scores = worth[:, None] + rng.normal(0, 0.1, (41, 60))
    twins = scores + rng.normal(0, 0.01, scores.shape)
    both, descent = np.vstack([scores, twins]), [*parents, *[(i,) for i in range(41)]]
    trimmed = range(41, 82)
    drift = fit_scales(scores, parents).drift
    assert fit_scales(both, descent, trimmed=trimmed).drift == pytest.approx(drift, rel=0.1)
    assert fit_scales(both, descent).drift < 0.85 * drift


def additive_fit(scores: Array, share: Array) -> tuple[float, float]:
    """What the weighted least squares fit of members and rows leaves, by its projection matrix."""
    who, where = np.nonzero(~np.isnan(scores))
    design = np.hstack([np.eye(len(scores))[who], np.eye(scores.shape[1])[where]])
    root = np.sqrt(share[where])
    design, values = design * root[:, None], scores[who, where] * root
    projection = design @ np.linalg.pinv(design)
    left = values - projection @ values
    return float(left @ left), float((root**2) @ (1 - projection.diagonal()))


@settings(deadline=None)
@given(runs(), st.lists(st.floats(0.2, 5), min_size=5, max_size=5))
def test_what_members_and_rows_leave_open_is_that_of_least_squares(
    run: tuple[Array, list[tuple[int, ...]]], weights: list[float]
) -> None:
    scores, _ = run
    share = np.array(weights[: scores.shape[1]])
    np.testing.assert_allclose(_left_over(scores, share), additive_fit(scores, share), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows_of_a_child", ["its parent's", "others"])
def test_children_that_fail_where_their_parents_do_make_the_noise_no_smaller(rows_of_a_child: str) -> None:
    # Each changes what a tenth of the rows come to, so that a child and its parent differ on few rows, and
    # any two of many on most: a member's own chance is the latter.
    rng = np.random.default_rng(0)
    members, rows = 80, 120
    up = [int(rng.integers(max(0, i - 5), i)) for i in range(1, members)]
    parents: list[tuple[int, ...]] = [(), *((parent,) for parent in up)]
    scores = np.empty((members, rows))
    scores[0] = rng.random(rows) < 0.5
    for i, parent in enumerate(up, start=1):
        redrawn = rng.random(rows) < 0.1
        scores[i] = np.where(redrawn, rng.random(rows) < 0.5, scores[parent])
    run = scores.copy()
    if rows_of_a_child == "others":
        for i in range(members):
            run[i, np.arange(rows) % 3 != i % 3] = NAN
    apart = [np.std(scores[i] - scores[j]) / 2**0.5 for i in range(0, members, 9) for j in range(0, i, 9)]
    pairs = [np.std(scores[i] - scores[parent]) / 2**0.5 for i, parent in enumerate(up, start=1)]
    assert np.mean(pairs) < 0.5 * np.mean(apart)
    assert fit_scales(run, parents).noise == pytest.approx(np.mean(apart), rel=0.2)


def test_the_noise_of_a_member_alone_is_the_usual_one() -> None:
    scales = fit_scales(np.array([[0.0, 1.0, 1.0, 0.0, 1.0, 0.0]]), [()])
    assert scales.noise**2 / (scales.noise**2 + scales.row**2) == pytest.approx(0.7)
