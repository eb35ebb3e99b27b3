"""The four scales of the model in `estimate.py`, from the scores of the run itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.frontier import Scores

Array = NDArray[np.float64]
Parents = Sequence[tuple[int, ...]]

# The weak priors and their weight in observations: scores vary within a member as all scores do, and seven
# tenths of that variance is noise.
TOTAL_COUNT, NOISE_COUNT, NOISE_SHARE = 3.0, 20.0, 0.7
# In spreads: drift is log-normal, with a standard deviation of a factor, its mean normal around 0. In
# simulated runs a drift of 0.15 covered less if rewritings did much, and was hardly less optimistic if they
# did little. The mean is held near 0, since otherwise early gains would be expected of late rewritings too.
DRIFT, DRIFT_FACTOR, DRIFT_MEAN = 0.25, 2.0, 0.05
TINY = 1e-100
# Number of members whose scores are worked on at a time: those of all are large in a long run.
BLOCK = 128
# Number of members whose residuals tell the noise: the cost grows with their cube, and these have thousands.
MOST_COMPARED = 256


@dataclass(frozen=True)
class Scales:
    """The scales of equations (1) and (2), in units of the score.

    Attributes:
        noise: Standard deviation of the part explained by neither member nor row. Positive.
        row: Standard deviation of the ease of rows.
        drift: Standard deviation of the effect of a rewriting. Positive.
        drift_mean: Mean effect of a rewriting.
    """

    noise: float
    row: float
    drift: float
    drift_mean: float


def fit_scales(
    scores: Scores, parents: Parents, weights: Array | None = None, trimmed: Collection[int] = ()
) -> Scales:
    """Return the scales of the model: moments of the scores combined with the weak priors.

    noise^2 + row^2 is the variance of scores within a member, and noise^2 the variance of the residuals of
    members and rows. All members count there, and not only children beside their parents: a child fails where
    its parent does, which made the noise a quarter too small and the luckiest of many members look too good.
    The arguments are those of `estimate`.
    """
    counts = (~np.isnan(scores)).sum(axis=0)
    seen = counts > 0  # rows that nobody saw have no part in it
    share, scores = shares_of(counts, weights)[seen], scores if seen.all() else scores[:, seen]
    _, spread = spread_of(scores)
    parts = [_within(scores[i : i + BLOCK], share) for i in range(0, max(1, len(scores)), BLOCK)]
    squares, freedom = map(np.concatenate, zip(*parts, strict=True))
    # The mean of the inverse gamma posterior, hence the - 2: a normal has thin tails where a variance is
    # known from six rows, and covered too little with one member.
    total = float((squares.sum() + TOTAL_COUNT * spread**2) / (freedom.sum() + TOTAL_COUNT - 2))
    left, open_ = _left_over(scores, share)
    noise2 = (left + NOISE_COUNT * NOISE_SHARE * total) / (open_ + NOISE_COUNT)
    scales = Scales(math.sqrt(noise2), math.sqrt(max(total - noise2, 0.0)), drift=0.0, drift_mean=0.0)
    drift, drift_mean = _fit_drift(*_gains(scores, parents, trimmed, scales, share), spread)
    return replace(scales, drift=drift, drift_mean=drift_mean)


def _gains(
    scores: Scores, parents: Parents, trimmed: Collection[int], scales: Scales, share: Array
) -> tuple[Array, Array]:
    """Return the gain of each child over its parents and its error variance, except first and trimmed ones.

    The ease of the rows is estimated and subtracted. If child and parents share all rows this is the paired
    difference; pairs alone would not show the drift of runs whose members share few rows.
    """
    seen, known, weight = observed(scores, scales)
    counts = (seen * share).sum(axis=1)
    each = 1 / np.where(counts > 0, counts, 1.0)
    means = np.where(counts > 0, (known * share).sum(axis=1) * each, np.nan)
    part = seen * share * each[:, None]
    ease = weight * (known.sum(axis=0) - seen.T @ np.nan_to_num(means))
    children = [i for i, up in enumerate(parents) if up]
    gains = _moves((means - part @ ease)[:, None], parents, children)[:, 0]
    own = [each[i] + sum(each[p] for p in parents[i]) / len(parents[i]) ** 2 for i in children]
    blocks = [children[i : i + BLOCK] for i in range(0, len(children), BLOCK)]
    moved = [_moves(part, parents, block) ** 2 @ (weight / share) for block in blocks]
    errors = scales.noise**2 * (np.array(own) + np.concatenate([np.zeros(0), *moved]))
    later = [i not in trimmed and not is_first(i, parents) for i, up in enumerate(parents) if up]
    usable = ~np.isnan(gains) & np.array(later, dtype=bool)
    return gains[usable], errors[usable]


def _fit_drift(gains: Array, errors: Array, spread: float) -> tuple[float, float]:
    """Return drift and its mean from gain ~ N(drift_mean, drift^2 + error), averaged over their posterior.

    An average over a grid and not the likeliest value: with few children that is often no drift at all, so
    that no child could ever differ from its parent.
    """
    steps = np.linspace(-3, 3, 61)
    drifts = DRIFT * spread * DRIFT_FACTOR**steps
    precision = 1 / (drifts[:, None] ** 2 + errors)
    known, weighted, prior2 = precision.sum(axis=1), precision @ gains, (DRIFT_MEAN * spread) ** 2
    drift_mean = weighted / (known + 1 / prior2)
    evidence = np.log(precision).sum(axis=1) - np.log1p(prior2 * known) - precision @ gains**2
    log_chance = 0.5 * (evidence + weighted * drift_mean - steps**2)
    chance = np.exp(log_chance - log_chance.max())
    return float(np.average(drifts, weights=chance)), float(np.average(drift_mean, weights=chance))


def spread_of(scores: Scores) -> tuple[float, float]:
    """Return mean and standard deviation of all scores: the zero and the unit of the priors.

    If all scores are equal the unit is half their size, or 0.5 if they are 0.
    """
    known = scores[~np.isnan(scores)]
    if not len(known):
        return 0.0, 0.5
    centre, spread = float(known.mean()), float(known.std())
    # Differences whose squares vanish count as 0.
    equal = spread <= max(1e-9 * float(np.abs(known).max()), TINY)
    size = abs(centre) / 2
    return centre, spread if not equal else size if size > TINY else 0.5


def shares_of(counts: NDArray[np.intp], weights: Array | None) -> Array:
    """Return v_r: the weights in units of rows, which sum to the effective number of rows.

    Args:
        counts: Number of members run on each row.
        weights: Weight of each row, or None.
    """
    if weights is None:
        return np.ones(len(counts))
    known = weights[counts > 0]
    return np.asarray(weights * (known.sum() / np.square(known).sum() if len(known) else 1.0))


def observed(scores: Scores, scales: Scales) -> tuple[Array, Array, Array]:
    """Return the 0/1 matrix of observed scores, the scores with 0 for missing ones, and w_r of (3)."""
    missing = np.isnan(scores)
    seen = (~missing).astype(np.float64)
    weight = scales.row**2 / (scales.noise**2 + seen.sum(axis=0) * scales.row**2)
    return seen, np.where(missing, 0.0, scores), weight


def _moves(lines: Array, parents: Parents, children: Sequence[int]) -> Array:
    """Return the lines of these children minus the mean of their parents' lines."""
    moves = [lines[i] - sum(lines[p] for p in parents[i]) / len(parents[i]) for i in children]
    return np.array(moves).reshape(len(moves), lines.shape[1])


def _within(lines: Array, share: Array) -> tuple[Array, Array]:
    """Return the sum of squares of each line around its mean, without NaN, and its degrees of freedom."""
    known = ~np.isnan(lines)
    seen = known * share
    counts = seen.sum(axis=1)
    sizes = np.where(counts > 0, counts, 1.0)
    means = (np.where(known, lines, 0.0) * share).sum(axis=1) / sizes
    squares = np.where(known, lines - means[:, None], 0.0) ** 2 * share
    # Scores on heavy rows are as noisy as others, so that there are fewer than with equal weights.
    return squares.sum(axis=1), np.maximum(counts - (seen * share).sum(axis=1) / sizes, 0.0)


def _left_over(scores: Scores, share: Array) -> tuple[float, float]:
    """Return the residual sum of squares of members and rows, without NaN, and its degrees of freedom.

    Least squares with the rows' levels eliminated, which leaves one equation for each member. Of more than
    `MOST_COMPARED` members this number takes part, evenly spaced.
    """
    if len(scores) > MOST_COMPARED:
        scores = scores[np.linspace(0, len(scores) - 1, MOST_COMPARED).astype(np.intp)]
    known = ~np.isnan(scores)
    seen = known.astype(np.float64)
    each = 1 / np.maximum(seen.sum(axis=0), 1.0)

    def equations(weight: Array) -> Array:
        return np.asarray(np.diag((seen * weight).sum(axis=1)) - (seen * (weight * each)) @ seen.T)

    def around_rows(lines: Array) -> Array:
        return np.where(known, lines - np.where(known, lines, 0.0).sum(axis=0) * each, 0.0)

    own = equations(share)
    squared = own if (share == 1.0).all() else equations(share**2)
    # Members that share no rows have no common level, and the equations no unique solution; any will do.
    inverse = np.linalg.inv(own + 1e-6 * np.eye(len(scores)))
    levels = inverse @ (around_rows(scores) * share).sum(axis=1)
    left = np.square(around_rows(scores - levels[:, None])) * share
    # As in `_within`, scores on heavy rows are as noisy as others.
    freedom = ((seen - seen * each) * share).sum() - np.sum(inverse * squared)
    return float(left.sum()), max(0.0, float(freedom))


def is_first(member: int, parents: Parents) -> bool:
    """Return True if all parents are roots."""
    return bool(parents[member]) and not any(parents[parent] for parent in parents[member])
