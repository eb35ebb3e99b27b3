"""Puts into events what the scheduler and the search report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from dspy_gepa.events import (
    AttemptFailed,
    BestSoFar,
    BudgetSpent,
    Evaluated,
    Event,
    Failed,
    Finished,
    ProposalAccepted,
    ProposalRejected,
    ProposalSkipped,
    ReflectionDone,
    RolloutDone,
    StepPlanned,
    Stopping,
)
from dspy_gepa.events.dispatch import EventDispatcher
from dspy_gepa.program.redaction import redact
from dspy_gepa.runtime.dispatcher import Done
from dspy_gepa.search.loop import Committed, Search
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import PlannedStep
from dspy_gepa.steps import Evaluation, Proposal, StepKind
from dspy_gepa.types import Effect, Fault, Outcome, Reflect, Rollout


class Emitter:
    """Tells a hub the events of one run.

    Args:
        hub: Who listens. Where nobody does, nothing is computed.
    """

    def __init__(self, hub: EventDispatcher) -> None:
        self._hub = hub

    def planned(self, step: PlannedStep) -> None:
        """A step is about to start."""
        members = step.parents if step.evaluates is None else (step.evaluates,)
        self._hub(StepPlanned(step.number, step.kind, () if step.finalists else members, step.need))

    def result(self, done: Done, step: int) -> None:
        """An effect has its result."""
        effect, result = done.effect, done.result
        how = (done.replayed, done.attempts, done.seconds)
        if isinstance(effect, Rollout) and isinstance(result, Outcome):
            self._hub(RolloutDone(step, effect.row, effect.candidate.id, result, *how))
        elif isinstance(effect, Reflect) and not isinstance(result, Outcome):
            self._hub(ReflectionDone(step, effect.component, result, *how))

    def attempt_failed(self, effect: Effect, fault: Fault) -> None:
        """A provider failed an effect."""
        kind: Literal["rollout", "reflect"] = "rollout" if isinstance(effect, Rollout) else "reflect"
        self._hub(AttemptFailed(kind, fault.cause, fault.error))

    def committed(self, search: Search, committed: Committed) -> None:
        """A step was committed, and the pool has grown."""
        if not self._hub:
            return
        step, result, choice = committed.step.number, committed.result, search.choice
        if isinstance(result, Proposal):
            self._hub(_verdict(step, result, search.pool))
        else:
            self._hub(_evaluated(step, committed.step.kind, result, search.pool))
        self._hub(
            BestSoFar(
                step,
                len(search.pool),
                choice.member,
                choice.score,
                choice.interval,
                choice.better_than_original,
                search.summary,
            )
        )
        self._hub(BudgetSpent(step, search.budget.spent, search.budget.limits))

    def finished(self, search: Search) -> None:
        """The search ended; there is nothing left to interrupt."""
        self._hub.stopping = True
        if not self._hub:
            return
        choice = search.choice
        self._hub(
            Finished(
                best=choice.member,
                candidate=search.pool.members[choice.member].candidate,
                score=choice.score,
                interval=choice.interval,
                better_than_original=choice.better_than_original,
                choice_reason=choice.reason,
                stop_reason=search.stop_reason,
                spent=search.budget.spent,
                levels=search.levels,
            )
        )

    def stopping(
        self, running: Sequence[Effect], *, interrupted: bool, seconds: float, can_hurry: bool
    ) -> None:
        """The run has to stop, and what is running is waited for; there is nothing left to interrupt."""
        self._hub.stopping = True
        rollouts = sum(isinstance(effect, Rollout) for effect in running)
        self._hub(Stopping(interrupted, rollouts, len(running) - rollouts, seconds, can_hurry))

    def failed(self, search: Search, error: BaseException) -> None:
        """An error ends the run."""
        if self._hub:
            said = (type(error).__name__, redact(str(error)))
            self._hub(Failed(*said, search.budget.spent, search.levels))


def _verdict(step: int, proposal: Proposal, pool: Pool) -> Event:
    if proposal.verdict == "accepted":
        return ProposalAccepted(step, proposal, len(pool) - 1)
    return (ProposalRejected if proposal.verdict == "rejected" else ProposalSkipped)(step, proposal)


def _evaluated(step: int, kind: StepKind, evaluation: Evaluation, pool: Pool) -> Evaluated:
    return Evaluated(
        step=step,
        kind=kind,
        scores={
            member: {row: float(outcome.score) for row, outcome in outcomes.items()}
            for member, outcomes in evaluation.outcomes.items()
        },
        val_means={
            member: None if math.isnan(pool.means[member]) else pool.means[member]
            for member in evaluation.outcomes
        },
        believed={member: float(pool.belief.mean[member]) for member in evaluation.outcomes},
    )
