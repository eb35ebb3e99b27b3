"""What members compete on: validation rows, objectives, both, or each objective on each row.

A track is a column on which one member can be the best. The names are those of the gepa package.
"""

from __future__ import annotations

from random import Random
from typing import Literal, TypeVar

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search.belief.estimate import Belief
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.belief.scales import Array
from dspy_gepa.search.belief.wins import frontier_wins
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.pool import Pool

FrontierType = Literal["instance", "objective", "hybrid", "cartesian"]
DRAWS = 64
T = TypeVar("T")


def observed_tracks(pool: Pool, kind: FrontierType) -> Scores:
    """The observed scores on every track. Shape (members, tracks), NaN where a member was not run.

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
    """How much each of the observed tracks counts; None for all the same. An objective counts like a row."""
    weights = pool.row_weights.weights
    if weights is None:
        return None
    rows, objectives = weights[: len(pool.val_rows)], len(pool.all_objectives)
    if kind == "cartesian":
        return np.tile(rows, objectives)
    single = np.ones(0 if kind == "instance" else objectives)
    return single if kind == "objective" else np.hstack([rows, single])


def expected_wins(pool: Pool, kind: FrontierType, rng: Random) -> Array:
    """On how many tracks each member is expected to be best, were there no chance. Shape (members,).

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
