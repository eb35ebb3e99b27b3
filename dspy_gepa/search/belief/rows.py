"""Weights and groups of the rows.

All functions are pure. Rows are identified by their column in the pool's matrix of scores.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.frontier import Scores

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RowWeights:
    """Weights and groups of the rows, each in the order of the pool's columns.

    Attributes:
        weights: Weight of each row, 1 on average. Shape (rows,); None if all are equal.
        groups: Group of each row; empty without groups.
    """

    weights: NDArray[np.float64] | None = None
    groups: tuple[str, ...] = ()

    def weigh(self, columns: Sequence[int], scores: Sequence[float]) -> tuple[float, ...]:
        """Return the scores on some rows, each times the weight of its row."""
        if self.weights is None:
            return tuple(scores)
        return tuple(float(self.weights[c]) * score for c, score in zip(columns, scores, strict=True))

    def weighted(self, scores: Scores) -> Scores:
        """Return a matrix of scores on the first rows, weighted. Shape (members, first rows)."""
        return scores if self.weights is None else scores * self.weights[: scores.shape[1]]

    def mean(self, scores: Scores) -> float:
        """Return the weighted mean over the first rows whose score is known; NaN if none is."""
        known = np.flatnonzero(~np.isnan(scores)).tolist()
        total = math.fsum(self.weigh(known, [1.0] * len(known)))
        return math.fsum(self.weigh(known, scores[known].tolist())) / total if known else math.nan

    def group(self, column: int) -> str:
        """Return the group of a row; "" without groups."""
        return self.groups[column] if self.groups else ""


EVEN = RowWeights()


def interleaved(items: Sequence[T], group: Callable[[T], str]) -> list[T]:
    """Return the items with their groups evenly spread: each has its share of any number of first items.

    The order within a group stays, and with one group nothing changes.
    """
    labels = [group(item) for item in items]
    sizes, seen = Counter(labels), Counter[str]()
    places = []
    for label in labels:
        places.append((seen[label] + 0.5) / sizes[label])
        seen[label] += 1
    return [items[i] for i in sorted(range(len(items)), key=places.__getitem__)]
