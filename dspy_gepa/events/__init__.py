"""Events of a run, for ``GEPA(callbacks=[...])``: their order and the rules are in ``docs/events.md``."""

from dspy_gepa.events.events import (
    EVENTS,
    TOPICS,
    AttemptFailed,
    Event,
    Failed,
    Finished,
    ForecastMade,
    MemberScore,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    Standing,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.steps import StepKind

__all__ = [
    "EVENTS",
    "TOPICS",
    "AttemptFailed",
    "Event",
    "Failed",
    "Finished",
    "ForecastMade",
    "MemberScore",
    "ReflectionDone",
    "RolloutDone",
    "RunStarted",
    "Standing",
    "StepCommitted",
    "StepKind",
    "StepPlanned",
    "Stopping",
]
