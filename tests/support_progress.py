"""A run under way, for tests of what is shown of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dspy_gepa.events import StepPlanned
from dspy_gepa.record.model import MemberRecord, Point, RunRecord, RunStatus, Trial
from dspy_gepa.record.progress import Progress, StepInFlight, Wait
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.steps import StepKind


def trial(verdict: str, **changes: Any) -> Trial:
    """A mutation of member 0 with this verdict."""
    reason = changes.pop("reason", "scored 3 on 6 rows")
    made = Trial(0, "mutation", (0,), None, verdict, reason, {}, (), (), ())
    return replace(made, **changes)


def trials(accepted: int, rejected: int, skipped: int = 0) -> tuple[Trial, ...]:
    """That many trials of each verdict."""
    counts = {"skipped": skipped, "rejected": rejected, "accepted": accepted}
    return tuple(trial(verdict) for verdict, count in counts.items() for _ in range(count))


def step(number: int, kind: StepKind, members: tuple[int, ...], most: int, **changes: Any) -> StepInFlight:
    """A step in flight that needs up to `most` rollouts."""
    return StepInFlight(StepPlanned(number, kind, members, Spending(most)), **changes)


POINT = Point(
    step=14,
    rollouts=300,
    reflections=12,
    tokens=45_200,
    cost=0.41,
    best=3,
    score=0.712,
    interval=(0.65, 0.77),
    better_than_original=0.97,
    gain=0.132,
    gain_interval=(0.05, 0.2),
    estimated_at=300,
)
RUNNING = Progress(
    record=RunRecord(
        "running",
        started={"limits": {"rollouts": 600, "cost": 5.0, "seconds": None}},
        members=tuple(MemberRecord(n, f"id{n}", {"hop": "Answer."}) for n in range(5)),
        trials=trials(5, 9),
        curve=(POINT,),
        best=3,
    ),
    kind="mutation",
    started_at=0.0,
    fresh_from=(0.0, 0.0),
)
WAIT = Wait(True, rollouts=5, reflections=1, until=150.0, can_hurry=True)


def recorded(progress: Progress = RUNNING, state: RunStatus | None = None, **changes: Any) -> Progress:
    """The progress with a record of this state and with these changes."""
    record = replace(progress.record, **changes)
    return replace(progress, record=record if state is None else replace(record, state=state))


def limited(**limits: float) -> Progress:
    """A run that has just started with these limits."""
    return replace(recorded(Progress(), started={"limits": limits}), started_at=0.0)


def with_trials(*made: Trial) -> Progress:
    """A run with these trials."""
    return recorded(trials=made)
