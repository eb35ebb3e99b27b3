"""dspy_gepa: reflective prompt evolution (GEPA, arXiv 2507.19457) as a DSPy optimizer."""

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
from dspy_gepa.results import GEPAResult
from dspy_gepa.runtime.executors import AsyncExecutor, RayExecutor
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.steps import Proposal
from dspy_gepa.stopping import RunState
from dspy_gepa.text import Text
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
