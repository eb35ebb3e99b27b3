"""The frontier of the members: observed wins, and wins expected without noise.

A track is a column on which one member can be the best: a validation row, an objective, or an objective on a
row. The names of the kinds are those of the gepa package, the symbols those of `estimate`.
"""

from __future__ import annotations

from random import Random
from typing import Literal, TypeVar

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search.belief.estimate import Belief
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.belief.scales import Array, observed
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.pool import Pool

FrontierType = Literal["instance", "objective", "hybrid", "cartesian"]
DRAWS = 64
# Share of e_ir's variance that is an effect of the member on the row and would recur in a second run. One run
# per member and row cannot separate it from chance, so it is fixed where neither is favoured.
PERSISTENT = 0.5
T = TypeVar("T")


def observed_tracks(pool: Pool, kind: FrontierType) -> Scores:
    """Return the observed scores on every track. Shape (members, tracks), NaN where a member was not run.

    Raises:
        ConfigurationError: The kind needs objectives, and the metric gives none.
    """
    if kind == "instance":
        return pool.val_scores
    objectives = list(_objectives(pool, kind, pool.objectives).values())
    if kind == "cartesian":
        return np.hstack(objectives)
    means = np.column_stack([_means(scores, pool.row_weights) for scores in objectives])
    return means if kind == "objective" else np.hstack([pool.val_scores, means])


def track_weights(pool: Pool, kind: FrontierType) -> Array | None:
    """Return the weight of each observed track; None if all are equal. An objective counts like a row."""
    weights = pool.row_weights.weights
    if weights is None:
        return None
    rows, objectives = weights[: len(pool.val_rows)], len(pool.all_objectives)
    if kind == "cartesian":
        return np.tile(rows, objectives)
    single = np.ones(0 if kind == "instance" else objectives)
    return single if kind == "objective" else np.hstack([rows, single])


def expected_wins(pool: Pool, kind: FrontierType, rng: Random) -> Array:
    """Return the expected number of tracks each member wins without noise. Shape (members,).

    Raises:
        ConfigurationError: The kind needs objectives, and the metric gives none.
    """
    if kind == "instance":
        return _wins(pool, pool.scores, pool.belief, rng)
    beliefs = _objectives(pool, kind, pool.objective_beliefs)
    if kind == "cartesian":
        lines = [_wins(pool, pool.all_objectives[name], belief, rng) for name, belief in beliefs.items()]
        return np.asarray(np.sum(lines, axis=0))
    wins = np.zeros(len(pool))
    for belief in beliefs.values():
        wins += np.bincount(belief.draw(rng, DRAWS).argmax(axis=1), minlength=len(pool)) / DRAWS
    return wins if kind == "objective" else wins + _wins(pool, pool.scores, pool.belief, rng)


def _wins(pool: Pool, scores: Scores, belief: Belief, rng: Random) -> Array:
    known = ~np.isnan(scores).all(axis=0)
    weights = pool.row_weights.weights
    return frontier_wins(scores[:, known], belief, rng, DRAWS, None if weights is None else weights[known])


def _objectives(pool: Pool, kind: FrontierType, found: dict[str, T]) -> dict[str, T]:
    if not found:
        raise ConfigurationError(
            f"frontier_type={kind!r} compares members by objectives, and the metric gave none. Return "
            "dspy.Prediction(score=..., objective_scores={'name': ...}), name ready ones "
            "(objectives=['cost']), or leave frontier_type='instance'."
        )
    return found


def _means(scores: Scores, row_weights: RowWeights) -> Array:
    seen = ~np.isnan(scores)
    sums = np.where(seen, row_weights.weighted(scores), 0.0).sum(axis=1)
    counts = row_weights.weighted(seen.astype(np.float64)).sum(axis=1)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), np.nan)


def frontier_wins(
    scores: Scores, belief: Belief, rng: Random, count: int = 64, weights: Array | None = None
) -> Array:
    """Return the expected number of rows each member wins without noise. Shape (members,).

    A frontier of observed scores rewards luck. Here e_ir is the sum of an effect of the member on the row, of
    variance PERSISTENT noise^2, and chance, so that an observation counts by that share and a row that was
    not run is open. The best on each row is read off joint draws of all unknowns.

    Args:
        scores: Shape (members, rows), NaN where a member was not run; as handed to `estimate`.
        belief: The posterior from these scores.
        rng: Source of the draws.
        count: Number of draws.
        weights: Weight of each row; None for 1.
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
    value, chance = np.empty_like(known), np.empty_like(known)  # in place: the draws are most of the work
    for worth, ease in zip(worths, eases, strict=True):
        np.subtract(known, worth, out=value)
        value -= ease[:, None]
        value *= believed
        value += worth
        generator.standard_normal(out=chance)
        chance *= deviation
        value += chance
        wins += np.bincount(value.argmax(axis=1), weights=weights, minlength=len(wins))
    return wins / count
