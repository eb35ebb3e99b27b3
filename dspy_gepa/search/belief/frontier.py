"""The frontier of the members: observed wins, and draws of the winner without noise.

A track is a column on which one member can be the best: a validation row, an objective, or an objective on a
row. The names of the kinds are those of the gepa package, the symbols those of `estimate`.
"""

from __future__ import annotations

import math
from random import Random
from typing import Literal

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search.belief.belief import Belief
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.belief.scales import Array
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.table import Table

FrontierType = Literal["instance", "objective", "hybrid", "cartesian"]
# Share of e_ir's variance that is an effect of the member on the row and would recur in a second run. One run
# per member and row cannot separate it from chance, so it is fixed where neither is favoured.
PERSISTENT = 0.5
Track = tuple[str | None, int | None, float]
"""The objective that counts, None for the score; the row, None for the mean over all; and the weight."""


def observed_tracks(pool: Pool, kind: FrontierType) -> Scores:
    """Return the observed scores on every track. Shape (members, tracks), NaN where a member was not run.

    Raises:
        ConfigurationError: The kind needs objectives, and the metric gives none.
    """
    if kind == "instance":
        return pool.val_scores
    _require_objectives(pool, kind)
    objectives = list(pool.objectives.values())
    if kind == "cartesian":
        return np.hstack(objectives)
    means = np.column_stack([_means(scores, pool.row_weights) for scores in objectives])
    return means if kind == "objective" else np.hstack([pool.val_scores, means])


def track_weights(pool: Pool, kind: FrontierType) -> Array | None:
    """Return the weight of each observed track; None if all are equal. An objective counts like a row."""
    weights = pool.row_weights.weights
    if weights is None:
        return None
    rows, objectives = weights[: len(pool.val_rows)], len(pool.objective_tables)
    if kind == "cartesian":
        return np.tile(rows, objectives)
    single = np.ones(0 if kind == "instance" else objectives)
    return single if kind == "objective" else np.hstack([rows, single])


def drawn_winner(pool: Pool, kind: FrontierType, rng: Random) -> int:
    """Draw a member in proportion to the tracks that it is expected to win without noise.

    One track is drawn, in proportion to the weights, and its winner is read off one draw of all unknowns.

    Raises:
        ConfigurationError: The kind needs objectives, and the metric gives none.
    """
    tracks = _tracks(pool, kind)
    if not tracks:  # no provider answered yet
        return int(pool.belief.draw(rng).argmax())
    name, row, _ = rng.choices(tracks, weights=[weight for _, _, weight in tracks])[0]
    belief = pool.belief if name is None else pool.objective_beliefs[name]
    if row is None:
        return int(belief.draw(rng).argmax())
    return row_winner(_table(pool, name).column(row), belief, rng)


def _tracks(pool: Pool, kind: FrontierType) -> list[Track]:
    if kind == "instance":
        return _rows(pool, None)
    _require_objectives(pool, kind)
    names = list(pool.objective_tables)
    if kind == "cartesian":
        return [track for name in names for track in _rows(pool, name)]
    single: list[Track] = [(name, None, 1.0) for name in names]
    return single if kind == "objective" else [*single, *_rows(pool, None)]


def _rows(pool: Pool, name: str | None) -> list[Track]:
    weights = pool.row_weights.weights
    known = np.flatnonzero(_table(pool, name).counts).tolist()
    return [(name, row, 1.0 if weights is None else float(weights[row])) for row in known]


def _table(pool: Pool, name: str | None) -> Table:
    return pool.table if name is None else pool.objective_tables[name]


def _require_objectives(pool: Pool, kind: FrontierType) -> None:
    if not pool.objective_tables:
        raise ConfigurationError(
            f"frontier_type={kind!r} compares members by objectives, and the metric gave none. Return "
            "dspy.Prediction(score=..., objective_scores={'name': ...}), name ready ones "
            "(objectives=['cost']), or leave frontier_type='instance'."
        )


def _means(scores: Scores, row_weights: RowWeights) -> Array:
    seen = ~np.isnan(scores)
    sums = np.where(seen, row_weights.weighted(scores), 0.0).sum(axis=1)
    counts = row_weights.weighted(seen.astype(np.float64)).sum(axis=1)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), np.nan)


def row_winner(scores: Array, belief: Belief, rng: Random) -> int:
    """Draw the member that wins a row without noise.

    A frontier of observed scores rewards luck. Here e_ir is the sum of an effect of the member on the row, of
    variance PERSISTENT noise^2, and chance, so that an observation counts by that share and a row that was
    not run is open. The best on the row is read off a joint draw of all unknowns.

    Args:
        scores: The members' scores on the row, NaN where one was not run. Shape (members,).
        belief: The posterior from these scores and those on the other rows.
        rng: Source of the draw.
    """
    scales, seen = belief.scales, ~np.isnan(scores)
    worth, generator = belief.draw(rng)[0], np.random.default_rng(rng.getrandbits(128))
    left = np.where(seen, scores - worth, 0.0)
    # Given the worths, the ease of the row is N(w_r sum of residuals, w_r noise^2).
    weight = scales.row**2 / (scales.noise**2 + seen.sum() * scales.row**2)
    ease = weight * left.sum() + scales.noise * math.sqrt(weight) * generator.standard_normal()
    believed = PERSISTENT * seen
    deviation = scales.noise * np.sqrt(PERSISTENT * (1 - believed))
    effect = believed * (left - ease) + deviation * generator.standard_normal(len(scores))
    return int((worth + effect).argmax())
