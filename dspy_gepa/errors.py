"""All errors of this package, in one tree.

GEPAError
├── ConfigurationError   an argument is wrong (also a ValueError)
├── MetricError          the metric breaks its contract
├── ProgramError         the program fails on its own data
├── ReflectionError      the reflection LM gives no usable answer
├── RunInterrupted       the run was stopped, by Ctrl-C say (also a KeyboardInterrupt)
├── JournalError         the run in log_dir cannot be resumed or written
├── InternalError        this package itself failed: a bug, to be reported
├── ContractError        a part failed a check of `dspy_gepa.testing` (also an AssertionError)
└── InfrastructureError  a provider failed; carries the best program so far
"""

from __future__ import annotations

from typing import Any


class GEPAError(Exception):
    """Base of all errors of this package.

    Attributes:
        program: The best program found before the error, or None if the search had not started. It is set
            when the error leaves `GEPA.compile`.
    """

    program: Any = None


class ConfigurationError(GEPAError, ValueError):
    """An argument is wrong.

    Raised before any rollout is spent; later only when a function that was given as an argument fails.
    """


class MetricError(GEPAError):
    """The metric raised, or returned something that is not a score.

    Attributes:
        row: The row it failed on, if known.
    """

    row: Any = None


class ProgramError(GEPAError):
    """The program raises on every row, so that there is nothing to optimize."""


class ReflectionError(GEPAError):
    """The reflection LM gave too many unusable answers in a row."""


class JournalError(GEPAError):
    """The journal in `log_dir` is damaged, in use, or belongs to another run."""


class InternalError(GEPAError):
    """This package failed where neither the program, nor the metric, nor a model did. Please report it."""


class RunInterrupted(GEPAError, KeyboardInterrupt):  # noqa: N818  # named like KeyboardInterrupt
    """The run was stopped by SIGINT, SIGTERM or SIGHUP; ``error.program`` is the best program so far."""


class ContractError(GEPAError, AssertionError):
    """A user's function breaks the contract of its option; raised by `dspy_gepa.testing` only.

    Attributes:
        rule: The rule for all functions of this option.
        found: The behaviour that broke it, with the arguments of the call.
        remedy: The way to repair it.
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
        causes: Number of failures by cause, e.g. ``{"LMRateLimitError": 12}``.
    """

    def __init__(self, message: str, causes: dict[str, int] | None = None) -> None:
        super().__init__(message)
        self.causes = dict(causes or {})
