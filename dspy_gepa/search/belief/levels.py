"""What members reach beside their scores: by objective, and in each group of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dspy_gepa.program.objectives import length_of
from dspy_gepa.search.belief.estimate import Belief
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.pool import Pool
from dspy_gepa.types import Levels


def levels(pool: Pool, *, sparse: bool, measured: Sequence[str] = ()) -> Levels:
    """Every member's level of each objective, and its score in each group with its interval.

    A level is the mean over the validation rows where all members are known on the same ones, as after a
    search that is not sparse. Else raw means would compare different rows, and the level is what the member
    is believed to be worth, from all rows, in a group from those of the group alone; that takes no notice of
    why an objective is missing on a row. Of the `measured` ones, the ready objectives, the length of the
    texts is known exactly.
    """
    if not pool.is_run(0):
        return Levels()
    objectives = {
        name: _levels(pool, scores, pool.objective_beliefs[name], sparse)
        for name, scores in pool.objectives.items()
    }
    if objectives and "length" in measured:
        objectives["length"] = tuple(length_of(member.candidate) for member in pool.members)
    groups, named = np.array(pool.row_weights.groups), sorted(set(pool.row_weights.groups))
    beliefs = {group: pool.belief_from(np.where(groups == group, pool.scores, np.nan)) for group in named}
    inside = groups[: len(pool.val_rows)]
    return Levels(
        objectives,
        {
            group: _levels(pool, np.where(inside == group, pool.val_scores, np.nan), belief, sparse)
            for group, belief in beliefs.items()
        },
        {group: tuple(map(belief.interval, range(len(pool)))) for group, belief in beliefs.items()},
    )


def _levels(pool: Pool, scores: Scores, belief: Belief, sparse: bool) -> tuple[float, ...]:
    known = ~np.isnan(scores)
    if sparse or not known[0].any() or not (known == known[0]).all():
        return tuple(belief.mean.tolist())
    return tuple(pool.row_weights.mean(line) for line in scores)
