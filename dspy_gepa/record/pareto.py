"""Which of several are worth choosing from when more than one thing counts."""

from __future__ import annotations

from collections.abc import Sequence
from operator import ge, gt


def undominated(points: Sequence[Sequence[float]]) -> list[int]:
    """The points that no other one beats, by index: none is at least as good in all, and better in one.

    Higher is better. A NaN is neither better nor worse than anything, so that a point with one beats none.
    """
    return [i for i, point in enumerate(points) if not any(_beats(other, point) for other in points)]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(map(ge, one, other)) and any(map(gt, one, other))
