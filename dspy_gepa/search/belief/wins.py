"""Which members are the best ones on rows, were there no chance: the frontier that noise does not make.

Symbols are those of `dspy_gepa.search.belief.estimate`.
"""

from __future__ import annotations

from random import Random

import numpy as np

from dspy_gepa.search.belief.estimate import Belief
from dspy_gepa.search.belief.scales import Array, observed
from dspy_gepa.search.frontier import Scores

# The share of e_ir's variance that is the member's own way with the row and would be there in a second run.
# One run for each member and row cannot tell it from chance, so it is fixed where neither is favoured.
PERSISTENT = 0.5


def frontier_wins(
    scores: Scores, belief: Belief, rng: Random, count: int = 64, weights: Array | None = None
) -> Array:
    """Over how many rows each member is expected to be the best one, were there no chance. Shape (members,).

    A frontier of observed scores belongs to whoever was lucky on a row. Here e_ir is the member's own way
    with the row, of variance PERSISTENT noise^2, and chance, so that an observation is believed to that share
    and a row that was not run is open. The best on each row is looked up in joint draws of all unknowns.

    Args:
        scores: Shape (members, rows), NaN where a member was not run; as handed to `estimate`.
        belief: What `estimate` made of them.
        rng: Source of the draws.
        count: Number of draws.
        weights: How many rows each counts for; None for one.
    """
    noise, (seen, known, weight) = belief.scales.noise, observed(scores, belief.scales)
    seen, known = seen.T.copy(), known.T.copy()  # by row: the fast way to look for the best member
    believed = PERSISTENT * seen
    deviation = noise * np.sqrt(PERSISTENT * (1 - believed))
    worths, generator = belief.draw(rng, count), np.random.default_rng(rng.getrandbits(128))
    # Given the worths, rows are independent, each of ease N(w_r sum of residuals, w_r noise^2).
    eases = weight * (known.sum(axis=1) - worths @ seen.T)
    eases += noise * np.sqrt(weight) * generator.standard_normal(eases.shape)
    wins = np.zeros(len(scores))
    for worth, ease in zip(worths, eases, strict=True):
        value = worth + believed * (known - worth - ease[:, None])
        value += deviation * generator.standard_normal(seen.shape)
        wins += np.bincount(value.argmax(axis=1), weights=weights, minlength=len(wins))
    return wins / count
