"""The belief of many members: the same as with its covariance at hand, from sparse equations."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search.belief import iterative
from dspy_gepa.search.belief.equations import Equations
from dspy_gepa.search.belief.estimate import MOST_DENSE, dense, estimate
from dspy_gepa.search.belief.iterative import IterativeBelief
from dspy_gepa.search.belief.scales import Array, Scales, fit_scales
from dspy_gepa.search.table import Table
from tests.search.support_lineages import lineage, runs, simulate

SCALES = Scales(noise=0.4, row=0.25, drift=0.1, drift_mean=0.02)
SOME_SCALES = st.sampled_from([SCALES, Scales(0.1, 0.0, 0.3, -0.1), Scales(0.5, 1.0, 0.05, 0.0)])


def large(members: int, rows: int, each: int) -> tuple[Array, list[tuple[int, ...]]]:
    """The scores of a run that tried each member on few rows."""
    rng = np.random.default_rng(members)
    scores = np.full((members, rows), np.nan)
    for line in scores:
        line[rng.choice(rows, each, replace=False)] = rng.random(each) < 0.6
    return scores, lineage(members, rng)


@settings(deadline=None)
@given(runs(), SOME_SCALES, st.integers(1, 5), st.lists(st.floats(0.1, 10), min_size=5, max_size=5))
def test_products_are_those_of_the_matrix(
    run: tuple[Array, list[tuple[int, ...]]], scales: Scales, every: int, weights: list[float]
) -> None:
    scores, parents = run
    trimmed = [i for i, up in enumerate(parents) if len(up) == 1][::every]
    equations = Equations(Table.of(scores), parents, trimmed, scales, np.array(weights[: scores.shape[1]]))
    matrix = equations.dense()
    products = np.array([equations.times(unit) for unit in np.eye(equations.size)])
    np.testing.assert_allclose(products, matrix, rtol=1e-9, atol=1e-9 * matrix.max())
    np.testing.assert_allclose(matrix.diagonal(), equations.diagonal, rtol=1e-9)
    np.testing.assert_allclose(matrix, matrix.T)


@settings(deadline=None)
@given(runs(), SOME_SCALES)
def test_means_and_variances_are_those_of_the_covariance(
    run: tuple[Array, list[tuple[int, ...]]], scales: Scales
) -> None:
    scores, parents = run
    equations = Equations(Table.of(scores), parents, [], scales, None)
    exact, found = dense(equations), IterativeBelief(equations)
    np.testing.assert_allclose(found.mean, exact.mean, atol=1e-6)
    np.testing.assert_allclose(found.variances(), exact.variances(), rtol=1e-6)
    # The solver ends at a residual of a thousandth; the error of a variance can be a little more.
    for member in range(len(parents)):
        assert found.variance(member) == pytest.approx(exact.variance(member), rel=5e-3)
        assert found.variance(member, 0) == pytest.approx(exact.variance(member, 0), rel=5e-3, abs=1e-9)


def test_a_long_run_is_believed_as_with_the_covariance() -> None:
    scores, parents = large(400, 150, 14)
    equations = Equations(Table.of(scores), parents, [7, 9], fit_scales(scores, parents), None)
    exact, found = dense(equations), IterativeBelief(equations)
    np.testing.assert_allclose(found.mean, exact.mean, atol=1e-6)
    assert found.mean.argmax() == exact.mean.argmax()
    for member in (1, 50, 399):
        assert found.score(member).interval() == pytest.approx(exact.score(member).interval(), abs=1e-5)
        better = exact.probability_better(member, parents[member][0])
        assert found.probability_better(member, parents[member][0]) == pytest.approx(better, abs=1e-5)


def test_many_gains_are_compared_as_one_by_one() -> None:
    scores, parents = large(200, 60, 9)
    equations = Equations(Table.of(scores), parents, [], fit_scales(scores, parents), None)
    found, exact = IterativeBelief(equations), dense(equations)
    pairs = [(8, 0), (8, 8), (0, 8), (199, parents[199][0]), (150, 3)]
    alone = [found.probability_better(*pair) for pair in pairs]
    assert found.probabilities_better(pairs) == pytest.approx(alone, rel=1e-12)
    assert exact.probabilities_better(pairs) == pytest.approx(alone, abs=1e-5)
    assert found.probabilities_better([]) == []


def test_draws_have_the_mean_and_the_covariance() -> None:
    run = simulate("binary", 5, 12, 6, np.random.default_rng(2))
    weights = np.linspace(0.5, 2.0, 12)
    equations = Equations(Table.of(run.scores), run.parents, [], fit_scales(run.scores, run.parents), weights)
    draws = IterativeBelief(equations).draw(Random(7), 20_000)
    exact = dense(equations)
    np.testing.assert_allclose(draws.mean(axis=0), exact.mean, atol=0.005)
    np.testing.assert_allclose(np.cov(draws.T), exact.covariance, atol=0.0012)


def test_the_same_random_state_gives_the_same_draw() -> None:
    belief = estimate(*large(MOST_DENSE + 1, 40, 5))
    assert isinstance(belief, IterativeBelief)
    np.testing.assert_array_equal(belief.draw(Random(3), 2), belief.draw(Random(3), 2))
    assert (belief.draw(Random(3)) != belief.draw(Random(4))).any()


def test_equations_that_iterations_do_not_solve_are_solved_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, parents = large(60, 30, 5)
    equations = Equations(Table.of(scores), parents, [], SCALES, None)
    monkeypatch.setattr(iterative, "PATIENCE", 2)
    np.testing.assert_allclose(IterativeBelief(equations).mean, dense(equations).mean, atol=1e-9)


def test_few_iterations_are_enough_in_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    products, times = [], Equations.times
    monkeypatch.setattr(Equations, "times", lambda self, x: products.append(1) or times(self, x))
    belief = estimate(*large(800, 300, 14), scales=SCALES)
    assert np.isfinite(belief.mean).all()
    assert len(products) < 200
