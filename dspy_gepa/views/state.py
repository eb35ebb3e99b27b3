"""How far a run is, as a live view shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dspy_gepa.runtime.budget import Spending

Phase: TypeAlias = Literal["starting", "seed", "search", "finals", "finished", "interrupted", "failed"]
OVER = ("finished", "interrupted", "failed")
# The share of the budget from which on the run's own pace alone is trusted; until then the forecast as well,
# less and less. Where there is no forecast, nothing is told before the lesser share.
TRUSTED_SHARE = 0.25
TELLING_SHARE = 0.05


@dataclass(frozen=True)
class StepInFlight:
    """A step that began and was not committed yet.

    Attributes:
        number: Its number.
        kind: What it does, see `dspy_gepa.steps.StepKind`.
        members: The members it starts from or runs.
        most: Rollouts it can need.
        done: Rollouts it has.
        reflections: Answers of the reflection LM it has.
    """

    number: int
    kind: str
    members: tuple[int, ...]
    most: int
    done: int = 0
    reflections: int = 0


@dataclass(frozen=True)
class Change:
    """The last proposal that was accepted; its texts are one line each, without control characters.

    Attributes:
        member: The member it became.
        component: The first component it changed.
        sentence: The first sentence that is new there, or that is gone.
        added: Whether the sentence is new.
        reason: Why it was accepted.
    """

    member: int
    component: str
    sentence: str
    added: bool
    reason: str


@dataclass(frozen=True)
class Contender:
    """A member that is believed to be better than the one that would be returned now.

    Attributes:
        member: Which.
        score: What it is believed to score.
        interval: The interval that holds this with probability 0.9.
    """

    member: int
    score: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Wait:
    """What a run that has to stop waits for.

    Attributes:
        interrupted: Whether it was interrupted; else an error ends it.
        rollouts: How many still run.
        reflections: How many still run.
        until: When it ends at the latest.
        can_hurry: Whether another Ctrl-C ends it.
    """

    interrupted: bool
    rollouts: int
    reflections: int
    until: float
    can_hurry: bool


@dataclass(frozen=True)
class Progress:
    """Everything that a live view shows. Texts are fit for a terminal, but for `texts`.

    Attributes:
        log_dir: Where the run is recorded, or None.
        phase: What the run does, or how it ended.
        started_at: When this session began; all times are seconds of the caller's clock.
        ended_at: When it ended, or None.
        seconds_before: Seconds that earlier sessions took.
        limits: What is limited, by name: rollouts, reflections, tokens, cost, seconds.
        committed: What the committed steps spent.
        told: What all rollouts and reflections so far took, those of steps in flight too.
        seconds_foreseen: How long the whole run is expected to take, or None.
        resumed_steps: Steps of earlier sessions that are gone through first.
        replaying: Whether it is still at these.
        fresh_from: When this session began to execute, and the share of the budget that was spent then.
        steps: What is being tried, oldest first.
        members: How many the pool has.
        score: What the best member is believed to score; None before the first commit, as the next three.
        interval: The interval that holds this with probability 0.9.
        better_than_original: Probability that it is better than the seed.
        seed_score: What the seed is believed to score.
        best: The best member: the one that would be returned now.
        contender: The one that is believed to be better still, if there is one and the run tells.
        accepted: Proposals that became members.
        rejected: Proposals that did not.
        skipped: Trials in which nothing was proposed.
        change: The last accepted proposal.
        rejection: Why the last rejected one was.
        retries: Attempts beyond the first, of effects that have their result.
        failures: Attempts that a provider failed.
        last_failure: The last of these.
        stop_reason: Why the search ended.
        choice_reason: Why the best member is returned.
        wait: What is waited for, in a run that has to stop.
        error: What ended a run that failed, in words, with how to go on.
        texts: By member, its texts as they are.
    """

    log_dir: str | None = None
    phase: Phase = "starting"
    started_at: float | None = None
    ended_at: float | None = None
    seconds_before: float = 0.0
    limits: Mapping[str, float] = field(default_factory=dict)
    committed: Spending = field(default_factory=Spending)
    told: Spending = field(default_factory=Spending)
    seconds_foreseen: float | None = None
    resumed_steps: int = 0
    replaying: bool = False
    fresh_from: tuple[float, float] | None = None
    steps: tuple[StepInFlight, ...] = ()
    members: int = 0
    score: float | None = None
    interval: tuple[float, float] | None = None
    better_than_original: float | None = None
    seed_score: float | None = None
    best: int = 0
    contender: Contender | None = None
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    change: Change | None = None
    rejection: str = ""
    retries: int = 0
    failures: int = 0
    last_failure: str = ""
    stop_reason: str = ""
    choice_reason: str = ""
    wait: Wait | None = None
    error: str = ""
    texts: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.phase in OVER

    @property
    def spent(self) -> dict[str, float]:
        """What was spent so far, by name, steps in flight included; seconds are apart, see `elapsed`."""
        pairs = {name: (vars(self.committed)[name], vars(self.told)[name]) for name in vars(self.told)}
        return {name: max(pair) for name, pair in pairs.items()}

    def elapsed(self, now: float) -> float:
        """Seconds that all sessions took."""
        if self.started_at is None:
            return self.seconds_before
        end = now if self.ended_at is None else self.ended_at
        return self.seconds_before + max(0.0, end - self.started_at)

    def share(self, now: float) -> float:
        """How much of the budget is spent, from 0 to 1, by the limit that is nearest."""
        spent = self.spent | {"seconds": self.elapsed(now)}
        return min(
            1.0, max((spent[name] / limit for name, limit in self.limits.items() if limit), default=0.0)
        )

    def seconds_left(self, now: float) -> float | None:
        """About how long it will still take: by the forecast at first, later by this session's pace."""
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
        if self.seconds_foreseen is None:
            return pace if fresh >= TELLING_SHARE else None
        trust = min(1.0, fresh / TRUSTED_SHARE)
        return trust * pace + (1 - trust) * self.seconds_foreseen * (1 - share)
