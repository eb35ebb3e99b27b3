"""Beliefs that are held to a range."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.belief.bounded import UNBOUNDED, WIDER, Bounded, within
from dspy_gepa.search.belief.scales import Array

MEANS = st.floats(-3, 4)
SDS = st.floats(1e-6, 10)


@given(mean=MEANS, sd=SDS, level=st.floats(0.01, 0.99))
def test_mean_and_interval_lie_in_the_range(mean: float, sd: float, level: float) -> None:
    belief = Bounded(mean, sd, (0.0, 1.0))
    low, high = belief.interval(level)
    assert 0.0 <= low <= high <= 1.0
    assert 0.0 <= belief.expected <= 1.0


@given(mean=MEANS, sd=SDS)
def test_without_a_range_it_is_the_normal(mean: float, sd: float) -> None:
    belief, normal = Bounded(mean, sd), NormalDist(mean, WIDER * sd)
    assert belief.expected == pytest.approx(mean)
    assert belief.interval(0.8) == pytest.approx((normal.inv_cdf(0.1), normal.inv_cdf(0.9)))


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.1), (0.95, 0.1), (0.02, 0.3), (1.2, 0.2), (-0.4, 0.1)])
def test_it_is_the_normal_given_the_range(mean: float, sd: float) -> None:
    grid = np.linspace(0.0, 1.0, 200_001)

    def mass(sd: float) -> Array:
        squares = ((grid - mean) / sd) ** 2
        density = np.exp(-0.5 * (squares - squares.min()))
        return np.asarray(density / density.sum())

    belief = Bounded(mean, sd, (0.0, 1.0))
    assert belief.expected == pytest.approx(float(grid @ mass(sd)), abs=1e-4)
    below = np.cumsum(mass(WIDER * sd))
    ends = (float(grid[np.searchsorted(below, share)]) for share in (0.05, 0.95))
    assert belief.interval() == pytest.approx(tuple(ends), abs=1e-4)


@given(mean=MEANS, sd=SDS)
def test_its_mirror_image_is_mirrored(mean: float, sd: float) -> None:
    one, other = Bounded(mean, sd, (0.0, 1.0)), Bounded(1 - mean, sd, (0.0, 1.0))
    assert one.expected == pytest.approx(1 - other.expected, abs=1e-6)
    low, high = one.interval()
    assert other.interval() == pytest.approx((1 - high, 1 - low), abs=1e-6)


@pytest.mark.parametrize(("mean", "nearest"), [(0.3, 0.3), (1.7, 1.0), (-2.0, 0.0)])
def test_a_known_value_is_the_nearest_of_the_range(mean: float, nearest: float) -> None:
    belief = Bounded(mean, 0.0, (0.0, 1.0))
    assert belief.expected == pytest.approx(nearest)
    assert belief.interval() == pytest.approx((nearest, nearest))


def test_scores_lie_within_a_range_or_not() -> None:
    scores = np.array([[0.0, math.nan], [1.0, 0.5]])
    assert within((0.0, 1.0), scores)
    assert within(UNBOUNDED, scores)
    assert not within((0.0, 0.9), scores)
    assert within((0.0, 1.0), np.full((2, 2), math.nan))
