"""dspy_gepa: reflective prompt evolution (GEPA, arXiv 2507.19457) as a DSPy optimizer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspy_gepa.errors import (
        ConfigurationError,
        GEPAError,
        InfrastructureError,
        JournalError,
        MetricError,
        ProgramError,
        ReflectionError,
        RunInterrupted,
    )
    from dspy_gepa.gepa import GEPA
    from dspy_gepa.program.text import Text
    from dspy_gepa.result import GEPAResult
    from dspy_gepa.run import RunState
    from dspy_gepa.runtime.executors import AsyncExecutor, RayExecutor
    from dspy_gepa.runtime.forecast import Forecast
    from dspy_gepa.runtime.policy import RetryPolicy
    from dspy_gepa.steps import Proposal
    from dspy_gepa.types import Candidate

__all__ = [
    "GEPA",
    "AsyncExecutor",
    "Candidate",
    "ConfigurationError",
    "Forecast",
    "GEPAError",
    "GEPAResult",
    "InfrastructureError",
    "JournalError",
    "MetricError",
    "ProgramError",
    "Proposal",
    "RayExecutor",
    "ReflectionError",
    "RetryPolicy",
    "RunInterrupted",
    "RunState",
    "Text",
]

# Imported when they are asked for: DSPy takes seconds to import, and the command line has no use for it.
_HOME = {
    "GEPA": "gepa",
    "AsyncExecutor": "runtime.executors",
    "Candidate": "types",
    "Forecast": "runtime.forecast",
    "GEPAResult": "result",
    "Proposal": "steps",
    "RayExecutor": "runtime.executors",
    "RetryPolicy": "runtime.policy",
    "RunState": "run",
    "Text": "program.text",
}


if not TYPE_CHECKING:  # else type checkers would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """What `__all__` names, from the module where it is."""
        if name not in __all__:
            raise AttributeError(f"module 'dspy_gepa' has no attribute {name!r}")
        value = getattr(import_module(f"dspy_gepa.{_HOME.get(name, 'errors')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
