"""What is known of a run, as plain immutable data: of one that goes on, that ended, or that was killed.

Rows go by their names, ``train/3`` and ``val/0``; members by their index in the pool, the seed being 0. All
texts come from language models, data and users: whoever shows them escapes them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dspy_gepa.events import StepPlanned
from dspy_gepa.record.pareto import undominated
from dspy_gepa.types import Usage

RunState: TypeAlias = Literal["running", "finished", "interrupted", "failed", "killed"]
"""How a run stands. ``killed``: its process is gone without a word; it can be resumed, as after all but
``finished``."""

Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Evidence:
    """A rollout of a parent that was reflected on.

    Attributes:
        row: The row.
        score: The score.
        feedback: What the metric said, for the whole rollout and by component; bounded.
        error: The exception that ended a failed rollout, or "".
        inputs: The inputs of the program's first call, as text; bounded.
    """

    row: str
    score: float
    feedback: str = ""
    error: str = ""
    inputs: str = ""


@dataclass(frozen=True)
class Trial:
    """A mutation, a merge or a deletion, and what it came to.

    Attributes:
        step: The step's number.
        kind: ``mutation``, ``merge`` or ``trim``.
        parents: The members it came from.
        ancestor: For merges, the common ancestor.
        verdict: ``accepted``, ``rejected``, or ``skipped`` when nothing was put on trial.
        reason: One sentence for people.
        changed: By component, the new text.
        evidence: The rollouts that were reflected on; for a merge, the better parent's in its trial.
        trial_rows: The rows the candidate was run on.
        after: Its scores there.
        member: The member it became, or None.
    """

    step: int
    kind: str
    parents: tuple[int, ...]
    ancestor: int | None
    verdict: str
    reason: str
    changed: Mapping[str, str]
    evidence: tuple[Evidence, ...]
    trial_rows: tuple[str, ...]
    after: tuple[float, ...]
    member: int | None = None


@dataclass(frozen=True)
class Member:
    """A candidate of the pool.

    Attributes:
        index: Its place in the pool.
        candidate: The candidate's id.
        texts: Its texts by component.
        parents: The members it came from; none for the seed and other initial candidates.
        step: The step that made it, or None.
        found_at: Rollouts spent when it was found.
        score: Its score as `GEPAResult.val_aggregate_scores` has it: what it is believed to score, and with
            ``strategy="paper"`` its validation mean; None before it was run.
        interval: The interval that holds what it is worth with probability 0.9; None likewise.
        scores: Its score by row, train rows included.
    """

    index: int
    candidate: str
    texts: Mapping[str, str]
    parents: tuple[int, ...] = ()
    step: int | None = None
    found_at: int = 0
    score: float | None = None
    interval: Interval | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def believed(self) -> float | None:
        """What it is believed to score, the middle of `interval`; a validation mean may be outside."""
        return self.score if self.score is None or self.interval is None else sum(self.interval) / 2


@dataclass(frozen=True)
class Point:
    """How the run stood when a step was committed.

    Attributes:
        step: The step.
        rollouts: What was spent by then; likewise the others.
        best: The member that would have been returned.
        score: What it was expected to score.
        interval: The interval that held this with probability 0.9.
        better_than_original: Probability that it is better than the seed.
        gain: What it was expected to score more than the seed.
        gain_interval: The interval that held this with probability 0.9.
    """

    step: int
    rollouts: int
    reflections: int
    tokens: int
    cost: float
    best: int
    score: float
    interval: Interval
    better_than_original: float
    gain: float
    gain_interval: Interval


@dataclass(frozen=True)
class RunRecord:
    """Everything that reports and the command line tell of a run.

    Attributes:
        state: How it stands.
        started: The data of its `RunStarted`: limits, forecast, strategy, seed, sizes. Empty when the run was
            killed before it began.
        members: The pool, in order of discovery.
        trials: What was tried, in order.
        curve: How it stood after each commit.
        best: The member that is returned, or would be; None before the seed was run.
        stop_reason: Why the search ended; "" before it did.
        choice_reason: Why the member is returned; "" before that.
        error: The error that ended it, or "".
        in_flight: Steps that were begun and are not committed.
        usage: Language model use by phase: `reflection`, `train rollouts` and `validation rollouts`.
        objectives: By objective, each member's level of it, as in `GEPAResult.val_aggregate_subscores`; empty
            without objectives, and before the run ended, as are the next two.
        groups: By group of examples, each member's score there; None where it was not run.
        group_intervals: For each the interval that holds what it is worth there with probability 0.9.
        failures: How often a provider failed, by cause; such attempts are made again and never scored.
        program_failures: Rollouts that ended in an error of the program, by cause.
        unavailable: Number of rollouts that a provider failed in every attempt, by cause; they have no score.
        seconds: How long its sessions lasted together.
        sessions: How many there were.
        log_dir: Where it is recorded, or None.
    """

    state: RunState
    started: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    trials: tuple[Trial, ...] = ()
    curve: tuple[Point, ...] = ()
    best: int | None = None
    stop_reason: str = ""
    choice_reason: str = ""
    error: str = ""
    in_flight: tuple[StepPlanned, ...] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)
    objectives: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    group_intervals: Mapping[str, Sequence[Interval | None]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    program_failures: Mapping[str, int] = field(default_factory=dict)
    unavailable: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    sessions: int = 1
    log_dir: str | None = None

    @property
    def failed_rollouts(self) -> Mapping[str, int]:
        """Number of rollouts that gave no answer, by cause."""
        return Counter(self.program_failures) + Counter(self.unavailable)

    @property
    def components(self) -> tuple[str, ...]:
        """The program's components."""
        return tuple(self.members[0].texts) if self.members else ()

    @property
    def last(self) -> Point | None:
        """How it stands now; None before the first commit."""
        return self.curve[-1] if self.curve else None

    @property
    def val_rows(self) -> tuple[str, ...]:
        """The rows that members are compared on, in order; the train rows where these are the same."""
        split = "train" if self.started.get("in_sample") else "val"
        return tuple(f"{split}/{position}" for position in range(self.started.get("val_rows", 0)))

    @property
    def frontier(self) -> Mapping[str, tuple[int, ...]]:
        """By validation row, the members with the best score there. Rows nobody was run on are left out."""
        best: dict[str, tuple[int, ...]] = {}
        for row in self.val_rows:
            known = {m.index: m.scores[row] for m in self.members if row in m.scores}
            if known:
                top = max(known.values())
                best[row] = tuple(member for member, score in known.items() if score == top)
        return best

    @property
    def trade_offs(self) -> list[int]:
        """The members that no other one beats in score and all objectives, the highest score first."""
        known = [(m.index, m.score) for m in self.members if m.score is not None]
        levels = self.objectives.values()
        points = [
            [score, *(math.nan if (level := by[index]) is None else level for by in levels)]
            for index, score in known
        ]
        return [known[i][0] for i in sorted(undominated(points), key=lambda i: -known[i][1])]

    def lineage(self, member: int) -> tuple[int, ...]:
        """The member with all that it descends from, oldest first."""
        line, open_ = set[int](), [member]
        while open_:
            index = open_.pop()
            if index not in line:
                line.add(index)
                open_ += self.members[index].parents
        return tuple(sorted(line))
