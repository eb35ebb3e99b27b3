"""Events of a run as a whole: how it begins and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dspy_gepa.events.base import Event
from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.types import Candidate, Levels

if TYPE_CHECKING:  # whoever reads events as data, such as the command line, need not wait for numpy
    from dspy_gepa.search.strategy import Strategy


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
class Stopping(Event):
    """An interrupt or an error is about to end the run; what is running is waited for and recorded first.

    It is told only where something is running. No callback can interrupt the run from here on.

    Attributes:
        interrupted: Whether it was interrupted, by a signal or by a callback; else an error ends it.
        rollouts: How many are running.
        reflections: How many are running.
        seconds: The most that they are waited for.
        can_hurry: Whether another Ctrl-C ends the waiting; not where `compile` was called on a thread.
    """

    interrupted: bool
    rollouts: int
    reflections: int
    seconds: float
    can_hurry: bool


@dataclass(frozen=True)
class Finished(Event):
    """The run ended as it should; the last event.

    Attributes:
        best: Index of the member that is returned.
        candidate: Its texts.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_original: Probability that it is better than the program as it was given.
        choice_reason: Why it is returned.
        stop_reason: Why the search ended.
        spent: What the run spent.
        levels: What members reach by objective and in each group; empty where there are none.
    """

    best: int
    candidate: Candidate
    score: float
    interval: tuple[float, float]
    better_than_original: float
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
