"""Summaries of the pool: scores with intervals, levels by objective and group, best outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dspy_gepa.program.objectives import length_of
from dspy_gepa.search.belief.belief import Belief
from dspy_gepa.search.frontier import Scores, winners
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.table import Table
from dspy_gepa.types import Levels, Outcome, Rollout, Row

Interval = tuple[float, float]


@dataclass(frozen=True)
class PoolSummary:
    """The scores of all members at one time.

    Attributes:
        scores: Mean validation score of each member if all are validated, else its expected score.
        intervals: Interval that holds the expected score of each member with probability 0.9.
        gain: Expected gain of the best member over the original.
        gain_interval: Interval that holds this gain with probability 0.9.
    """

    scores: tuple[float, ...]
    intervals: tuple[Interval, ...]
    gain: float
    gain_interval: Interval


def summarize_pool(pool: Pool, best: int, *, validates_all: bool) -> PoolSummary:
    """Return the scores of all members and the gain of the member `best`.

    Args:
        pool: The pool.
        best: Index of the member that would be returned.
        validates_all: True if the strategy runs every member on all validation rows.
    """
    scores = pool.belief.all_scores()
    return PoolSummary(
        scores=tuple(pool.means) if validates_all else tuple(score.expected for score in scores),
        intervals=tuple(score.interval() for score in scores),
        gain=scores[best].expected - scores[0].expected,
        gain_interval=pool.belief.gain(best, 0).interval(),
    )


def means_by_objective(pool: Pool, *, validates_all: bool, measured: Sequence[str] = ()) -> Levels:
    """Return every member's mean by objective, and its score in each group of rows with its interval.

    If all members were evaluated on the same validation rows, this is their mean. Otherwise it is the
    posterior mean; rows without the objective are treated as missing at random, and a group is estimated
    from its own rows alone.

    Args:
        pool: The pool.
        validates_all: True if the strategy runs every member on all validation rows.
        measured: Names of the ready objectives; the length of the texts is known exactly.
    """
    if not pool.is_run(0):
        return Levels()
    objectives = {
        name: _means(pool, scores, pool.objective_beliefs[name], validates_all, bounded=name not in measured)
        for name, scores in pool.objectives.items()
    }
    if objectives and "length" in measured:
        objectives["length"] = tuple(length_of(member.candidate) for member in pool.members)
    groups, named = np.array(pool.row_weights.groups), sorted(set(pool.row_weights.groups))
    inside_of = {group: Table.of(np.where(groups == group, pool.scores, np.nan)) for group in named}
    beliefs = {group: pool.belief_from(table) for group, table in inside_of.items()}
    inside = groups[: len(pool.val_rows)]
    return Levels(
        objectives,
        {
            group: _means(pool, np.where(inside == group, pool.val_scores, np.nan), belief, validates_all)
            for group, belief in beliefs.items()
        },
        {
            group: tuple(score.interval() for score in belief.all_scores())
            for group, belief in beliefs.items()
        },
    )


def _means(
    pool: Pool, scores: Scores, belief: Belief, validates_all: bool, *, bounded: bool = True
) -> tuple[float, ...]:
    known = ~np.isnan(scores)
    if validates_all and known[0].any() and (known == known[0]).all():
        return tuple(pool.row_weights.mean(line) for line in scores)
    # Seconds and dollars are not on the scale of the metric.
    return tuple(s.expected for s in belief.all_scores()) if bounded else tuple(belief.mean.tolist())


def best_members(pool: Pool) -> dict[Row, list[int]]:
    """Return the members with the best score on every validation row that was run, earliest first."""
    wins = winners(pool.scores[:, : len(pool.val_rows)])
    best = {row: np.flatnonzero(wins[:, column]).tolist() for column, row in enumerate(pool.val_rows)}
    return {row: members for row, members in best.items() if members}


def best_outputs(pool: Pool, recall: Callable[[Rollout], Outcome | None]) -> dict[Row, list[tuple[int, Any]]]:
    """Return the best members on every validation row, each with the program's output there.

    Args:
        pool: The pool at the end of a run.
        recall: Returns the recorded outcome of a rollout, or None.

    Returns:
        Pairs of a member's index and its output as plain data, empty if the program failed.
    """
    found: dict[Row, list[tuple[int, Any]]] = {}
    for row, members in best_members(pool).items():
        outcomes = {m: recall(Rollout(pool.members[m].candidate, row)) for m in members}
        found[row] = [(m, outcome.output) for m, outcome in outcomes.items() if outcome is not None]
    return found
