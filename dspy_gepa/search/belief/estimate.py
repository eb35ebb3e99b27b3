"""The posterior of every member's expected score, from few and noisy scores.

The model of the score of member i on row r is

    y_ir = m_i + d_r + e_ir,    d_r ~ N(0, row^2),    e_ir ~ N(0, noise^2)                           (1)

where m_i is the quantity of interest: the expected score of the member over rows like these. A child is its
parents' average plus the effect of its rewriting. The first rewriting of a program does far more than later
ones, about the same for all children of roots; the prior of a member without parents is vague:

    m_child ~ N(mean of m_parents + drift_mean, drift^2),    m_root ~ N(centre, (VAGUE spread)^2)
    m_first ~ N(mean of m_roots + first, drift^2),           first ~ N(0, spread^2)                  (2)
    m_trim  ~ N(m_parent, (TRIMMED drift)^2)

Given the four scales the posterior of all m_i is normal and exact (`estimate`). The scales come from the run
itself (`fit_scales`), with weak priors in units of the spread of the scores, so that any metric is treated
alike. A trimmed member is its parent without some sentences and all but equals it. The model ignores that
binary scores near 0 and 1 vary less, that some rewritings break everything, and that a member looks too good
on rows that were seen before it was written or decided about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

import numpy as np

from dspy_gepa.search.belief.scales import (
    Array,
    Parents,
    Scales,
    fit_scales,
    is_first,
    observed,
    shares_of,
    spread_of,
)
from dspy_gepa.search.frontier import Scores

# Standard deviation of a root's prior, in spreads: far beyond the information in any score.
VAGUE = 10.0
# Standard deviation of the gain of a trimmed member over its parent, in drifts.
TRIMMED = 0.25


@dataclass(frozen=True)
class Belief:
    """The joint normal distribution of the members' expected scores, given the observed ones.

    Attributes:
        mean: Expected score of each member over rows like these. Shape (members,).
        covariance: Shape (members, members), in squared units of the score.
        scales: Scales of the model.
    """

    mean: Array
    covariance: Array
    scales: Scales

    def sd(self) -> Array:
        """Return the standard deviation of each member's expected score. Shape (members,)."""
        return np.sqrt(self.covariance.diagonal())

    def interval(self, member: int, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval that holds a member's expected score with probability `level`."""
        half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(self.covariance[member, member])
        return float(self.mean[member] - half), float(self.mean[member] + half)

    def gain_interval(self, member: int, other: int, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval of the gain of `member` over `other` with probability `level`."""
        gain = float(self.mean[member] - self.mean[other])
        line = self.covariance[member] - self.covariance[other]
        variance = max(0.0, float(line[member] - line[other]))
        half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
        return gain - half, gain + half

    def probability_better(self, member: int, other: int) -> float:
        """Return the probability that `member` is better than `other`; 0.5 if nothing separates them."""
        gain = float(self.mean[member] - self.mean[other])
        line = self.covariance[member] - self.covariance[other]
        variance = float(line[member] - line[other])
        if variance <= 0:
            return 0.5 + 0.5 * float(np.sign(gain))
        return NormalDist().cdf(gain / math.sqrt(variance))

    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""
        normal = np.random.default_rng(rng.getrandbits(128)).standard_normal((count, len(self.mean)))
        try:
            root = np.linalg.cholesky(self.covariance)
        except np.linalg.LinAlgError:  # members that are known exactly or tied to each other
            values, vectors = np.linalg.eigh(self.covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(self.mean + normal @ root.T)


def estimate(
    scores: Scores,
    parents: Parents,
    *,
    trimmed: Collection[int] = (),
    scales: Scales | None = None,
    weights: Array | None = None,
) -> Belief:
    """Return the posterior of the members' expected scores.

    Integrating out the effect of a row seen by n_r members leaves these members with the precision
    (I - w_r 11') / noise^2, w_r = row^2 / (noise^2 + n_r row^2). Summed over rows, with X the 0/1 matrix of
    observed scores, L the contrasts of (2) and V their variances,

        covariance^-1 = L' V^-1 L + (diag(X 1) - X diag(w) X') / noise^2                              (3)

    Where rows have weights, m_i is the weighted mean, and a row counts like v_r of them (`shares_of`): d_r
    and e_ir have their variance divided by v_r, which leaves w_r as it is and multiplies what r adds to (3).

    Args:
        scores: Shape (members, rows), NaN where a member was not run.
        parents: Indices of each member's parents; none for a root, two for a merge.
        trimmed: Members that are their parent without some sentences.
        scales: Scales of the model; by default fitted to the scores.
        weights: Weight of each row, positive. Shape (rows,); None if all are equal.
    """
    scales = scales or fit_scales(scores, parents, weights, trimmed)
    centre, spread = spread_of(scores)
    share = shares_of(scores, weights)
    # The gain of the first rewriting is a further unknown, which no row shows directly.
    lines = np.vstack([scores - centre, np.full((1, scores.shape[1]), np.nan)])
    seen, centred, weight = observed(lines, scales)
    shrunk = seen * np.sqrt(weight * share)
    precision = (np.diag((seen * share).sum(axis=1)) - shrunk @ shrunk.T) / scales.noise**2
    pull = (centred * share).sum(axis=1) - seen @ (weight * share * centred.sum(axis=0))
    pull /= scales.noise**2
    for contrast, shift, variance in _lineage(parents, trimmed, scales, spread):
        for a, at_a in contrast.items():
            pull[a] += at_a * shift / variance
            for b, at_b in contrast.items():
                precision[a, b] += at_a * at_b / variance
    covariance = np.linalg.inv(precision)
    mean, covariance = (centre + covariance @ pull)[:-1], covariance[:-1, :-1]
    return Belief(mean, (covariance + covariance.T) / 2, scales)


def _lineage(
    parents: Parents, trimmed: Collection[int], scales: Scales, spread: float
) -> Iterator[tuple[dict[int, float], float, float]]:
    """Yield the lines of equation (2): a contrast of the m_i and then `first`, its mean and variance."""
    first = len(parents)
    yield {first: 1.0}, 0.0, spread**2
    for member, origin in enumerate(parents):
        contrast = {member: 1.0, **{parent: -1.0 / len(origin) for parent in origin}}
        if not origin:
            yield contrast, 0.0, (VAGUE * spread) ** 2
        elif member in trimmed:
            yield contrast, 0.0, (TRIMMED * scales.drift) ** 2
        elif is_first(member, parents):
            yield contrast | {first: -1.0}, 0.0, scales.drift**2
        else:
            yield contrast, scales.drift_mean, scales.drift**2
