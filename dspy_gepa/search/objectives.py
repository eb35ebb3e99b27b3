"""The metric's further scores, an array for each objective beside the pool's matrix of scores.

All functions are pure. The arrays have the shape of `Pool.scores`: (members, rows), NaN where an objective
is not known: the member was not run on the row, the program failed there, or the metric left it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dspy_gepa.search.frontier import Scores

Objectives = Mapping[str, Scores]


def with_row(objectives: Objectives) -> Objectives:
    """The arrays with a line of NaN for one more member."""
    return {
        name: np.vstack([scores, np.full(scores.shape[1], np.nan)]) for name, scores in objectives.items()
    }


def filled_in(
    objectives: Objectives,
    shape: tuple[int, ...],
    member: int,
    columns: Sequence[int],
    found: Sequence[Mapping[str, float]],
) -> Objectives:
    """The arrays with what was found of a member; an objective met for the first time gets an array.

    Args:
        objectives: The arrays as they are; they are not changed.
        shape: Of each array.
        member: Its line.
        columns: The rows it was run on.
        found: For each of these the objectives, or fewer of them than there are rows, when none is known.
    """
    if not any(found):
        return objectives
    names = dict.fromkeys([*objectives, *(name for one in found for name in one)])
    filled = {
        name: objectives[name].copy() if name in objectives else np.full(shape, np.nan) for name in names
    }
    for column, one in zip(columns, found, strict=False):
        for name, score in one.items():
            filled[name][member, column] = score
    return filled
