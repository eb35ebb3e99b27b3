"""The judge role of the record worlds: grades values against references, with a noise of its own.

The grade is a pure function of the judge's prompt, so the same values get the same grade in every run; what
the noise hides is which of two different answers is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import unit

NEARLY = 0.4


@dataclass(frozen=True)
class RecordJudge:
    """The judge role. `noise` is the standard deviation of a grade between 0 and 1."""

    salt: str
    noise: float

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """A grade from 0 to 10 for the lines of `given`; nothing for prompts of another kind."""
        if "given" not in prompt.inputs or "reference" not in prompt.inputs:
            return {}
        true = merit(prompt.inputs["given"], prompt.inputs["reference"])
        # Twelve uniform numbers have variance 1 together.
        seen = sorted(prompt.inputs.items())
        draws = [unit(self.salt, seed, "grade", number, *seen) for number in range(12)]
        grade = true + self.noise * (sum(draws) - 6)
        return {"grade": f"{10 * min(1.0, max(0.0, grade)):.1f}"}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "judge", "salt": self.salt, "noise": self.noise}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RecordJudge:
        """The role that `to_json` wrote."""
        return cls(data["salt"], data["noise"])


def merit(given: str, reference: str) -> float:
    """How good the lines of `given` are: 1 for an exact line, up to `NEARLY` for a similar one."""
    wanted = reference.splitlines()
    lines = given.splitlines()
    lines += [""] * (len(wanted) - len(lines))
    parts = [
        1.0 if line == right else NEARLY * SequenceMatcher(None, line, right).ratio()
        for line, right in zip(lines, wanted, strict=False)
    ]
    return sum(parts) / len(parts) if parts else 0.0
