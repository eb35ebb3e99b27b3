"""The posterior's precision and pull as sparse lists: one entry for each score, few for each member.

With x the m_i and then `first` (the gain of the first rewriting, which no row shows directly), both in
scores minus their mean, the posterior solves

    P x = b,   P = L' V^-1 L + (diag(X v) - X diag(w v) X') / noise^2                                    (3)

L, V are the contrasts of (2) and their variances, X is the 0/1 matrix of observed scores, v_r the share of a
row (`shares_of`), and w_r = row^2 / (noise^2 + n_r row^2) for a row seen by n_r members: integrating out its
effect leaves these members with the precision v_r (I - w_r 11') / noise^2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from dspy_gepa.search.belief.scales import Array, Parents, Scales, shares_of, spread_of
from dspy_gepa.search.table import Indices, Table

# Standard deviation of a root's prior, in spreads: far beyond the information in any score.
VAGUE = 10.0
# Standard deviation of the gain of a trimmed member over its parent, in drifts.
TRIMMED = 0.25


class Sparse:
    """A sparse matrix that multiplies vectors, one or a line of many each.

    Args:
        lines: The line of each entry, ascending.
        columns: The column of each entry.
        values: The value of each entry; None if all are 1.
        height: Number of lines.
    """

    def __init__(self, lines: Indices, columns: Indices, values: Array | None, height: int) -> None:
        self._columns, self._values, self._height = columns, values, height
        begins = np.flatnonzero(np.diff(lines, prepend=-1))
        self._begins, self._filled = begins, lines[begins]

    def __matmul__(self, vector: Array) -> Array:
        """Return the product with a vector, or with each line of a matrix."""
        entries = vector.take(self._columns, axis=-1)
        if self._values is not None:
            entries *= self._values
        if self._height and len(self._filled) == self._height:
            return np.asarray(np.add.reduceat(entries, self._begins, axis=-1))
        product = np.zeros((*vector.shape[:-1], self._height))
        if len(self._begins):
            product[..., self._filled] = np.add.reduceat(entries, self._begins, axis=-1)
        return product


def _sums(places: Indices, values: Array, size: int) -> Array:
    """Return the sum of the values at each place."""
    return np.asarray(np.bincount(places, values, minlength=size), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Lineage:
    """The contrasts L of equation (2), a line for `first` and then one for each member.

    Attributes:
        lines: The line of each entry, ascending.
        unknowns: The unknown of each entry: a member or, after them, `first`.
        factors: The value of each entry.
        shifts: Mean of each line.
        variances: Variance of each line.
    """

    lines: Indices
    unknowns: Indices
    factors: Array
    shifts: Array
    variances: Array

    @classmethod
    def of(cls, parents: Parents, trimmed: Collection[int], scales: Scales, spread: float) -> Lineage:
        """Return the contrasts of members with these parents; arguments as of `estimate`."""
        members, first = len(parents), len(parents)
        sizes = np.fromiter(map(len, parents), np.intp, members)
        children, origins = np.repeat(np.arange(members), sizes), np.fromiter(chain(*parents), np.intp)
        root = sizes == 0
        later = np.bincount(children[~root[origins]], minlength=members) > 0
        shorter = np.zeros(members, dtype=bool)
        shorter[[*trimmed]] = True
        shorter &= ~root
        opening = np.flatnonzero(~root & ~later & ~shorter)
        drift = np.where(shorter, TRIMMED * scales.drift, scales.drift)
        lines = np.concatenate([[0], np.arange(members) + 1, children + 1, opening + 1])
        order = np.argsort(lines, kind="stable")
        unknowns = np.concatenate([[first], np.arange(members), origins, np.full(len(opening), first)])
        factors = np.concatenate([np.ones(members + 1), -1.0 / sizes[children], np.full(len(opening), -1.0)])
        return cls(
            lines[order],
            unknowns[order],
            factors[order],
            shifts=np.append(0.0, np.where(later & ~shorter, scales.drift_mean, 0.0)),
            variances=np.append(spread, np.where(root, VAGUE * spread, drift)) ** 2,
        )

    @cached_property
    def pull(self) -> Array:
        """L' V^-1 times the means."""
        return self.collect(self.shifts / self.variances)

    def collect(self, values: Array) -> Array:
        """Return L' times a vector."""
        return _sums(self.unknowns, self.factors * values[self.lines], len(self.shifts))

    @cached_property
    def entries(self) -> tuple[Indices, Indices, Array]:
        """The entries of L' V^-1 L: lines, columns and values, some for the same place."""
        begins = np.searchsorted(self.lines, self.lines, side="left")
        sizes = np.searchsorted(self.lines, self.lines, side="right") - begins
        # Each entry meets all of its line.
        first = np.repeat(np.arange(len(self.lines)), sizes)
        offsets = np.arange(len(first)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        second = begins[first] + offsets
        values = self.factors[first] * self.factors[second] / self.variances[self.lines[first]]
        return self.unknowns[first], self.unknowns[second], values


class Equations:
    """Equation (3) for the scores of a run.

    Attributes:
        size: Number of unknowns: the members and `first`.
        centre: Mean of all scores, which x is measured from.
        scales: Scales of the model.
        pull: The right side b.

    Args:
        table: The scores.
        parents: Indices of each member's parents.
        trimmed: Members that are their parent without some sentences.
        scales: Scales of the model.
        weights: Weight of each row, or None.
    """

    def __init__(
        self,
        table: Table,
        parents: Parents,
        trimmed: Collection[int],
        scales: Scales,
        weights: Array | None,
    ) -> None:
        self.size, self.scales = len(parents) + 1, scales
        self._members, columns, scores = table.entries
        self.centre, spread = spread_of(scores)
        counts = table.counts
        # Rows that nobody saw have no part in it.
        seen = np.flatnonzero(counts)
        self._rows = (np.cumsum(counts > 0) - 1)[columns]
        self._share, counts = shares_of(counts, weights)[seen], counts[seen]
        self._per_ease = scales.row / (scales.noise**2 + counts * scales.row**2)
        self._weight = scales.row * self._per_ease
        self._lineage = Lineage.of(parents, trimmed, scales, spread)
        self.pull = self._lineage.pull + self._on_members((scores - self.centre) * self._share[self._rows])

    def _on_members(self, scaled: Array) -> Array:
        """Return what scores, each times the share of its row, pull at the members."""
        sums = np.bincount(self._rows, scaled, minlength=len(self._weight))
        left = scaled - (self._weight * sums)[self._rows]
        return _sums(self._members, left, self.size) / self.scales.noise**2

    def perturbed(self, generator: np.random.Generator) -> Array:
        """Return a draw from N(0, P): solved for, it is a draw from N(0, P^-1)."""
        lineage = self._lineage
        normal = generator.standard_normal(len(lineage.shifts)) / np.sqrt(lineage.variances)
        spread = np.sqrt(self._share)
        scores = generator.standard_normal(len(self._rows)) * spread[self._rows] * self.scales.noise
        # A row's own prior is a further equation of its effect, which is eliminated with it.
        eases = self._per_ease * spread * generator.standard_normal(len(spread))
        members = self._on_members(scores) - _sums(self._members, eases[self._rows], self.size)
        return lineage.collect(normal) + members

    @cached_property
    def diagonal(self) -> Array:
        """The diagonal of P."""
        lines, columns, values = self._lineage.entries
        own = lines == columns
        diagonal = _sums(lines[own], values[own], self.size)
        each = (self._share * (1 - self._weight))[self._rows] / self.scales.noise**2
        return diagonal + _sums(self._members, each, self.size)

    @cached_property
    def _products(self) -> tuple[Array, Sparse, Sparse, Sparse, Array]:
        lines, columns, values = self._lineage.entries
        apart = lines != columns
        diagonal = _sums(lines[~apart], values[~apart], self.size)
        shares = _sums(self._members, self._share[self._rows], self.size)
        order = np.argsort(lines[apart], kind="stable")
        family = Sparse(lines[apart][order], columns[apart][order], values[apart][order], self.size)
        by_member = Sparse(self._members, self._rows, None, self.size)
        order = np.argsort(self._rows, kind="stable")
        by_row = Sparse(self._rows[order], self._members[order], None, len(self._weight))
        noise2 = self.scales.noise**2
        return diagonal + shares / noise2, family, by_row, by_member, self._weight * self._share / noise2

    def times(self, vector: Array) -> Array:
        """Return P times a vector, or times each line of a matrix."""
        diagonal, family, by_row, by_member, weight = self._products
        return diagonal * vector + family @ vector - by_member @ (weight * (by_row @ vector))

    def dense(self) -> Array:
        """Return P as a matrix."""
        lines, columns, values = self._lineage.entries
        matrix = np.zeros((self.size, self.size))
        np.add.at(matrix, (lines, columns), values)
        root = np.sqrt(self._weight * self._share) / self.scales.noise
        shrunk = np.zeros((self.size, len(root)))
        shrunk[self._members, self._rows] = root[self._rows]
        matrix -= shrunk @ shrunk.T
        each = self._share[self._rows] / self.scales.noise**2
        matrix[np.diag_indices(self.size)] += _sums(self._members, each, self.size)
        return matrix
