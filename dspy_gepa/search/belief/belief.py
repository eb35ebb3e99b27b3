"""The joint normal distribution of the members' expected scores, and what it says of each score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from dspy_gepa.search.belief.bounded import UNBOUNDED, Bounded, Range
from dspy_gepa.search.belief.scales import Array, Scales

Pairs: TypeAlias = Sequence[tuple[int, int]]
"""Pairs of a member and another that it is compared with."""


class Belief(ABC):
    """The joint normal distribution of the members' expected scores, given the observed ones.

    Decisions rest on the joint distribution. A score that is reported, with its interval, is held to the
    range of the metric.

    Attributes:
        mean: Expected score of each member over rows like these, before the range. Shape (members,).
        scales: Scales of the model.
        bounds: Range of the metric.
    """

    mean: Array
    scales: Scales
    bounds: Range

    @abstractmethod
    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""

    @abstractmethod
    def variances_of_gains(self, pairs: Pairs) -> Array:
        """Return the variance of the difference of each pair, at less cost than one by one."""

    @abstractmethod
    def variances(self) -> Array:
        """Return the variance of every member's expected score. Shape (members,)."""

    @abstractmethod
    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""

    def sd(self, member: int) -> float:
        """Return the standard deviation of a member's expected score."""
        return math.sqrt(self.variance(member))

    def score(self, member: int) -> Bounded:
        """Return the distribution of a member's expected score, within the range of the metric."""
        return self._bounded(float(self.mean[member]), self.variance(member))

    def all_scores(self) -> tuple[Bounded, ...]:
        """Return the distribution of every member's expected score, at less cost than one by one."""
        return tuple(map(self._bounded, self.mean.tolist(), self.variances().tolist()))

    def gain(self, member: int, other: int) -> Bounded:
        """Return the distribution of the gain of `member` over `other`, at most the width of the range."""
        width = self.bounds[1] - self.bounds[0]
        return Bounded(self._gain(member, other), math.sqrt(self.variance(member, other)), (-width, width))

    def probability_better(self, member: int, other: int) -> float:
        """Return the probability that `member` is better than `other`; 0.5 if nothing separates them."""
        return self.probabilities_better([(member, other)])[0]

    def probabilities_better(self, pairs: Pairs) -> list[float]:
        """Return for each pair the probability that the first is better, at less cost than one by one."""
        return [
            NormalDist().cdf(gain / math.sqrt(variance)) if variance > 0 else 0.5 + 0.5 * float(np.sign(gain))
            for gain, variance in zip(
                (self._gain(*pair) for pair in pairs), self.variances_of_gains(pairs).tolist(), strict=True
            )
        ]

    def _bounded(self, mean: float, variance: float) -> Bounded:
        return Bounded(mean, math.sqrt(variance), self.bounds)

    def _gain(self, member: int, other: int) -> float:
        return float(self.mean[member] - self.mean[other])


@dataclass(frozen=True, eq=False)
class DenseBelief(Belief):
    """A belief with its covariance at hand, for few members.

    Attributes:
        mean: Expected score of each member over rows like these. Shape (members,).
        covariance: Shape (members, members), in squared units of the score.
        scales: Scales of the model.
        bounds: Range of the metric.
    """

    mean: Array
    covariance: Array
    scales: Scales
    bounds: Range = UNBOUNDED

    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""
        if other is None:
            return max(0.0, float(self.covariance[member, member]))
        line = self.covariance[member] - self.covariance[other]
        return max(0.0, float(line[member] - line[other]))

    def variances_of_gains(self, pairs: Pairs) -> Array:
        """Return the variance of the difference of each pair."""
        return np.array([self.variance(member, other) for member, other in pairs])

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
