"""The scores of members on rows, most of them unknown: immutable, and cheap to extend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.frontier import Scores

Indices = NDArray[np.intp]


class KnownScores(NamedTuple):
    """The known scores of one member.

    Attributes:
        columns: The columns, ascending.
        scores: The score in each of them.
    """

    columns: Indices
    scores: Scores


class Entries(NamedTuple):
    """All known scores, by member and then by column.

    Attributes:
        members: The member of each.
        columns: The column of each.
        scores: The score of each.
    """

    members: Indices
    columns: Indices
    scores: Scores


UNKNOWN = KnownScores(np.zeros(0, dtype=np.intp), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Table:
    """The scores of members on rows.

    A run of many members knows few scores of each. A table holds these alone, and tables that follow from
    each other share their lines, so that an extension costs no more than the line that changes.

    Attributes:
        lines: The known scores of each member.
        width: Number of columns.
    """

    lines: tuple[KnownScores, ...]
    width: int

    @classmethod
    def of(cls, scores: Scores) -> Table:
        """Return the table of a matrix of shape (members, columns), NaN where a score is unknown."""
        return cls(tuple(map(_line, scores)), scores.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of members and of columns."""
        return len(self.lines), self.width

    def line(self, member: int) -> Scores:
        """Return the scores of a member, NaN where they are unknown. Shape (columns,)."""
        columns, scores = self.lines[member]
        line = np.full(self.width, np.nan)
        line[columns] = scores
        return line

    def at(self, member: int, columns: Sequence[int]) -> Scores:
        """Return the scores of a member in some columns."""
        return np.asarray(self.line(member)[list(columns)])

    def column(self, column: int) -> Scores:
        """Return the scores of all members in a column, NaN where they are unknown. Shape (members,)."""
        members, columns, scores = self.entries
        found, here = np.full(len(self.lines), np.nan), columns == column
        found[members[here]] = scores[here]
        return found

    def dense(self) -> Scores:
        """Return the matrix of shape (members, columns), NaN where a score is unknown."""
        matrix = np.full(self.shape, np.nan)
        members, columns, scores = self.entries
        matrix[members, columns] = scores
        return matrix

    def with_line(self, scores: Scores) -> Table:
        """Return the table with a further member. Shape (columns,), NaN where a score is unknown."""
        return replace(self, lines=(*self.lines, _line(scores)))

    def with_scores(self, member: int, columns: Sequence[int], scores: Sequence[float] | Scores) -> Table:
        """Return the table with these scores of a member; NaN makes one unknown."""
        if not len(columns):
            return self
        line = self.line(member)
        line[list(columns)] = scores
        return replace(self, lines=(*self.lines[:member], _line(line), *self.lines[member + 1 :]))

    @cached_property
    def known(self) -> int:
        """Number of known scores."""
        return sum(len(columns) for columns, _ in self.lines)

    @cached_property
    def highest(self) -> float:
        """The highest known score; minus infinity without any."""
        return max((float(scores.max()) for _, scores in self.lines if len(scores)), default=-math.inf)

    @cached_property
    def entries(self) -> Entries:
        """All known scores."""
        columns = [line.columns for line in self.lines]
        sizes = np.fromiter(map(len, columns), np.intp, len(columns))
        return Entries(
            np.repeat(np.arange(len(columns)), sizes),
            np.concatenate([UNKNOWN.columns, *columns]),
            np.concatenate([UNKNOWN.scores, *(line.scores for line in self.lines)]),
        )

    @property
    def counts(self) -> Indices:
        """Number of members known in each column. Shape (columns,)."""
        return np.bincount(self.entries.columns, minlength=self.width)


def _line(scores: Scores) -> KnownScores:
    columns = np.flatnonzero(~np.isnan(scores))
    return KnownScores(columns, scores[columns])
