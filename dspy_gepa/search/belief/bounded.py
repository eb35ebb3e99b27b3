"""A normal belief about a score that cannot leave the range of its metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Range: TypeAlias = tuple[float, float]
"""Lowest and highest possible value."""

UNBOUNDED: Range = (-math.inf, math.inf)
# Reported intervals are this much wider than the model's. It takes rewritings for alike and scores for
# equally noisy, and the returned member is the one that looked best: errors in simulated runs are that large.
WIDER = 1.25
_STANDARD = NormalDist()


@dataclass(frozen=True)
class Bounded:
    """The normal distribution N(mean, sd^2) given that the value lies in `bounds`.

    A prior that excludes values outside the range, times a normal likelihood, gives this posterior. It is
    skewed near an end of the range, where an interval becomes narrower on that side.

    Attributes:
        mean: Mean before the condition.
        sd: Standard deviation before the condition; 0 for a value that is known.
        bounds: The range.
    """

    mean: float
    sd: float
    bounds: Range = UNBOUNDED

    @property
    def expected(self) -> float:
        """Mean of the distribution. Lies in the range."""
        low, high = self._ends
        mass = self._mass
        if not mass:
            return self._nearest
        shift = (_STANDARD.pdf(low) - _STANDARD.pdf(high)) / mass
        return self._inside(self.mean + self._sign * self.sd * shift)

    def interval(self, level: float = 0.9) -> Range:
        """Return the central interval that holds the value with probability `level`. Lies in the range."""
        wide = replace(self, sd=WIDER * self.sd)
        ends = sorted((wide._quantile((1 - level) / 2), wide._quantile((1 + level) / 2)))
        return ends[0], ends[1]

    def _quantile(self, share: float) -> float:
        below, mass = _STANDARD.cdf(self._ends[0]), self._mass
        if not mass:
            return self._nearest
        return self._inside(self.mean + self._sign * self.sd * _STANDARD.inv_cdf(below + share * mass))

    # Far from the mean only the lower tail of a normal differs from 0 in a float. The mirror image is
    # computed where the mean lies under the range.
    @property
    def _sign(self) -> int:
        return -1 if self.mean < self.bounds[0] else 1

    @property
    def _ends(self) -> Range:
        """The range in standard deviations from the mean, mirrored where the mean lies under it."""
        if not self.sd:
            return UNBOUNDED
        low, high = ((end - self.mean) / self.sd for end in self.bounds)
        return (low, high) if self._sign == 1 else (-high, -low)

    @property
    def _mass(self) -> float:
        """Probability of the range before the condition; 0 if it is too small for a float."""
        low, high = self._ends
        return _STANDARD.cdf(high) - _STANDARD.cdf(low)

    @property
    def _nearest(self) -> float:
        return self._inside(self.mean)

    def _inside(self, value: float) -> float:
        return min(max(value, self.bounds[0]), self.bounds[1])


def within(bounds: Range, scores: NDArray[np.float64]) -> bool:
    """Return True if no score lies outside the range. NaN stands for no score."""
    low, high = bounds
    return not bool(((scores < low) | (scores > high)).any())
