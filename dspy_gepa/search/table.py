"""The scores of members on rows, most of them unknown: immutable, and cheap to extend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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

    @classmethod
    def of(cls, scores: Scores) -> KnownScores:
        """Return the known scores of a line, NaN where a score is unknown."""
        columns = np.flatnonzero(~np.isnan(scores))
        return cls(columns, scores[columns])

    @property
    def highest(self) -> float:
        """The highest of them; minus infinity without any."""
        return float(self.scores.max(initial=-math.inf))


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

    def with_line(self, member: int, line: KnownScores) -> Entries:
        """Return the entries with this line of a member."""
        begin, end = np.searchsorted(self.members, [member, member + 1]).tolist()
        new = (np.full(len(line.columns), member), *line)
        return Entries(
            *(np.concatenate([old[:begin], own, old[end:]]) for old, own in zip(self, new, strict=True))
        )


UNKNOWN = KnownScores(np.zeros(0, dtype=np.intp), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Table:
    """The scores of members on rows.

    A run of many members knows few scores of each. A table holds these alone, and tables that follow from
    each other share their lines, so that an extension costs no more than the line that changes.

    Attributes:
        lines: The known scores of each member.
        width: Number of columns.
        known: Number of known scores.
        highest: The highest of them; minus infinity without any.
    """

    lines: tuple[KnownScores, ...]
    width: int
    known: int = 0
    highest: float = -math.inf

    @classmethod
    def of(cls, scores: Scores) -> Table:
        """Return the table of a matrix of shape (members, columns), NaN where a score is unknown."""
        lines = tuple(map(KnownScores.of, scores))
        return cls(lines, scores.shape[1], sum(len(line.columns) for line in lines), _highest(lines))

    @classmethod
    def unknown(cls, members: int, width: int) -> Table:
        """Return a table without a known score."""
        return cls((UNKNOWN,) * members, width)

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
        return self._with(len(self.lines), KnownScores.of(scores))

    def with_scores(self, member: int, columns: Sequence[int], scores: Sequence[float] | Scores) -> Table:
        """Return the table with these scores of a member; NaN makes one unknown."""
        if not len(columns):
            return self
        line = self.line(member)
        line[list(columns)] = scores
        return self._with(member, KnownScores.of(line))

    def _with(self, member: int, line: KnownScores) -> Table:
        """Return the table with this line of a member; the next member is a further one."""
        before = self.lines[member] if member < len(self.lines) else UNKNOWN
        lines = (*self.lines[:member], line, *self.lines[member + 1 :])
        highest = max(self.highest, line.highest)
        if before.highest == highest > line.highest:
            highest = _highest(lines)
        known = self.known + len(line.columns) - len(before.columns)
        table = Table(lines, self.width, known, highest)
        if (entries := vars(self).get("entries")) is not None:  # else nobody asked for them yet
            vars(table)["entries"] = entries.with_line(member, line)
        return table

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

    def forget(self) -> None:
        """Free the memory of `entries`; they are listed again when somebody asks."""
        vars(self).pop("entries", None)


def _highest(lines: Sequence[KnownScores]) -> float:
    return max((line.highest for line in lines), default=-math.inf)
