"""What every member of the pool is worth, from few and noisy scores.

The score of member i on row r is taken to be

    y_ir = m_i + d_r + e_ir,    d_r ~ N(0, row^2),    e_ir ~ N(0, noise^2)                           (1)

where m_i is what is asked for: the score to be expected of the member over rows like these. A child is its
parents' average moved by what its rewriting did. The first rewriting of a program does far more than later
ones, all children of roots about the same; of a member without parents next to nothing is known:

    m_child ~ N(mean of m_parents + drift_mean, drift^2),    m_root ~ N(centre, (VAGUE spread)^2)
    m_first ~ N(mean of m_roots + first, drift^2),           first ~ N(0, spread^2)                  (2)

Given the four scales the posterior of all m_i is normal and exact (`estimate`). The scales come from the run
itself (`fit_scales`), with weak priors in units of the spread of the scores, so that any metric is treated
alike. What this does not know: that binary scores near 0 and 1 vary less, that some rewritings break
everything, and that a member looks too good on rows that were seen before it was written or decided about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.frontier import Scores

Array = NDArray[np.float64]
Parents = Sequence[tuple[int, ...]]

# Standard deviation of a root's prior, in spreads: far beyond what any score can say.
VAGUE = 10.0
# The weak priors, by how many observations they are worth: scores vary within a member as all scores do, and
# seven tenths of that variance is noise. A child fails where its parent does, so that their differences alone
# make the noise too small; hence the weight of 20.
TOTAL_COUNT, NOISE_COUNT, NOISE_SHARE = 3.0, 20.0, 0.7
# And in spreads: drift is log-normal, give or take a factor, its mean normal around 0. In simulated runs a
# drift of 0.15 covered less where rewritings did much, and was hardly less optimistic where they did little.
# The mean is held near 0, since early gains would else be expected of late rewritings too.
DRIFT, DRIFT_FACTOR, DRIFT_MEAN = 0.25, 2.0, 0.05
TINY = 1e-100


@dataclass(frozen=True)
class Scales:
    """The scales of equations (1) and (2), in units of the score.

    Attributes:
        noise: Standard deviation of what neither member nor row explains. Positive.
        row: Standard deviation of how easy rows are.
        drift: Standard deviation of what a rewriting changes. Positive.
        drift_mean: What a rewriting changes on average.
    """

    noise: float
    row: float
    drift: float
    drift_mean: float


@dataclass(frozen=True)
class Belief:
    """The joint normal distribution of what the members are worth, given the scores.

    Attributes:
        mean: Shape (members,): the expected score of each over rows like these.
        covariance: Shape (members, members), in squared units of the score.
        scales: What it was computed with.
    """

    mean: Array
    covariance: Array
    scales: Scales

    def sd(self) -> Array:
        """Standard deviation of each member's worth. Shape (members,)."""
        return np.sqrt(self.covariance.diagonal())

    def interval(self, member: int, level: float = 0.9) -> tuple[float, float]:
        """The central interval that holds a member's worth with probability `level`."""
        half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(self.covariance[member, member])
        return float(self.mean[member] - half), float(self.mean[member] + half)

    def gain_interval(self, member: int, other: int, level: float = 0.9) -> tuple[float, float]:
        """The central interval that holds what `member` is worth more than `other` with this probability."""
        gain = float(self.mean[member] - self.mean[other])
        line = self.covariance[member] - self.covariance[other]
        variance = max(0.0, float(line[member] - line[other]))
        half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
        return gain - half, gain + half

    def probability_better(self, member: int, other: int) -> float:
        """The probability that `member` is worth more than `other`; a half when nothing tells them apart."""
        gain = float(self.mean[member] - self.mean[other])
        line = self.covariance[member] - self.covariance[other]
        variance = float(line[member] - line[other])
        if variance <= 0:
            return 0.5 + 0.5 * float(np.sign(gain))
        return NormalDist().cdf(gain / math.sqrt(variance))

    def draw(self, rng: Random, count: int = 1) -> Array:
        """Joint draws of what the members are worth. Shape (count, members)."""
        normal = np.random.default_rng(rng.getrandbits(128)).standard_normal((count, len(self.mean)))
        try:
            root = np.linalg.cholesky(self.covariance)
        except np.linalg.LinAlgError:  # members that are known exactly or tied to each other
            values, vectors = np.linalg.eigh(self.covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(self.mean + normal @ root.T)


def estimate(
    scores: Scores, parents: Parents, *, scales: Scales | None = None, weights: Array | None = None
) -> Belief:
    """The posterior of what the members are worth.

    Integrating out the effect of a row seen by n_r members leaves these members with the precision
    (I - w_r 11') / noise^2, w_r = row^2 / (noise^2 + n_r row^2). Summed over rows, with X the 0/1 matrix of
    what was run, L the contrasts of (2) and V their variances,

        covariance^-1 = L' V^-1 L + (diag(X 1) - X diag(w) X') / noise^2                              (3)

    Where rows have weights, m_i is the weighted mean, and a row counts like v_r of them (`_shares`): d_r and
    e_ir have their variance divided by v_r, which leaves w_r as it is and multiplies what r adds to (3).

    Args:
        scores: Shape (members, rows), NaN where a member was not run.
        parents: Indices of each member's parents; none for a root, two for a merge.
        scales: Of the model; fitted to the scores when not given.
        weights: How much each row counts. Shape (rows,), positive; None when all count the same.
    """
    scales = scales or fit_scales(scores, parents, weights)
    centre, spread = _spread(scores)
    share = _shares(scores, weights)
    # What the first rewriting brings is one unknown more, which no row shows directly.
    lines = np.vstack([scores - centre, np.full((1, scores.shape[1]), np.nan)])
    seen, centred, weight = observed(lines, scales)
    shrunk = seen * np.sqrt(weight * share)
    precision = (np.diag((seen * share).sum(axis=1)) - shrunk @ shrunk.T) / scales.noise**2
    pull = (centred * share).sum(axis=1) - seen @ (weight * share * centred.sum(axis=0))
    pull /= scales.noise**2
    for contrast, shift, variance in _lineage(parents, scales, spread):
        for a, at_a in contrast.items():
            pull[a] += at_a * shift / variance
            for b, at_b in contrast.items():
                precision[a, b] += at_a * at_b / variance
    covariance = np.linalg.inv(precision)
    mean, covariance = (centre + covariance @ pull)[:-1], covariance[:-1, :-1]
    return Belief(mean, (covariance + covariance.T) / 2, scales)


def _lineage(
    parents: Parents, scales: Scales, spread: float
) -> Iterator[tuple[dict[int, float], float, float]]:
    """Equation (2), a line each: a contrast of the m_i and, after them, `first`; its mean and variance."""
    first = len(parents)
    yield {first: 1.0}, 0.0, spread**2
    for member, origin in enumerate(parents):
        contrast = {member: 1.0, **{parent: -1.0 / len(origin) for parent in origin}}
        if not origin:
            yield contrast, 0.0, (VAGUE * spread) ** 2
        elif _is_first(member, parents):
            yield contrast | {first: -1.0}, 0.0, scales.drift**2
        else:
            yield contrast, scales.drift_mean, scales.drift**2


def _is_first(member: int, parents: Parents) -> bool:
    """Whether all that it descends from are roots."""
    return bool(parents[member]) and not any(parents[parent] for parent in parents[member])


def fit_scales(scores: Scores, parents: Parents, weights: Array | None = None) -> Scales:
    """The scales of the model: moments of the scores combined with the weak priors.

    noise^2 + row^2 is the variance of scores within a member, and noise^2 (1 + 1/parents) that of the
    difference between a child and its parents over the rows all were run on. Arguments as for `estimate`.
    """
    _, spread = _spread(scores)
    share = _shares(scores, weights)
    squares, freedom = _within(scores, share)
    # The mean of the inverse gamma posterior, hence the - 2: a normal has thin tails where a variance is
    # known from six rows, and covered too little with one member.
    total = float((squares.sum() + TOTAL_COUNT * spread**2) / (freedom.sum() + TOTAL_COUNT - 2))
    squares, freedom = _within(_moves(scores, parents), share)
    inflation = np.array([1 + 1 / len(origin) for origin in parents if origin])
    noise2 = np.sum(squares / inflation) + NOISE_COUNT * NOISE_SHARE * total
    noise2 = float(noise2 / (freedom.sum() + NOISE_COUNT))
    scales = Scales(math.sqrt(noise2), math.sqrt(max(total - noise2, 0.0)), drift=0.0, drift_mean=0.0)
    drift, drift_mean = _fit_drift(*_gains(scores, parents, scales, share), spread)
    return replace(scales, drift=drift, drift_mean=drift_mean)


def _gains(scores: Scores, parents: Parents, scales: Scales, share: Array) -> tuple[Array, Array]:
    """How much more each child but the first ones scored than its parents, and the error variance of that.

    How easy the rows were is estimated and taken off. Where child and parents share all rows this is the
    paired difference; with pairs alone, sparse runs could not tell their drift.
    """
    seen, known, weight = observed(scores, scales)
    counts = (seen * share).sum(axis=1)
    each = 1 / np.where(counts > 0, counts, 1.0)
    means = np.where(counts > 0, (known * share).sum(axis=1) * each, np.nan)
    part = seen * share * each[:, None]
    ease = weight * (known.sum(axis=0) - seen.T @ np.nan_to_num(means))
    gains = _moves((means - part @ ease)[:, None], parents)[:, 0]
    own = [each[i] + sum(each[p] for p in up) / len(up) ** 2 for i, up in enumerate(parents) if up]
    errors = scales.noise**2 * (np.array(own) + _moves(part, parents) ** 2 @ (weight / share))
    later = [not _is_first(i, parents) for i, up in enumerate(parents) if up]
    usable = ~np.isnan(gains) & np.array(later, dtype=bool)
    return gains[usable], errors[usable]


def _fit_drift(gains: Array, errors: Array, spread: float) -> tuple[float, float]:
    """Drift and its mean from gain ~ N(drift_mean, drift^2 + error), averaged over what they may be.

    An average over a grid and not the likeliest value: with few children that is often no drift at all, after
    which no child could ever be told from its parent.
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


def _spread(scores: Scores) -> tuple[float, float]:
    """Mean and standard deviation of all scores: the zero and the unit of the priors.

    Scores that are all equal have no unit. It is half their size then, or a half when they are 0.
    """
    known = scores[~np.isnan(scores)]
    if not len(known):
        return 0.0, 0.5
    centre, spread = float(known.mean()), float(known.std())
    # Differences whose squares vanish are none.
    equal = spread <= max(1e-9 * float(np.abs(known).max()), TINY)
    size = abs(centre) / 2
    return centre, spread if not equal else size if size > TINY else 0.5


def _shares(scores: Scores, weights: Array | None) -> Array:
    """v_r: the weights in units of rows; in all as many rows as would tell as much if they were equal."""
    if weights is None:
        return np.ones(scores.shape[1])
    known = weights[~np.isnan(scores).all(axis=0)]
    return np.asarray(weights * (known.sum() / np.square(known).sum() if len(known) else 1.0))


def observed(scores: Scores, scales: Scales) -> tuple[Array, Array, Array]:
    """A 0/1 matrix of what was run, the scores with 0 for what was not, and w_r of equation (3)."""
    missing = np.isnan(scores)
    seen = (~missing).astype(np.float64)
    weight = scales.row**2 / (scales.noise**2 + seen.sum(axis=0) * scales.row**2)
    return seen, np.where(missing, 0.0, scores), weight


def _moves(lines: Array, parents: Parents) -> Array:
    """The lines of the children, in order, less the mean of their parents' lines."""
    moves = [lines[i] - sum(lines[p] for p in up) / len(up) for i, up in enumerate(parents) if up]
    return np.array(moves).reshape(len(moves), lines.shape[1])


def _within(lines: Array, share: Array) -> tuple[Array, Array]:
    """By line the sum of squares around its mean, passing over NaN, and its degrees of freedom."""
    known = ~np.isnan(lines)
    seen = known * share
    counts = seen.sum(axis=1)
    sizes = np.where(counts > 0, counts, 1.0)
    means = (np.where(known, lines, 0.0) * share).sum(axis=1) / sizes
    squares = np.where(known, lines - means[:, None], 0.0) ** 2 * share
    # Scores on heavy rows are no less noisy than others, so that these are fewer than with equal weights.
    return squares.sum(axis=1), np.maximum(counts - (seen * share).sum(axis=1) / sizes, 0.0)
