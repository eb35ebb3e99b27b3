"""Counts rollouts that gave no answer, and says when a user should know of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dspy_gepa.types import Outcome

# Number of rollouts from which on a share of failures means something, and the share that is reported.
COUNTED, MANY = 8, 0.5


class FailedRollouts:
    """Counts the outcomes of a run. Each kind of warning is given once."""

    def __init__(self) -> None:
        self._rollouts = 0
        self._failures: Counter[str] = Counter()
        self._warned: set[str] = set()

    def add(self, outcome: Outcome) -> str | None:
        """Add an outcome; return a warning, or None."""
        self._rollouts += 1
        if outcome.status == "unavailable":
            return self._once(
                "unavailable",
                "a provider failed a rollout in every attempt while it answered others. Such rollouts are "
                f"set aside: they count, and have no score. The error: {outcome.error}",
            )
        if outcome.status != "program_failed":
            return None
        self._failures[outcome.cause or "unknown"] += 1
        failed = sum(self._failures.values())
        if self._rollouts < COUNTED or failed <= MANY * self._rollouts:
            return None
        return self._once(
            "failed",
            f"{failed} of {self._rollouts} rollouts failed ({render_causes(self._failures)}), the last with "
            f"{outcome.error}",
        )

    def _once(self, kind: str, warning: str) -> str | None:
        if kind in self._warned:
            return None
        self._warned.add(kind)
        return warning


def render_causes(causes: Mapping[str, int]) -> str:
    """Return the causes with their counts in words, the most frequent first."""
    return ", ".join(f"{count} {cause}" for cause, count in Counter(causes).most_common())
