"""What a run tells ``GEPA(callbacks=[...])`` while it goes on: one frozen dataclass per event.

In which order, and what callbacks may do: ``docs/events.md``.
"""

from __future__ import annotations

from dspy_gepa.events.base import Event
from dspy_gepa.events.effects import AttemptFailed, ReflectionDone, RolloutDone
from dspy_gepa.events.run import Failed, Finished, ForecastMade, RunStarted, Stopping
from dspy_gepa.events.steps import (
    BestSoFar,
    BudgetSpent,
    Evaluated,
    ProposalAccepted,
    ProposalRejected,
    ProposalSkipped,
    StepPlanned,
)
from dspy_gepa.steps import StepKind

__all__ = [
    "EVENTS",
    "AttemptFailed",
    "BestSoFar",
    "BudgetSpent",
    "Evaluated",
    "Event",
    "Failed",
    "Finished",
    "ForecastMade",
    "ProposalAccepted",
    "ProposalRejected",
    "ProposalSkipped",
    "ReflectionDone",
    "RolloutDone",
    "RunStarted",
    "StepKind",
    "StepPlanned",
    "Stopping",
]

EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    ForecastMade,
    StepPlanned,
    RolloutDone,
    ReflectionDone,
    AttemptFailed,
    ProposalAccepted,
    ProposalRejected,
    ProposalSkipped,
    Evaluated,
    BestSoFar,
    BudgetSpent,
    Stopping,
    Finished,
    Failed,
)
"""All there are, about in the order in which a run tells them."""
