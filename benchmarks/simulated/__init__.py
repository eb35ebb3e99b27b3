"""Simulated language models: stand-ins for a model when search algorithms are compared.

They read whatever prompt a DSPy program or optimizer sends and answer as a pure function of it. They say
nothing about any real model. Start with `task_lm` and `reflection_lm`.
"""

from benchmarks.simulated.engine import (
    AsyncSimulatedEngine,
    Role,
    SimulatedEngine,
    reflection_lm,
    simulated_lm,
    task_lm,
)
from benchmarks.simulated.knobs import AnswerKey, Fact, Knobs

__all__ = [
    "AnswerKey",
    "AsyncSimulatedEngine",
    "Fact",
    "Knobs",
    "Role",
    "SimulatedEngine",
    "reflection_lm",
    "simulated_lm",
    "task_lm",
]
