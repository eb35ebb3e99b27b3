"""The joint normal distribution of the members' expected scores."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from random import Random
from statistics import NormalDist

import numpy as np

from dspy_gepa.search.belief.scales import Array, Scales


class Belief(ABC):
    """The joint normal distribution of the members' expected scores, given the observed ones.

    Attributes:
        mean: Expected score of each member over rows like these. Shape (members,).
        scales: Scales of the model.
    """

    mean: Array
    scales: Scales

    @abstractmethod
    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""

    @abstractmethod
    def variances(self) -> Array:
        """Return the variance of every member's expected score. Shape (members,)."""

    @abstractmethod
    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""

    def sd(self, member: int) -> float:
        """Return the standard deviation of a member's expected score."""
        return math.sqrt(self.variance(member))

    def interval(self, member: int, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval that holds a member's expected score with probability `level`."""
        return _around(float(self.mean[member]), self.variance(member), level)

    def intervals(self, level: float = 0.9) -> tuple[tuple[float, float], ...]:
        """Return the interval of every member, at less cost than one by one."""
        pairs = zip(self.mean.tolist(), self.variances().tolist(), strict=True)
        return tuple(_around(mean, variance, level) for mean, variance in pairs)

    def gain_interval(self, member: int, other: int, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval of the gain of `member` over `other` with probability `level`."""
        return _around(self._gain(member, other), self.variance(member, other), level)

    def probability_better(self, member: int, other: int) -> float:
        """Return the probability that `member` is better than `other`; 0.5 if nothing separates them."""
        gain, variance = self._gain(member, other), self.variance(member, other)
        if variance <= 0:
            return 0.5 + 0.5 * float(np.sign(gain))
        return NormalDist().cdf(gain / math.sqrt(variance))

    def _gain(self, member: int, other: int) -> float:
        return float(self.mean[member] - self.mean[other])


def _around(mean: float, variance: float, level: float) -> tuple[float, float]:
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
    return mean - half, mean + half


@dataclass(frozen=True, eq=False)
class DenseBelief(Belief):
    """A belief with its covariance at hand, for few members.

    Attributes:
        mean: Expected score of each member over rows like these. Shape (members,).
        covariance: Shape (members, members), in squared units of the score.
        scales: Scales of the model.
    """

    mean: Array
    covariance: Array
    scales: Scales

    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""
        if other is None:
            return max(0.0, float(self.covariance[member, member]))
        line = self.covariance[member] - self.covariance[other]
        return max(0.0, float(line[member] - line[other]))

    def variances(self) -> Array:
        """Return the variance of every member's expected score. Shape (members,)."""
        return np.maximum(self.covariance.diagonal(), 0.0)

    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""
        normal = np.random.default_rng(rng.getrandbits(128)).standard_normal((count, len(self.mean)))
        return np.asarray(self.mean + normal @ self._root.T)

    @cached_property
    def _root(self) -> Array:
        try:
            return np.asarray(np.linalg.cholesky(self.covariance), dtype=np.float64)
        except np.linalg.LinAlgError:  # members that are known exactly or tied to each other
            values, vectors = np.linalg.eigh(self.covariance)
            return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
