"""The belief of many members, by conjugate gradients."""

from __future__ import annotations

from functools import cached_property
from random import Random

import numpy as np

from dspy_gepa.search.belief.belief import Belief, Pairs
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range
from dspy_gepa.search.belief.equations import Equations
from dspy_gepa.search.belief.scales import Array

# Size of the residual, as a share of the right side, at which iterations end. A variance has about the square
# of the error of the solution that it is read off, and the draw of a chance event need not be exact.
MEAN, VARIANCE, DRAW = 1e-8, 1e-3, 1e-3
# Some thirty iterations are enough. Without an end after this many the equations are solved directly.
PATIENCE = 500


class IterativeBelief(Belief):
    """A belief whose figures are solutions of the equations; variances and draws are computed when asked for.

    Args:
        equations: The equations of the posterior.
        bounds: Range of the metric.
    """

    def __init__(self, equations: Equations, bounds: Range = UNBOUNDED) -> None:
        self._equations = equations
        self.bounds = bounds
        self.scales = equations.scales
        self.mean = equations.centre + self._solve(equations.pull[None], MEAN)[0, :-1]

    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""
        contrast = np.zeros((1, self._equations.size))
        contrast[0, member] += 1.0
        if other is not None:
            contrast[0, other] -= 1.0
        return float(self._variances(contrast)[0])

    def variances_of_gains(self, pairs: Pairs) -> Array:
        """Return the variance of the difference of each pair: one solution with many right sides."""
        contrasts, places = np.zeros((len(pairs), self._equations.size)), np.arange(len(pairs))
        members, others = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2).T
        contrasts[places, members] += 1.0
        contrasts[places, others] -= 1.0
        return self._variances(contrasts)

    def _variances(self, contrasts: Array) -> Array:
        return _dots(contrasts, self._solve(contrasts, VARIANCE))

    def variances(self) -> Array:
        """Return the variance of every member's expected score. Shape (members,)."""
        return self._of_all

    @cached_property
    def _of_all(self) -> Array:
        return np.array(np.linalg.inv(self._equations.dense()).diagonal()[:-1], dtype=np.float64)

    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""
        generator = np.random.default_rng(rng.getrandbits(128))
        normal = [self._equations.perturbed(generator) for _ in range(count)]
        errors = np.array(normal).reshape(count, self._equations.size)
        return self.mean + self._solve(errors, DRAW)[:, :-1]

    def _solve(self, rights: Array, tolerance: float) -> Array:
        """Return the solutions by conjugate gradients, preconditioned by the diagonal; a line for each.

        A line ends with its own residual: it is the same whatever lines are beside it.
        """
        times, diagonal = self._equations.times, self._equations.diagonal
        solutions, places = np.zeros_like(rights), np.arange(len(rights))
        solution, residual = np.zeros_like(rights), rights.copy()
        scaled = residual / diagonal
        direction, size = scaled.copy(), _dots(residual, scaled)
        enough = tolerance * tolerance * size
        for _ in range(PATIENCE):
            if not (left := size > enough).all():
                solutions[places[~left]] = solution[~left]
                places, size, enough = places[left], size[left], enough[left]
                solution, residual, direction = solution[left], residual[left], direction[left]
            if not len(places):
                return solutions
            image = times(direction)
            length = (size / _dots(direction, image))[:, None]
            solution += length * direction
            residual -= length * image
            scaled = residual / diagonal
            before, size = size, _dots(residual, scaled)
            direction *= (size / before)[:, None]
            direction += scaled
        solutions[places] = np.linalg.solve(self._equations.dense(), rights[places].T).T
        return solutions


def _dots(lines: Array, others: Array) -> Array:
    products = np.matmul(lines[:, None], others[:, :, None])  # quicker than einsum for so few lines
    return np.asarray(products[:, 0, 0])
