"""dspy_gepa: reflective prompt evolution (GEPA, arXiv 2507.19457) as a DSPy optimizer."""

from dspy_gepa.errors import (
    ConfigurationError,
    GEPAError,
    InfrastructureError,
    MetricError,
    ProgramError,
    ReflectionError,
)
from dspy_gepa.gepa import GEPA
from dspy_gepa.results import GEPAResult
from dspy_gepa.types import Candidate, Proposal

__all__ = [
    "GEPA",
    "Candidate",
    "ConfigurationError",
    "GEPAError",
    "GEPAResult",
    "InfrastructureError",
    "MetricError",
    "ProgramError",
    "Proposal",
    "ReflectionError",
]
