"""Algorithm 2: which members of the pool deserve to be a parent.

All functions are pure and take a score matrix of shape (members, rows); NaN marks a row that a member
was not run on, which can never win.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Wins = NDArray[np.bool_]


def winners(scores: Scores) -> Wins:
    """For every row the members with the best score on it, ties kept. Shape (members, rows)."""
    best = np.fmax.reduce(scores, axis=0)  # passes over NaN
    wins: Wins = (scores == best) & np.isfinite(best)
    return wins


def undominated(wins: Wins) -> NDArray[np.bool_]:
    """Members that win some row and whose rows are not a proper subset of those of one other member.

    Paper and artifact differ here. The paper drops a candidate when *another candidate* is best wherever
    it is best and somewhere else too. The artifact (and the reference) drop a candidate whose every front
    also holds *some* surviving candidate: a set cover, which depends on the order of removal and can lose
    a member that nobody dominates. We follow the paper. Members that win exactly the same rows stay.
    """
    sizes = wins.sum(axis=1)
    order = np.argsort(sizes, kind="stable")
    # In bits: the members that win most and the rows that fewest win stand highest, to be looked at first.
    ranked = wins[order][:, np.argsort(-wins.sum(axis=0), kind="stable")]
    won, by_row = _bits(ranked), _bits(ranked.T)
    larger = np.searchsorted(sizes[order], sizes[order], side="right").tolist()
    keep = np.empty(len(wins), dtype=np.bool_)
    keep[order] = [
        mine > 0 and not _is_subset(mine, won, by_row, first) for mine, first in zip(won, larger, strict=True)
    ]
    return keep


def _is_subset(mine: int, won: Sequence[int], by_row: Sequence[int], first: int) -> bool:
    """Whether a member from number `first` on wins all rows of `mine`. Sets are ints, a bit for each element.

    A rival that misses a row goes, and with it all others that miss that row, so that a few looks settle it.
    """
    rivals = by_row[mine.bit_length() - 1] >> first << first
    while rivals:
        missed = mine & ~won[rivals.bit_length() - 1]
        if not missed:
            return True
        rivals &= by_row[missed.bit_length() - 1]
    return False


def _bits(sets: Wins) -> list[int]:
    """Each line of a matrix as one int: arithmetic on a thousand members or rows at a time."""
    packed = np.packbits(np.ascontiguousarray(sets), axis=1, bitorder="little")
    return [int.from_bytes(line, "little") for line in packed]


def frontier(scores: Scores) -> dict[int, int]:
    """The non-dominated members, each with the number of rows it wins, in order of discovery."""
    wins = winners(scores)
    kept = np.flatnonzero(undominated(wins))
    return dict(zip(kept.tolist(), wins[kept].sum(axis=1).tolist(), strict=True))


def sample_parent(scores: Scores, rng: Random, weights: NDArray[np.float64] | None = None) -> int:
    """Draw a member of the frontier with probability in proportion to the rows it wins, or their weights."""
    wins = frontier(scores)
    chances = list(wins.values()) if weights is None else (winners(scores)[list(wins)] @ weights).tolist()
    return rng.choices(list(wins), weights=chances)[0]


def best_on_average(scores: Scores) -> int:
    """The member with the best mean; the earliest one on ties.

    The mean is only comparable between members that were run on the same rows, so members that miss rows
    are left out; the seed is always complete.
    """
    rough = scores.sum(axis=1)
    slack = 1e-9 * np.fmax.reduce(np.abs(scores).sum(axis=1))
    close = np.flatnonzero(rough >= np.fmax.reduce(rough) - slack).tolist()
    # fsum: a sum that depends on the order of its terms would break ties by rounding.
    return max(close, key=lambda i: math.fsum(scores[i]), default=0)
