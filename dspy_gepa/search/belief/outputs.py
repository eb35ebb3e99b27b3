"""Inference-time search: the best output for every validation row, and which members gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dspy_gepa.search.frontier import winners
from dspy_gepa.search.pool import Pool
from dspy_gepa.types import Outcome, Rollout, Row


def best_members(pool: Pool) -> dict[Row, list[int]]:
    """For every validation row that some member was run on, the members with the best score there.

    Ties are kept, in order of discovery.
    """
    wins = winners(pool.scores[:, : len(pool.val_rows)])
    best = {row: np.flatnonzero(wins[:, column]).tolist() for column, row in enumerate(pool.val_rows)}
    return {row: members for row, members in best.items() if members}


def best_outputs(pool: Pool, recall: Callable[[Rollout], Outcome | None]) -> dict[Row, list[tuple[int, Any]]]:
    """By validation row, the members that are best on it, each with what the program gave there.

    Args:
        pool: The pool at the end of a run.
        recall: The remembered outcome of a rollout; None where there is none.

    Returns:
        Pairs of a member's index and its output as plain data, empty when the program failed.
    """
    found: dict[Row, list[tuple[int, Any]]] = {}
    for row, members in best_members(pool).items():
        outcomes = {m: recall(Rollout(pool.members[m].candidate, row)) for m in members}
        found[row] = [(m, outcome.output) for m, outcome in outcomes.items() if outcome is not None]
    return found
