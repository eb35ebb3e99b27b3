"""The progress of a run: its record so far, and the work that is not committed yet.

The same for a run of this process and for one that is followed through its journal:

    follow = ProgressBuilder(log_dir="runs/one")
    for event, at in events:  # with the time of each in seconds of any one clock
        progress = follow(event, at)
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.model import RunRecord

Phase: TypeAlias = Literal[
    "starting", "original", "search", "finals", "test", "finished", "interrupted", "failed"
]
# Share of the budget from which on only the run's own pace is trusted; until then less and less the forecast.
TRUSTED_SHARE = 0.25
# Without a forecast, no time is shown before this share.
TELLING_SHARE = 0.05


@dataclass(frozen=True)
class StepInFlight:
    """A step that was begun and is not committed.

    Attributes:
        plan: The step as planned.
        rollouts: Number of rollouts that ended.
        reflections: Number of reflections that ended.
    """

    plan: StepPlanned
    rollouts: int = 0
    reflections: int = 0


@dataclass(frozen=True)
class Wait:
    """The work that a stopping run waits for.

    Attributes:
        interrupted: True after an interrupt, False after an error.
        rollouts: Number of rollouts still running.
        reflections: Number of reflections still running.
        until: Time of its end at the latest.
        can_hurry: True if another Ctrl-C ends the wait.
    """

    interrupted: bool
    rollouts: int
    reflections: int
    until: float
    can_hurry: bool

    @classmethod
    def of(cls, event: Stopping, at: float) -> Wait:
        """Return the wait that begins with this event."""
        until = at + event.seconds
        return cls(event.interrupted, event.rollouts, event.reflections, until, event.can_hurry)

    def less(self, *, rollout: bool) -> Wait:
        """Return the wait after an effect ended: none is started again, even if it failed."""
        if rollout:
            return replace(self, rollouts=max(0, self.rollouts - 1))
        return replace(self, reflections=max(0, self.reflections - 1))


@dataclass(frozen=True)
class Progress:
    """The progress of a run at one time; all times are seconds of the observer's clock.

    Attributes:
        record: The record so far.
        kind: The kind of the step that was planned last; "" before the first.
        steps: The steps in flight, oldest first.
        retries: Attempts beyond the first, of effects that have their result.
        last_failure: The last failure of a provider, or None.
        wait: The work that a stopping run waits for, or None.
        contender: The member with a score above the best one's, not yet significantly, or None.
        started_at: Start of this session, or None before it.
        ended_at: End of this session, or None before it.
        seconds_before: Duration of earlier sessions.
        seconds_expected: Expected duration of the run, or None.
        resumed_steps: Number of steps of earlier sessions, which are replayed first.
        replaying: True while they are replayed.
        fresh_from: Time when this session began to execute, and the share of the budget spent by then.
    """

    record: RunRecord = field(default_factory=lambda: RunRecord("running"))
    kind: str = ""
    steps: tuple[StepInFlight, ...] = ()
    retries: int = 0
    last_failure: AttemptFailed | None = None
    wait: Wait | None = None
    contender: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    seconds_before: float = 0.0
    seconds_expected: float | None = None
    resumed_steps: int = 0
    replaying: bool = False
    fresh_from: tuple[float, float] | None = None

    @property
    def over(self) -> bool:
        """True if the run has ended."""
        return self.record.state != "running"

    @property
    def phase(self) -> Phase:
        """The current phase of the run, or how it ended."""
        if self.record.state in ("finished", "interrupted", "failed"):
            return self.record.state
        if not self.kind:
            return "starting"
        if self.kind in ("original", "initial"):
            return "original"
        if self.kind == "test":
            return "test"
        return "finals" if self.kind == "finals" else "search"

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name: rollouts, reflections, tokens, cost, seconds."""
        limits = self.record.started.get("limits", {})
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def spent(self) -> dict[str, float]:
        """Spending so far, by name, steps in flight included; for seconds see `elapsed`."""
        return vars(self.record.spent)

    def elapsed(self, now: float) -> float:
        """Return the duration of all sessions in seconds."""
        if self.started_at is None:
            return self.seconds_before
        end = now if self.ended_at is None else self.ended_at
        return self.seconds_before + max(0.0, end - self.started_at)

    def share(self, now: float) -> float:
        """Return the spent share of the budget, from 0 to 1, by the limit that is nearest."""
        spent = self.spent | {"seconds": self.elapsed(now)}
        shares = (spent[name] / limit for name, limit in self.limits.items() if limit)
        return min(1.0, max(shares, default=0.0))

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time left: by the forecast at first, later by the pace of this session."""
        if self.over or self.replaying or self.wait is not None:
            return None
        left = self._left_by_pace(now)
        if "seconds" not in self.limits:
            return left
        most = max(0.0, self.limits["seconds"] - self.elapsed(now))
        return most if left is None else min(left, most)

    def _left_by_pace(self, now: float) -> float | None:
        share = self.share(now)
        since, before = self.fresh_from or (now, share)
        fresh = share - before
        pace = (now - since) * (1 - share) / fresh if fresh > 0 else 0.0
        if self.seconds_expected is None:
            return pace if fresh >= TELLING_SHARE else None
        trust = min(1.0, fresh / TRUSTED_SHARE)
        return trust * pace + (1 - trust) * self.seconds_expected * (1 - share)


class ProgressBuilder:
    """Builds the progress of a run from its events.

    Args:
        log_dir: Directory of the journal, or None.
    """

    def __init__(self, log_dir: str | None = None) -> None:
        self._log_dir = log_dir
        self._begin()

    def _begin(self) -> None:
        self._build = RecordBuilder(with_evidence=False)
        self.progress = Progress(self._build.record(log_dir=self._log_dir))

    def __call__(self, event: Event, at: float) -> Progress:
        """Return the progress after one more event.

        Args:
            event: The event.
            at: Its time, in seconds of the observer's clock.
        """
        if isinstance(event, RunStarted):
            self._begin()
        before = _execute(self.progress, at) if _executes(event, self.progress) else self.progress
        self._build(event)
        record = self._build.record(log_dir=self._log_dir)
        self.progress = _advance(replace(before, record=record), event, at)
        return self.progress


def _advance(progress: Progress, event: Event, at: float) -> Progress:
    """Return the progress whose record contains the event already with all else that the event changes."""
    match event:
        case RunStarted():
            return _start(progress, event, at)
        case ForecastMade():
            return replace(progress, seconds_expected=event.forecast.seconds)
        case StepPlanned():
            return replace(progress, kind=event.kind, steps=(*progress.steps, StepInFlight(event)))
        case StepCommitted():
            steps = tuple(step for step in progress.steps if step.plan.step != event.step)
            return replace(progress, steps=steps, contender=event.contender)
        case RolloutDone() | ReflectionDone():
            return _add_result(progress, event)
        case AttemptFailed():
            wait = progress.wait and progress.wait.less(rollout=event.effect == "rollout")
            return replace(progress, last_failure=event, wait=wait)
        case Stopping():
            return replace(progress, wait=Wait.of(event, at), replaying=False)
        case Finished() | Failed():
            return replace(progress, ended_at=at, steps=(), replaying=False, wait=None)
        case _:
            return progress


def _start(progress: Progress, event: RunStarted, at: float) -> Progress:
    resumes = event.resumed_steps > 0
    return replace(
        progress,
        started_at=at,
        seconds_before=event.seconds_before,
        seconds_expected=event.forecast.seconds,
        resumed_steps=event.resumed_steps,
        replaying=resumes,
        fresh_from=None if resumes else (at, 0.0),
    )


def _executes(event: Event, progress: Progress) -> bool:
    """Return True if an event shows that this session does not only replay."""
    if isinstance(event, StepPlanned):
        return event.step >= progress.resumed_steps
    return isinstance(event, (RolloutDone, ReflectionDone)) and not event.replayed


def _execute(progress: Progress, at: float) -> Progress:
    """Begin to measure the pace: from here on this session executes."""
    if not progress.replaying:
        return progress
    return replace(progress, replaying=False, fresh_from=(at, progress.share(at)))


def _add_result(progress: Progress, event: RolloutDone | ReflectionDone) -> Progress:
    rollout = isinstance(event, RolloutDone)
    return replace(
        progress,
        wait=progress.wait and progress.wait.less(rollout=rollout),
        retries=progress.retries + max(0, event.attempts - 1),
        steps=_with_result(progress.steps, event.step, rollout=rollout),
    )


def _with_result(steps: tuple[StepInFlight, ...], number: int, *, rollout: bool) -> tuple[StepInFlight, ...]:
    """Return the steps in flight after one more result of one of them; they are in the order of numbers."""
    place = bisect_left(steps, number, key=lambda step: step.plan.step)
    if place == len(steps) or steps[place].plan.step != number:
        return steps
    step = steps[place]
    more = replace(step, rollouts=step.rollouts + rollout, reflections=step.reflections + (not rollout))
    return (*steps[:place], more, *steps[place + 1 :])
