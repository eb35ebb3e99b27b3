"""The arithmetic of the comparison: means over worlds, paired differences, optimism."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

import numpy as np
from scipy import stats

from benchmarks.peers.results import Point, Results

RESAMPLES = 4000
LEVEL = 0.9  # of the intervals that are reported


@dataclass(frozen=True)
class Estimate:
    """A mean with the interval that holds it with 95 % confidence; None when there are too few values."""

    mean: float
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.mean:+.3f}"
        return f"{self.mean:+.3f} [{self.interval[0]:+.3f}, {self.interval[1]:+.3f}]"


def mean_over_worlds(by_world: Sequence[Sequence[float]]) -> Estimate | None:
    """The mean over worlds of the mean over seeds; None when there is nothing.

    by_world: values, a sequence for each world, that may be resampled within it. The interval is a
        bootstrap that draws seeds and leaves the worlds as they are: these worlds are the population.
    """
    if not by_world:
        return None
    mean = fmean(map(fmean, by_world))
    if min(map(len, by_world)) < 2:
        return Estimate(mean, None)
    if all(len(set(values)) == 1 for values in by_world):
        return Estimate(mean, (mean, mean))
    # SciPy resamples each of several samples by itself, which is stratification by world.
    found = stats.bootstrap(
        [np.asarray(values) for values in by_world],
        lambda *samples, axis: np.mean([np.mean(sample, axis=axis) for sample in samples], axis=0),
        n_resamples=RESAMPLES,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(mean, (float(found.low), float(found.high)))


def differences(
    results: Results, ours: tuple[str, int | None], peer: tuple[str, int | None]
) -> dict[str, list[float]]:
    """Test score of one arm at a budget minus another's at its own, by world, for seeds that both have."""
    theirs = {(point.world, point.seed): point.test for point in results.at(*peer)}
    found: dict[str, list[float]] = {}
    for point in results.at(*ours):
        if point.world in results.gaining and (point.world, point.seed) in theirs:
            difference = point.test - theirs[point.world, point.seed]
            found.setdefault(point.world, []).append(difference)
    return found


def difference(
    results: Results, ours: tuple[str, int | None], peer: tuple[str, int | None]
) -> Estimate | None:
    """The mean paired difference; None when no world and seed has both."""
    return mean_over_worlds(list(differences(results, ours, peer).values()))


def optimism(results: Results, arm: str, budget: int | None) -> Estimate | None:
    """How much higher the reported scores are than the test scores; None when none is reported."""
    claims = [
        [p.reported - p.test for p in results.at(arm, budget, world) if p.reported is not None]
        for world in results.worlds
    ]
    return mean_over_worlds([values for values in claims if values])


def coverage(points: Sequence[Point]) -> float | None:
    """The share of reported 90 % intervals that hold the test score; None when there are no intervals.

    The test score is a mean over few rows. Its own error is added to the interval, as that of a difference
    between two independent estimates, since it is the truth behind it that the interval is for.
    """
    held = [_holds(p.interval, p.test, p.test_error) for p in points if p.interval]
    return fmean(held) if held else None


def _holds(interval: tuple[float, float], test: float, error: float) -> bool:
    low, high = interval
    reach = math.hypot((high - low) / 2, NormalDist().inv_cdf((1 + LEVEL) / 2) * error)
    return abs(test - (low + high) / 2) <= reach


def plain_mean(by_world: Sequence[Sequence[float]], worlds: int) -> float | None:
    """The mean over worlds of the mean over seeds; None unless all the worlds are there."""
    return fmean(map(fmean, by_world)) if worlds and len(by_world) == worlds else None
