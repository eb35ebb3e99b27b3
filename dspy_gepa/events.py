"""What a run tells ``GEPA(callbacks=[...])``, a frozen dataclass per event; the rules: ``docs/events.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from dspy_gepa.levels import Levels
from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.runtime.codec import as_json
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import Proposal, StepKind
from dspy_gepa.types import Candidate, Outcome, Reflection, Row

if TYPE_CHECKING:  # whoever reads events as data, such as the command line, need not wait for numpy
    from dspy_gepa.search.standing import Standing
    from dspy_gepa.search.strategy import Strategy


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    @classmethod
    def name(cls) -> str:
        """The event's name in snake case: ``rollout_done`` for `RolloutDone`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON-like data, its name under ``"event"``; what is no finite number is None."""
        return {"event": self.name()} | {f.name: as_json(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class RunStarted(Event):
    """Before anything is run.

    Attributes:
        forecast: What the run will come to, from its sizes alone; see `ForecastMade`.
        limits: The most it may spend.
        seed: Seed of every random choice.
        strategy: How it searches.
        width: Trials in flight.
        threads: Rollouts and reflections at a time.
        train_rows: How many there are.
        val_rows: How many there are.
        in_sample: Whether the validation rows are the train rows.
        candidates: The texts of the program as it was given, and of the other initial candidates.
        resumed_steps: Steps that earlier sessions in this `log_dir` had begun.
        seconds_before: Seconds that these took.
    """

    forecast: Forecast
    limits: Limits
    seed: int
    strategy: Strategy
    width: int
    threads: int
    train_rows: int
    val_rows: int
    in_sample: bool
    candidates: tuple[Candidate, ...]
    resumed_steps: int = 0
    seconds_before: float = 0.0


@dataclass(frozen=True)
class ForecastMade(Event):
    """After the first rollout that this session executed: tokens, dollars and seconds can be foreseen now.

    Attributes:
        forecast: What the run will come to.
    """

    forecast: Forecast


@dataclass(frozen=True)
class StepPlanned(Event):
    """A step is about to start.

    Attributes:
        step: Its number.
        kind: What it does.
        members: The members it starts from or runs; empty for the finals, which choose them on the way.
        need: The most it can spend.
    """

    step: int
    kind: StepKind
    members: tuple[int, ...]
    need: Spending


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


@dataclass(frozen=True)
class ProposalAccepted(Event):
    """A mutation or a merge (``proposal.kind``) became a member of the pool.

    Attributes:
        step: The step.
        proposal: The candidate on trial, its evidence and the reason.
        member: The new member's index.
    """

    step: int
    proposal: Proposal
    member: int


@dataclass(frozen=True)
class ProposalRejected(Event):
    """A mutation or a merge was tried and not kept, or its texts could not be used.

    Attributes:
        step: The step.
        proposal: What was proposed, its evidence and the reason.
    """

    step: int
    proposal: Proposal


@dataclass(frozen=True)
class ProposalSkipped(Event):
    """A trial ended before anything was proposed, for example because every row was perfect already.

    Attributes:
        step: The step.
        proposal: The parent's scores and the reason; it has no candidate.
    """

    step: int
    proposal: Proposal


@dataclass(frozen=True)
class Evaluated(Event):
    """Members were run on further rows.

    Attributes:
        step: The step.
        kind: ``seed``, ``initial``, ``validation``, ``top-up`` or ``finals``.
        scores: By member, the scores on the rows of this step.
        val_means: By member, the mean over all validation rows it was run on so far; None without any.
        believed: By member, what it is believed to score on rows like these.
    """

    step: int
    kind: StepKind
    scores: Mapping[int, Mapping[Row, float]]
    val_means: Mapping[int, float | None]
    believed: Mapping[int, float]


@dataclass(frozen=True)
class BestSoFar(Event):
    """At each commit: what would be returned if the run ended now.

    Attributes:
        step: The step that was committed.
        members: How many the pool has.
        best: Index of the member that would be returned.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_seed: Probability that it is better than the program as it was given.
        standing: What every member is believed to score, and what is gained over the seed.
    """

    step: int
    members: int
    best: int
    score: float
    interval: tuple[float, float]
    better_than_seed: float
    standing: Standing


@dataclass(frozen=True)
class BudgetSpent(Event):
    """At each commit, as its last event: what was spent.

    Attributes:
        step: The step.
        spent: What all committed steps spent, in earlier sessions too.
        limits: The most the run may spend.
    """

    step: int
    spent: Spending
    limits: Limits


@dataclass(frozen=True)
class Finished(Event):
    """The run ended as it should; the last event.

    Attributes:
        best: Index of the member that is returned.
        candidate: Its texts.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_seed: Probability that it is better than the program as it was given.
        choice_reason: Why it is returned.
        stop_reason: Why the search ended.
        spent: What the run spent.
        levels: What members reach by objective and in each group; empty where there are none.
    """

    best: int
    candidate: Candidate
    score: float
    interval: tuple[float, float]
    better_than_seed: float
    choice_reason: str
    stop_reason: str
    spent: Spending
    levels: Levels = field(default_factory=Levels)


@dataclass(frozen=True)
class Failed(Event):
    """The run ended by an error, or was interrupted; the last event.

    Attributes:
        error: Class name of the error that `compile` raises.
        message: What it says, without secrets.
        spent: What the committed steps spent.
        levels: What members reach by objective and in each group; empty where there are none.
    """

    error: str
    message: str
    spent: Spending
    levels: Levels = field(default_factory=Levels)


EVENTS: tuple[type[Event], ...] = tuple(Event.__subclasses__())
