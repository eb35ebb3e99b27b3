"""The belief of many members, by conjugate gradients."""

from __future__ import annotations

from random import Random

import numpy as np

from dspy_gepa.search.belief.belief import Belief
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range
from dspy_gepa.search.belief.equations import Equations
from dspy_gepa.search.belief.scales import Array

# Size of the residual, as a share of the right side, at which iterations end. A variance has about the square
# of the error of the solution that it is read off, and the draw of a chance event need not be exact.
MEAN, VARIANCE, DRAW = 1e-10, 1e-4, 1e-3
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
        self.mean = equations.centre + self._solve(equations.pull, MEAN)[:-1]

    def variance(self, member: int, other: int | None = None) -> float:
        """Return the variance of a member's expected score, or of its difference to that of `other`."""
        contrast = np.zeros(self._equations.size)
        contrast[member] += 1.0
        if other is not None:
            contrast[other] -= 1.0
        # A member has no difference to itself.
        return float(contrast @ self._solve(contrast, VARIANCE)) if contrast.any() else 0.0

    def variances(self) -> Array:
        """Return the variance of every member's expected score. Shape (members,)."""
        return np.array(np.linalg.inv(self._equations.dense()).diagonal()[:-1], dtype=np.float64)

    def draw(self, rng: Random, count: int = 1) -> Array:
        """Return joint draws of the members' expected scores. Shape (count, members)."""
        generator = np.random.default_rng(rng.getrandbits(128))
        draws = [self._solve(self._equations.perturbed(generator), DRAW)[:-1] for _ in range(count)]
        return self.mean + np.array(draws).reshape(count, len(self.mean))

    def _solve(self, right: Array, tolerance: float) -> Array:
        """Return the solution by conjugate gradients, preconditioned by the diagonal."""
        times, diagonal = self._equations.times, self._equations.diagonal
        solution, residual = np.zeros_like(right), right.copy()
        scaled = residual / diagonal
        direction, size = scaled.copy(), float(residual @ scaled)
        enough = tolerance * tolerance * size
        for _ in range(PATIENCE):
            if size <= enough:
                return solution
            image = times(direction)
            length = size / float(direction @ image)
            solution += length * direction
            residual -= length * image
            scaled = residual / diagonal
            before, size = size, float(residual @ scaled)
            direction *= size / before
            direction += scaled
        return np.asarray(np.linalg.solve(self._equations.dense(), right))
