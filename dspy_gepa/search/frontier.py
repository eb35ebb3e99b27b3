"""Algorithm 2: choosing a candidate from the Pareto frontier.

All functions are pure and take a score matrix of shape (members, rows); NaN marks a row that a member
was not run on, which never wins.
"""

from __future__ import annotations

import math
from random import Random

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Wins = NDArray[np.bool_]


def winners(scores: Scores) -> Wins:
    """Return for every row the members with the best score on it, ties kept. Shape (members, rows)."""
    best = np.fmax.reduce(scores, axis=0)  # Alg. 2, line 4; NaN is passed over
    wins: Wins = (scores == best) & np.isfinite(best)  # Alg. 2, line 5
    return wins


def undominated(wins: Wins) -> NDArray[np.bool_]:
    """Return the members that win a row and are not dominated (Algorithm 2, lines 7 to 11).

    A member is dominated if the rows it wins are a proper subset of the rows that one other member wins.
    Paper and artifact differ here. The paper drops a candidate when *another candidate* is best wherever
    it is best and somewhere else too. The artifact (and the reference) drop a candidate whose every front
    also holds *some* surviving candidate: a set cover, which depends on the order of removal and can lose
    a member that nobody dominates. We follow the paper. Members that win exactly the same rows stay.
    """
    sizes = wins.sum(axis=1)
    shared = wins.astype(np.float32) @ wins.T.astype(np.float32)  # exact for up to 2^24 rows
    inside = (shared == sizes[:, None]) & (sizes[None, :] > sizes[:, None])
    return np.asarray((sizes > 0) & ~inside.any(axis=1))


def frontier(scores: Scores) -> dict[int, int]:
    """Return the non-dominated members with the number of rows each wins, in order of discovery."""
    wins = winners(scores)
    kept = np.flatnonzero(undominated(wins))  # Alg. 2, line 12
    return dict(zip(kept.tolist(), wins[kept].sum(axis=1).tolist(), strict=True))  # Alg. 2, line 13


def sample_parent(scores: Scores, rng: Random, weights: NDArray[np.float64] | None = None) -> int:
    """Draw a member of the frontier in proportion to the rows it wins, or to their weights."""
    wins = frontier(scores)
    chances = list(wins.values()) if weights is None else (winners(scores)[list(wins)] @ weights).tolist()
    return rng.choices(list(wins), weights=chances)[0]  # Alg. 2, lines 14 and 15


def best_on_average(scores: Scores) -> int:
    """Return the member with the best mean; the earliest one on ties.

    Means are comparable only between members that were run on the same rows, so members that miss rows are
    left out; the original misses none.
    """
    rough = scores.sum(axis=1)
    slack = 1e-9 * np.fmax.reduce(np.abs(scores).sum(axis=1))
    close = np.flatnonzero(rough >= np.fmax.reduce(rough) - slack).tolist()
    # fsum: a sum that depends on the order of its terms would break ties by rounding.
    return max(close, key=lambda i: math.fsum(scores[i]), default=0)
