"""Deciding whether a child is accepted, by the scores of its parent and its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Acceptance = Callable[[Sequence[float], Sequence[float]], bool]
"""Called with the scores of the parent and of the child on the rows of the trial; True accepts the child."""


def improves(before: Sequence[float], after: Sequence[float]) -> bool:
    """Return True if the sum over the same rows is strictly better (the artifact's rule)."""
    return math.fsum(after) > math.fsum(before)


def keeps_up(before: Sequence[float], after: Sequence[float]) -> bool:
    """Return True if the sum over the same rows is at least as good."""
    return math.fsum(after) >= math.fsum(before)
