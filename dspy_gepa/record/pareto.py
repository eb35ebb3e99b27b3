"""Pareto dominance between points with several values."""

from __future__ import annotations

from collections.abc import Sequence
from operator import ge, gt


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points that no other one dominates: at least as good in all, better in one.

    Higher is better. A NaN is neither better nor worse than anything, so that a point with one beats none.
    """
    return [i for i, point in enumerate(points) if not any(_beats(other, point) for other in points)]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(map(ge, one, other)) and any(map(gt, one, other))
