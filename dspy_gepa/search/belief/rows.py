"""What is known of the rows before anything is run: how much each counts, and which group it belongs to.

All functions are pure. Rows go by their column in the pool's matrix of scores.
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
        weights: How much each counts, 1 on average. Shape (rows,); None where all count the same.
        groups: The group of each; empty where there are none.
    """

    weights: NDArray[np.float64] | None = None
    groups: tuple[str, ...] = ()

    def weigh(self, columns: Sequence[int], scores: Sequence[float]) -> tuple[float, ...]:
        """The scores on some rows, each times the weight of its row: what a gate adds up."""
        if self.weights is None:
            return tuple(scores)
        return tuple(float(self.weights[c]) * score for c, score in zip(columns, scores, strict=True))

    def weighted(self, scores: Scores) -> Scores:
        """The same for a matrix of the first rows. Shape (members, first rows)."""
        return scores if self.weights is None else scores * self.weights[: scores.shape[1]]

    def mean(self, scores: Scores) -> float:
        """The weighted mean over those of the first rows whose score is known; NaN when none is."""
        known = np.flatnonzero(~np.isnan(scores)).tolist()
        total = math.fsum(self.weigh(known, [1.0] * len(known)))
        return math.fsum(self.weigh(known, scores[known].tolist())) / total if known else math.nan

    def group(self, column: int) -> str:
        """The group of a row; "" where there are none."""
        return self.groups[column] if self.groups else ""


EVEN = RowWeights()


def interleaved(items: Sequence[T], group: Callable[[T], str]) -> list[T]:
    """The items with their groups evenly spread: each has its share of any number of first items.

    Within a group the order stays, and with one group nothing changes.
    """
    labels = [group(item) for item in items]
    sizes, seen = Counter(labels), Counter[str]()
    places = []
    for label in labels:
        places.append((seen[label] + 0.5) / sizes[label])
        seen[label] += 1
    return [items[i] for i in sorted(range(len(items)), key=places.__getitem__)]
