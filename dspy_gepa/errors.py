"""Every error this package raises, in one tree.

GEPAError
├── ConfigurationError   an argument is wrong (also a ValueError)
├── MetricError          the metric does not keep its contract
├── ProgramError         the program itself cannot run on its own data
├── ReflectionError      the reflection language model gives no usable answer
├── RunInterrupted       somebody pressed Ctrl-C (also a KeyboardInterrupt)
├── JournalError         the run in log_dir cannot be resumed or written
├── ContractError        a part failed a check of `dspy_gepa.testing` (also an AssertionError)
└── InfrastructureError  a provider failed; carries the best program so far
"""

from __future__ import annotations

from typing import Any


class GEPAError(Exception):
    """Base of all errors of this package.

    Attributes:
        program: The best program found before the error, or None when the search had not started.
            It is set by `GEPA.compile` on its way out.
    """

    program: Any = None


class ConfigurationError(GEPAError, ValueError):
    """An argument is wrong.

    Raised before any rollout is spent; later only when a function that was given as an argument fails.
    """


class MetricError(GEPAError):
    """The metric raised, or returned something that is not a score.

    Attributes:
        row: The row it failed on, where that is known.
    """

    row: Any = None


class ProgramError(GEPAError):
    """The program raises on every row it is given, so that there is nothing to optimize."""


class ReflectionError(GEPAError):
    """The reflection language model failed too often in a row to go on."""


class JournalError(GEPAError):
    """The journal in `log_dir` is damaged, in use, or belongs to another run."""


class RunInterrupted(GEPAError, KeyboardInterrupt):  # noqa: N818  # named like KeyboardInterrupt
    """The run was stopped by SIGINT, SIGTERM or SIGHUP; ``error.program`` is the best program so far."""


class ContractError(GEPAError, AssertionError):
    """A part of the user's own does not do what a search asks of it; raised by `dspy_gepa.testing` alone.

    Attributes:
        rule: What holds for every part of its kind.
        found: What this one did, and with what it was called.
        remedy: What to do about it.
    """

    def __init__(self, what: str, *, rule: str, found: str, remedy: str) -> None:
        said = {"The rule": rule, "Found": found, "Remedy": remedy}
        lines = [f"  {name}: {text}{'' if text.endswith(('.', '?')) else '.'}" for name, text in said.items()]
        super().__init__("\n".join([f"{what} breaks its contract.", *lines]))
        self.rule = rule
        self.found = found
        self.remedy = remedy


class InfrastructureError(GEPAError):
    """A language model or another service failed for good. Such failures never become scores.

    Attributes:
        causes: How often each cause was met, e.g. ``{"LMRateLimitError": 12}``.
    """

    def __init__(self, message: str, causes: dict[str, int] | None = None) -> None:
        super().__init__(message)
        self.causes = dict(causes or {})
