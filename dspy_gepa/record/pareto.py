"""Pareto dominance between points with several values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import ge, gt


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points that no other one dominates: at least as good in all, better in one.

    Higher is better. A NaN is neither better nor worse than anything, so that a point with one beats none.
    """
    complete = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    front: list[int] = []
    # What beats a point comes before it in this order, and whatever beats a beaten point beats it as well.
    for i in sorted(complete, key=lambda i: tuple(points[i]), reverse=True):
        if not any(_beats(points[other], points[i]) for other in front):
            front.append(i)
    return sorted({*range(len(points))} - {*complete} | {*front})


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(map(ge, one, other)) and any(map(gt, one, other))
