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


def simba_steps(budget: int, batch: int, rows: int, samples: int = 6) -> int:
    """How many steps of `dspy.SIMBA` come near a budget, at least one.

    A step samples every row of its batch `samples` times and tries `samples + 1` candidates on it; after
    the last one, the winner of each step and the seed program are run on all train rows.
    """
    return max(1, (budget - rows) // ((2 * samples + 1) * batch + rows))
