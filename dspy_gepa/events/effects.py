"""Events of single rollouts and reflections, as they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dspy_gepa.events.base import Event
from dspy_gepa.types import Outcome, Reflection, Row


@dataclass(frozen=True)
class RolloutDone(Event):
    """A rollout has its outcome. Each is told once, however many steps use it.

    Attributes:
        step: The step that asked first; of steps beside each other that is a matter of timing.
        row: The row.
        candidate: The candidate's id.
        outcome: Score, status, feedback, error and usage.
        replayed: Whether it comes from the journal of an earlier session; nothing was executed then.
        attempts: How often it was tried; 0 when it was replayed, as `seconds`.
        seconds: How long the last attempt took.
    """

    step: int
    row: Row
    candidate: str
    outcome: Outcome
    replayed: bool
    attempts: int
    seconds: float


@dataclass(frozen=True)
class ReflectionDone(Event):
    """The reflection model answered.

    Attributes:
        step: The step that asked.
        component: The component to rewrite.
        reflection: The proposed text as it came, unchecked, and its usage.
        replayed: As in `RolloutDone`, and so are the next two.
        attempts: How often it was tried.
        seconds: How long the last attempt took.
    """

    step: int
    component: str
    reflection: Reflection
    replayed: bool
    attempts: int
    seconds: float


@dataclass(frozen=True)
class AttemptFailed(Event):
    """A provider failed. The attempt is never scored: it is made again, or the run ends with `Failed`.

    Attributes:
        effect: What was attempted.
        cause: Class name of the error.
        message: What it says, as one line without secrets.
    """

    effect: Literal["rollout", "reflect"]
    cause: str
    message: str
