"""The checkers against their cases, before any money is spent on a run."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.ifbench import CONSTRAINTS, check
from benchmarks.ifbench.cases import CASES, ODD, tried


@dataclass(frozen=True)
class Report:
    """How one checker did.

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
        """All cases."""
        return self.follow + self.fail + len(ODD)

    @property
    def line(self) -> str:
        """One line of text, and one more for each failure."""
        head = f"{self.id:<48} {self.follow} follow, {self.fail} fail, {len(ODD)} odd"
        return "\n".join([head, *(f"  WRONG: {failure}" for failure in self.failures)])


def verify() -> list[Report]:
    """A report on every checker, in the order of the registry."""
    return [_report(id) for id in CONSTRAINTS]


def _report(id: str) -> Report:
    cases = CASES[id]
    wrong = tuple(
        f"should {'' if expected else 'not '}follow: {text[:80]!r}"
        for text, expected in tried(id)
        if check(id, text, cases.kwargs) is not expected
    )
    return Report(id, len(cases.follow), len(cases.fail), wrong)
