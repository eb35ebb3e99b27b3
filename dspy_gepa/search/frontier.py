"""Algorithm 2: which members of the pool deserve to be a parent.

All functions are pure and take a score matrix of shape (members, rows); NaN marks a row that a member
was not run on, which can never win.
"""

from __future__ import annotations

import math
from random import Random

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Wins = NDArray[np.bool_]


def winners(scores: Scores) -> Wins:
    """For every row the members with the best score on it, ties kept. Shape (members, rows)."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    best = known.max(axis=0, keepdims=True)
    wins: Wins = (known == best) & np.isfinite(best)
    return wins


def undominated(wins: Wins) -> NDArray[np.bool_]:
    """Members that win some row and whose rows are not a proper subset of those of one other member.

    Paper and artifact differ here. The paper drops a candidate when *another candidate* is best wherever
    it is best and somewhere else too. The artifact (and the reference) drop a candidate whose every front
    also holds *some* surviving candidate: a set cover, which depends on the order of removal and can lose
    a member that nobody dominates. We follow the paper. Members that win exactly the same rows stay.
    """
    keep = np.asarray(wins.any(axis=1))
    contenders = np.flatnonzero(keep)
    sets, inverse = np.unique(wins[contenders], axis=0, return_inverse=True)
    shared = sets.astype(np.float32) @ sets.T.astype(np.float32)
    sizes = sets.sum(axis=1)
    is_subset = shared == sizes[:, None]
    is_proper = sizes[None, :] > sizes[:, None]
    keep[contenders] = ~(is_subset & is_proper).any(axis=1)[inverse.reshape(-1)]
    return keep


def frontier(scores: Scores) -> dict[int, int]:
    """The non-dominated members, each with the number of rows it wins, in order of discovery."""
    wins = winners(scores)
    kept = undominated(wins)
    return {int(i): int(wins[i].sum()) for i in np.flatnonzero(kept)}


def sample_parent(scores: Scores, rng: Random) -> int:
    """Draw a member of the frontier with probability in proportion to the rows it wins."""
    weights = frontier(scores)
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def best_on_average(scores: Scores) -> int:
    """The member with the best mean; the earliest one on ties.

    The mean is only comparable between members that were run on the same rows, so members that miss rows
    are left out; the seed is always complete.
    """
    # fsum: a sum that depends on the order of its terms would break ties by rounding.
    sums = [-math.inf if np.isnan(row).any() else math.fsum(row) for row in scores]
    return sums.index(max(sums))
