"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """So many cases of `what` were tried, and so many came out as they should.

    note: what to know about the rest, or about the check; may be empty.
    """

    what: str
    cases: int
    passed: int
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether all cases passed, and there were some."""
        return 0 < self.cases == self.passed
