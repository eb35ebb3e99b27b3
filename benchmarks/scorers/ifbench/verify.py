"""The checkers that have no official verdicts against their cases, before any money is spent on a run."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scorers.ifbench import check
from benchmarks.scorers.ifbench.cases import CASES, ODD, tried


@dataclass(frozen=True)
class CheckerReport:
    """Outcome of the cases of one checker.

    Attributes:
        id: The constraint.
        follow: Cases that follow it, not counting odd inputs.
        fail: Cases that do not, not counting odd inputs.
        failures: Cases it judged wrongly, each cut short.
    """

    id: str
    follow: int
    fail: int
    failures: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of cases, odd inputs included."""
        return self.follow + self.fail + len(ODD)


def verify() -> list[CheckerReport]:
    """Return a report on every checker that has cases."""
    return [_report(id) for id in CASES]


def _report(id: str) -> CheckerReport:
    cases = CASES[id]
    wrong = tuple(
        f"should {'' if expected else 'not '}follow: {text[:80]!r}"
        for text, expected in tried(id)
        if check(id, text, cases.kwargs) is not expected
    )
    return CheckerReport(id, len(cases.follow), len(cases.fail), wrong)
