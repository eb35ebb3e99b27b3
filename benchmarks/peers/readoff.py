"""What a run would have returned had its budget been smaller."""

from __future__ import annotations

from collections.abc import Sequence


def best_within(discovered: Sequence[int], means: Sequence[float], val_rows: int, budget: int) -> int:
    """The candidate with the best validation mean of those whose whole validation the budget pays.

    discovered: rollouts spent before each candidate's validation began. This is what both
        `dspy_gepa` and `gepa` (which snapshots its count before adding the validation) report; the seed,
        candidate 0, is returned when nothing else was paid for.
    """
    paid = [i for i, before in enumerate(discovered) if i == 0 or before + val_rows <= budget]
    return max(paid, key=lambda i: means[i])
