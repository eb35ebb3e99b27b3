"""Counts rollouts that gave no answer, and decides when to warn and when to stop the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dspy_gepa.texts import counted
from dspy_gepa.types import Outcome, Reflection, Rollout, Row

# Failures are reported once they are more than this share of the rollouts, of this many or more.
REPORTED_SHARE, LEAST_ROLLOUTS = 0.5, 8
# A run goes on with this many rows, or this share of its rows, that a provider always fails; so with texts.
FEW_ROWS, ROWS_SHARE = 7, 0.6
FEW_TEXTS, TEXTS_SHARE = 4, 0.5


class FailedRollouts:
    """Counts the outcomes of a run. Each kind of warning is given once."""

    def __init__(self) -> None:
        self._rollouts = 0
        self._failures: Counter[str] = Counter()
        self._warned: set[str] = set()
        self._set_aside: set[Rollout] = set()
        self._answered: set[str] = set()
        self._texts: set[str] = set()
        self._rows: set[Row] = set()

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
        if self._rollouts < LEAST_ROLLOUTS or failed <= REPORTED_SHARE * self._rollouts:
            return None
        return self._once(
            "failed",
            f"{failed} of {counted(self._rollouts, 'rollout')} failed "
            f"({render_causes(self._failures)}), the last with {outcome.error}",
        )

    def add_reflection(self, reflection: Reflection) -> str | None:
        """Add the result of a reflection; return a warning, or None."""
        if not reflection.unavailable:
            return None
        return self._once(
            "reflection",
            "the provider of the reflection LM failed a prompt in every attempt while it answered others. "
            f"Such steps are rejected, and the search goes on. The error: {reflection.error}",
        )

    def objection(self, rollout: Rollout, outcome: Outcome) -> str | None:
        """Add a rollout that was executed; return the reason why the run cannot go on, once, or None.

        A text that a provider fails on every row is no sign that something is wrong with the rows.
        """
        self._rows.add(rollout.row)
        self._texts.add(rollout.candidate.id)
        if outcome.status != "unavailable":
            self._answered.add(rollout.candidate.id)
            return None
        self._set_aside.add(rollout)
        rows = {r.row for r in self._set_aside if r.candidate.id in self._answered}
        texts = {r.candidate.id for r in self._set_aside} - self._answered
        what = ""
        if len(rows) > max(FEW_ROWS, ROWS_SHARE * len(self._rows)):
            what = f"rollouts on {len(rows)} of {counted(len(self._rows), 'row')}"
        elif len(texts) > max(FEW_TEXTS, TEXTS_SHARE * len(self._texts)):
            what = f"every rollout of {len(texts)} of {counted(len(self._texts), 'candidate')}"
        return (
            self._once(
                "stop",
                f"The provider failed {what} in every attempt while it answered others, too many for a "
                f"result that means something. The last error: {outcome.error}",
            )
            if what
            else None
        )

    def _once(self, kind: str, warning: str) -> str | None:
        if kind in self._warned:
            return None
        self._warned.add(kind)
        return warning


def render_causes(causes: Mapping[str, int]) -> str:
    """Return the causes with their counts in words, the most frequent first."""
    return ", ".join(f"{count} {cause}" for cause, count in Counter(causes).most_common())
