"""The vocabulary of a run: one frozen dataclass per event.

Their order, and the rules for callbacks: ``docs/events.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.runtime.codec import as_json
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import Proposal, StepKind
from dspy_gepa.types import Candidate, HeldOut, Levels, Outcome, Reflection, Row


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    @classmethod
    def name(cls) -> str:
        """Return the event's name in snake case: ``rollout_done`` for `RolloutDone`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-like data with its name under ``"event"``; non-finite numbers are None."""
        return {"event": self.name()} | {f.name: as_json(getattr(self, f.name)) for f in fields(self)}

    @property
    def topics(self) -> tuple[str, ...]:
        """Names that a callback's methods can have to receive this event: ``on_<topic>``."""
        return (self.name(),)


# The run ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunStarted(Event):
    """The run is about to begin.

    Attributes:
        forecast: Expected trials, rollouts and reflections, from the sizes alone; see `ForecastMade`.
        limits: Maximum spending.
        seed: Random seed.
        strategy: Settings of the search strategy by name, functions by their names.
        width: Number of trials in flight.
        threads: Number of rollouts and reflections at a time.
        train_rows: Number of training examples.
        val_rows: Number of validation examples.
        in_sample: True if the validation examples are the training examples.
        candidates: The texts of the original program and of the other initial candidates.
        resumed_steps: Number of steps that earlier sessions in this `log_dir` began.
        resumed_trials: Number of trials of a new candidate among these; `forecast.steps` counts the same.
        seconds_before: Duration of the earlier sessions.
        guidance: The user's guidance for the reflection model, skills included, by component or pattern.
        must_pass: Rows that must pass, by name, each with the lowest score that passes.
        test_rows: Number of test examples.
    """

    forecast: Forecast
    limits: Limits
    seed: int
    strategy: Mapping[str, Any]
    width: int
    threads: int
    train_rows: int
    val_rows: int
    in_sample: bool
    candidates: tuple[Candidate, ...]
    resumed_steps: int = 0
    resumed_trials: int = 0
    seconds_before: float = 0.0
    guidance: Mapping[str, str] = field(default_factory=dict)
    must_pass: Mapping[str, float] = field(default_factory=dict)
    test_rows: int = 0


@dataclass(frozen=True)
class ForecastMade(Event):
    """The first rollout of this session was executed: tokens, dollars and seconds can be estimated.

    Attributes:
        forecast: Expected size, cost and duration of the run.
    """

    forecast: Forecast


@dataclass(frozen=True)
class Stopping(Event):
    """An interrupt or an error is about to end the run; work in progress is awaited and recorded first.

    Sent only if work is still running. From here on no callback can interrupt the run.

    Attributes:
        interrupted: True after an interrupt by a signal or a callback, False after an error.
        rollouts: Number of rollouts still running.
        reflections: Number of reflections still running.
        seconds: Maximum time to wait for them.
        can_hurry: True if another Ctrl-C ends the wait; never where `compile` was called on a thread.
    """

    interrupted: bool
    rollouts: int
    reflections: int
    seconds: float
    can_hurry: bool


class MemberScore(NamedTuple):
    """The current score of a member.

    Attributes:
        score: The entry in `GEPAResult.val_aggregate_scores`: the expected score on examples like these,
            with ``strategy="paper"`` the mean validation score; None if it was not validated yet.
        interval: The interval that contains the expected score with probability 0.9.
        believed: The expected score. A validation mean may lie outside the interval, this does not.
    """

    score: float | None
    interval: tuple[float, float]
    believed: float


@dataclass(frozen=True)
class Finished(Event):
    """The run ended normally; the last event.

    Attributes:
        best: Index of the returned member.
        candidate: Its texts.
        score: Its expected score on examples like these.
        interval: The interval that contains the expected score with probability 0.9.
        better_than_original: Probability that it is better than the original program.
        gain: Expected difference between its score and the original's.
        gain_interval: The interval that contains the difference with probability 0.9.
        choice_reason: Reason for returning it.
        stop_reason: Reason for ending the search.
        spent: Total spending.
        scores: The final score of every member.
        levels: Levels of every member by objective and in each group; empty if there are none.
        test: Scores of the original and the returned member on the test set; None without one.
    """

    best: int
    candidate: Candidate
    score: float
    interval: tuple[float, float]
    better_than_original: float
    gain: float
    gain_interval: tuple[float, float]
    choice_reason: str
    stop_reason: str
    spent: Spending
    scores: tuple[MemberScore, ...] = ()
    levels: Levels = field(default_factory=Levels)
    test: HeldOut | None = None


@dataclass(frozen=True)
class Failed(Event):
    """The run ended with an error or an interrupt; the last event.

    Attributes:
        error: Class name of the exception raised by `compile`.
        message: Its message without secrets.
        spent: Spending of the committed steps.
        scores: The score of every member; empty before the original was evaluated.
        levels: Levels of every member by objective and in each group; empty if there are none.
    """

    error: str
    message: str
    spent: Spending
    scores: tuple[MemberScore, ...] = ()
    levels: Levels = field(default_factory=Levels)


# Its steps -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepPlanned(Event):
    """A step is about to start.

    Attributes:
        step: Number of the step.
        kind: The kind of step.
        members: Members it starts from or evaluates; empty for the finals, which choose them on the way.
        need: Maximum spending of the step.
    """

    step: int
    kind: StepKind
    members: tuple[int, ...]
    need: Spending


@dataclass(frozen=True)
class Standing:
    """The part of a `StepCommitted` that is estimated.

    Up to 1,000 scores it is worked out at every step, and later when the scores have grown by a tenth. In
    between it repeats the last estimates without `scores`.

    Attributes:
        scores: By member, the current score of those the step concerns: the original, the best, the
            contender, the new member, the parents, and those that were evaluated; beyond 1,000 scores, of
            those that steps concerned since the last estimate, the 16 believed best.
        best: Index of the member that would be returned if the run ended now.
        score: Its expected score.
        interval: The interval that contains this with probability 0.9.
        better_than_original: Probability that it is better than the original program.
        gain: Expected difference between its score and the original's.
        gain_interval: The interval that contains the difference with probability 0.9.
        contender: The member with the highest score if that exceeds the best one's, not yet significantly;
            else None.
        estimated_at: Number of rollouts spent when this was estimated.
    """

    scores: Mapping[int, MemberScore]
    best: int
    score: float
    interval: tuple[float, float]
    better_than_original: float
    gain: float
    gain_interval: tuple[float, float]
    contender: int | None
    estimated_at: int


@dataclass(frozen=True)
class StepCommitted(Event, Standing):
    """A step ended, and its result is part of the pool. What is estimated is described at `Standing`.

    A trial (a mutation, a merge or a trim) has a `proposal`. All other steps evaluate members: they have
    `evaluated` and `val_means`.

    Attributes:
        step: Number of the step; steps are committed in this order.
        kind: The kind of step.
        proposal: The candidate of a trial with its evidence, verdict and reason; None in other steps.
        member: Index of the new member if the proposal was accepted, or None.
        evaluated: By member, its scores on the rows of this step; empty in a trial.
        val_means: By evaluated member, the mean over all validation rows evaluated so far; None without any.
        members: Size of the pool.
        spent: Spending of all committed steps, earlier sessions included.
    """

    step: int
    kind: StepKind
    proposal: Proposal | None
    member: int | None
    evaluated: Mapping[int, Mapping[Row, float]]
    val_means: Mapping[int, float | None]
    members: int
    spent: Spending

    @property
    def topics(self) -> tuple[str, ...]:
        """``step_committed``, and ``proposal_accepted`` or another verdict, or ``evaluated``."""
        result = "evaluated" if self.proposal is None else f"proposal_{self.proposal.verdict}"
        return (self.name(), result)


# Its effects -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RolloutDone(Event):
    """A rollout has its outcome. Sent once per rollout, however many steps use it.

    Attributes:
        step: The first step that requested it; among concurrent steps this depends on timing.
        row: The example.
        candidate: The candidate's id.
        outcome: Score, status, feedback, error and usage.
        replayed: True if the outcome comes from the journal of an earlier session and nothing was executed.
        attempts: Number of attempts; 0 if replayed.
        seconds: Duration of the last attempt; 0 if replayed.
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
        step: The step that requested it.
        component: The component to rewrite.
        reflection: The proposed text, unchecked, and its usage.
        replayed: True if the answer comes from the journal of an earlier session.
        attempts: Number of attempts; 0 if replayed.
        seconds: Duration of the last attempt; 0 if replayed.
    """

    step: int
    component: str
    reflection: Reflection
    replayed: bool
    attempts: int
    seconds: float


@dataclass(frozen=True)
class AttemptFailed(Event):
    """A provider failed. Such an attempt is never scored: it is repeated, or the run ends with `Failed`.

    Attributes:
        effect: The kind of effect.
        cause: Class name of the error.
        message: Its message as one line without secrets.
    """

    effect: Literal["rollout", "reflect"]
    cause: str
    message: str


EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    ForecastMade,
    StepPlanned,
    RolloutDone,
    ReflectionDone,
    AttemptFailed,
    StepCommitted,
    Stopping,
    Finished,
    Failed,
)
"""All events, roughly in the order in which a run sends them."""

TOPICS: tuple[str, ...] = (
    *(event.name() for event in EVENTS),
    *("proposal_accepted", "proposal_rejected", "proposal_skipped", "evaluated"),
)
"""All names that methods of callbacks can have, after ``on_``; see `Event.topics`."""
