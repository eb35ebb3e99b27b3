"""What is told of scores keeps to 0 to 1 where every score does; the belief is normal and knows no range."""

from __future__ import annotations

import numpy as np

from dspy_gepa.search.frontier import Scores

Interval = tuple[float, float]
NO_BOUNDS: Interval = (-np.inf, np.inf)


def bounds_of(scores: Scores) -> Interval:
    """The lowest and the highest score there can be: 0 and 1 where all that are known lie there."""
    known = scores[~np.isnan(scores)]
    return (0.0, 1.0) if len(known) and known.min() >= 0 and known.max() <= 1 else NO_BOUNDS


def within(value: float, bounds: Interval) -> float:
    """The value, or the bound beyond which it lies."""
    low, high = bounds
    return min(max(value, low), high)


def interval_within(interval: Interval, bounds: Interval) -> Interval:
    """The part of the interval that is within the bounds."""
    return within(interval[0], bounds), within(interval[1], bounds)


def gain_bounds(bounds: Interval) -> Interval:
    """The bounds of the difference of two scores."""
    low, high = bounds
    return low - high, high - low
