"""What the sandbox is asked and what it answers, as data that goes between processes as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST_CHARS = 300
PATIENCE = 10  # seconds of the clock for each of a processor: other work on the machine is no fault


@dataclass(frozen=True)
class Job:
    """One piece of code to judge; all code is source text.

    Attributes:
        function: The function that candidate and reference define.
        candidate: The code nobody has read.
        reference: Code that gives the right results, and the speed to compare with.
        cases: Code that defines `cases(rng)`, which gives arguments by the name of the case, and `load(rng)`,
            which gives the arguments that are timed; they have to depend on `rng`.
        repeats: How often both are timed, each time on other arguments; the best counts.
        declaration: The prototype of a C function: candidate and reference are then C. "" for Python.
        binding: For C, Python code that defines the function once more: it takes the C function, what gives
            the address of an array, and the arguments, and gives the result.
    """

    function: str
    candidate: str
    reference: str
    cases: str
    repeats: int = 10
    declaration: str = ""
    binding: str = ""

    def to_json(self) -> str:
        """The job on one line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class CaseResult:
    """One case: whether the result was right, and what was wrong with it in words."""

    name: str
    right: bool
    said: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a job.

    Attributes:
        error: Why nothing could be judged: it does not compile, took too long, was killed. Else "".
        cases: What came of each case, in order.
        seconds: The best time of one call on the load, of a processor; None when it was not timed, since a
            case was wrong.
        reference_seconds: The same of the reference.
    """

    error: str = ""
    cases: tuple[CaseResult, ...] = ()
    seconds: float | None = None
    reference_seconds: float | None = None

    @property
    def share_right(self) -> float:
        """Share of cases that were right; 0 when none was run."""
        return sum(case.right for case in self.cases) / len(self.cases) if self.cases else 0.0

    @property
    def speedup(self) -> float | None:
        """How many times as fast as the reference it is; None when it was not timed."""
        if self.seconds is None or self.reference_seconds is None:
            return None
        return self.reference_seconds / max(self.seconds, 1e-9)

    def to_json(self) -> str:
        """The report on one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report in a line that comes from a process nobody trusts: checked, bounded, never run.

        Raises:
            ValueError: The text is no report.
        """
        try:
            return cls._of(json.loads(text))
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a report: {text[:80]!r}") from error

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> Report:
        return cls(
            error=bounded(data["error"]),
            cases=tuple(
                CaseResult(bounded(case["name"]), bool(case["right"]), bounded(case["said"]))
                for case in data["cases"]
            ),
            seconds=seconds_of(data["seconds"]),
            reference_seconds=seconds_of(data["reference_seconds"]),
        )


def bounded(text: Any) -> str:
    """Text from code nobody has read: cut, on one line, without control characters."""
    line = " ".join(str(text).split())
    shown = "".join(letter for letter in line if letter.isprintable())
    return shown if len(shown) <= MOST_CHARS else shown[:MOST_CHARS] + " ..."


def seconds_of(value: Any) -> float | None:
    """A duration from a process nobody trusts, in seconds. Raises TypeError for anything else."""
    if value is None:
        return None
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise TypeError(f"no duration: {value!r}")
    return seconds
