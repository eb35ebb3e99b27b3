"""The record of a run as plain immutable data, whether it is running, has ended or was killed.

Rows go by their names, ``train/3`` and ``val/0``; members by their index in the pool; the original is 0.
All texts come from language models, data and users: code that shows them escapes them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dspy_gepa.events import StepPlanned
from dspy_gepa.record.pareto import pareto_front
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.texts import counted
from dspy_gepa.types import HeldOut, Usage, not_passed, passed

RunStatus: TypeAlias = Literal["running", "finished", "interrupted", "failed", "killed"]
"""State of a run; all but ``finished`` ones can be resumed. ``killed``: no process, and no end on record."""

Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Evidence:
    """A rollout of a parent that was reflected on.

    Attributes:
        row: Name of the row.
        score: Score of the rollout.
        feedback: Feedback of the metric, for the whole rollout and by component; bounded.
        error: The exception that ended a failed rollout, or "".
        inputs: Inputs of the program's first call, as text; bounded.
    """

    row: str
    score: float
    feedback: str = ""
    error: str = ""
    inputs: str = ""


@dataclass(frozen=True)
class Trial:
    """A mutation, a merge or a trim, and its result.

    Attributes:
        step: Number of the step.
        kind: ``mutation``, ``merge`` or ``trim``.
        parents: Parents of the candidate.
        ancestor: Common ancestor of the parents of a merge.
        verdict: ``accepted``, ``rejected``, or ``skipped`` when nothing was put on trial.
        reason: Reason for the verdict, as a sentence.
        changed: New texts by component.
        evidence: The rollouts that were reflected on; for a merge, the better parent's in its trial.
        trial_rows: Rows of the trial.
        after: Scores of the candidate on these rows.
        member: Index of the member it became, or None.
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
class MemberRecord:
    """A candidate of the pool.

    Attributes:
        index: Index in the pool.
        candidate: Id of the candidate.
        texts: Texts by component.
        parents: Indices of the parents; none for the original and other initial candidates.
        step: Number of the step that created it, or None.
        found_at: Number of rollouts spent when it was found.
        score: Score as in `GEPAResult.val_aggregate_scores`: the expected score, or the validation mean with
            ``strategy="paper"``; None before it was run.
        interval: Interval that contains the expected score with probability 0.9; None before it was run.
        believed: Expected score; None before it was run. A validation mean may lie outside the interval.
        scores: Scores by row, train rows included.
    """

    index: int
    candidate: str
    texts: Mapping[str, str]
    parents: tuple[int, ...] = ()
    step: int | None = None
    found_at: int = 0
    score: float | None = None
    interval: Interval | None = None
    believed: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """State of the run when a step was committed.

    Attributes:
        step: Number of the step.
        rollouts: Number of rollouts spent so far; likewise for the other kinds of spending.
        best: Index of the member that would have been returned.
        score: Expected score of that member.
        interval: Interval that contains it with probability 0.9.
        better_than_original: Probability that the member is better than the original.
        gain: Expected gain over the original.
        gain_interval: Interval that contains it with probability 0.9.
        estimated_at: Number of rollouts spent when these figures were estimated; less than `rollouts` where a
            long run repeats them.
        kind: Kind of the step; "" if it is not known.
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
    estimated_at: int
    kind: str = ""

    @property
    def as_of(self) -> str:
        """The age of the figures in words; "" if they are those of this moment."""
        return f" as of {counted(self.estimated_at, 'rollout')}" if self.estimated_at < self.rollouts else ""


@dataclass(frozen=True)
class RunRecord:
    """Everything that reports and the command line show of a run.

    Attributes:
        state: State of the run.
        started: Data of its `RunStarted`: limits, forecast, strategy, seed, sizes. Empty if the run was
            killed before it began.
        members: Members of the pool, in order of discovery.
        trials: Trials in order.
        curve: State of the run after each commit.
        best: Index of the member that is returned, or would be; None before the original was run.
        stop_reason: Reason why the search ended; "" before it did.
        choice_reason: Reason why the member is returned; "" before that.
        error: Error that ended the run, or "".
        in_flight: Steps that were begun and are not committed.
        uncommitted: Spending of such steps that is on record.
        usage: Language model use by phase: `reflection`, `train rollouts`, `validation rollouts` and, outside
            of all limits, `test rollouts`.
        objectives: Levels of the members by objective, as in `GEPAResult.val_aggregate_subscores`; empty
            without objectives, and before the run ended, as are the next two.
        groups: Scores of the members by group of examples; None for a member that was not run there.
        group_intervals: Intervals that contain the expected scores there with probability 0.9.
        failures: Number of failures of providers by cause; failed attempts are repeated and never scored.
        program_failures: Number of rollouts that ended in an error of the program, by cause.
        unavailable: Number of rollouts that a provider failed in every attempt, by cause; they have no score.
        test: Scores on the test set; None without one, and before the run ended.
        seconds: Duration of all sessions.
        sessions: Number of sessions.
        log_dir: Directory of the journal, or None.
    """

    state: RunStatus
    started: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[MemberRecord, ...] = ()
    trials: tuple[Trial, ...] = ()
    curve: tuple[Point, ...] = ()
    best: int | None = None
    stop_reason: str = ""
    choice_reason: str = ""
    error: str = ""
    in_flight: tuple[StepPlanned, ...] = ()
    uncommitted: Spending = field(default_factory=Spending)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    objectives: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    group_intervals: Mapping[str, Sequence[Interval | None]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    program_failures: Mapping[str, int] = field(default_factory=dict)
    unavailable: Mapping[str, int] = field(default_factory=dict)
    test: HeldOut | None = None
    seconds: float = 0.0
    sessions: int = 1
    log_dir: str | None = None

    def __repr__(self) -> str:
        """Describe the run on one line; all its texts would fill many screens."""
        counts = {"candidate": len(self.members), "trial": len(self.trials), "rollout": self.spent.rollouts}
        return f"<RunRecord {self.state}: {', '.join(counted(n, what) for what, n in counts.items())}>"

    @property
    def failed_rollouts(self) -> Mapping[str, int]:
        """Number of rollouts that gave no answer, by cause."""
        return Counter(self.program_failures) + Counter(self.unavailable)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the program's components."""
        return tuple(self.members[0].texts) if self.members else ()

    @property
    def last(self) -> Point | None:
        """The state at the last commit; None before the first."""
        return self.curve[-1] if self.curve else None

    @property
    def spent(self) -> Spending:
        """All spending on record within the limits, that of steps which are not committed included."""
        last = self.last
        if last is None:
            return self.uncommitted
        return Spending(last.rollouts, last.reflections, last.tokens, last.cost) + self.uncommitted

    @property
    def val_rows(self) -> tuple[str, ...]:
        """Rows on which members are compared, in order; the train rows if there is no validation set."""
        split = "train" if self.started.get("in_sample") else "val"
        return tuple(f"{split}/{position}" for position in range(self.started.get("val_rows", 0)))

    @property
    def guarded(self) -> Mapping[str, float]:
        """Rows that must pass and that the original passes, each with the lowest score that passes."""
        return passed(self.started.get("must_pass", {}), self.members[0].scores if self.members else {})

    def regressions(self, member: int) -> tuple[str, ...] | None:
        """Return the guarded rows that a member fails; None if none so far, and not all were run."""
        guarded, scores = self.guarded, self.members[member].scores
        lost = not_passed(guarded, scores)
        return lost if lost or passed(guarded, scores) == guarded else None

    @property
    def frontier(self) -> Mapping[str, tuple[int, ...]]:
        """Members with the best score on each validation row. Rows on which none was run are omitted."""
        best: dict[str, tuple[int, ...]] = {}
        for row in self.val_rows:
            known = {m.index: m.scores[row] for m in self.members if row in m.scores}
            if known:
                top = max(known.values())
                best[row] = tuple(member for member, score in known.items() if score == top)
        return best

    @property
    def trade_offs(self) -> list[int]:
        """Members that no other one beats in score and all objectives, the highest score first."""
        known = [(m.index, m.score) for m in self.members if m.score is not None]
        levels = self.objectives.values()
        points = [
            [score, *(math.nan if (level := by[index]) is None else level for by in levels)]
            for index, score in known
        ]
        return [known[i][0] for i in sorted(pareto_front(points), key=lambda i: -known[i][1])]

    def lineage(self, member: int) -> tuple[int, ...]:
        """Return the member and its ancestors, oldest first."""
        line, open_ = set[int](), [member]
        while open_:
            index = open_.pop()
            if index not in line:
                line.add(index)
                open_ += self.members[index].parents
        return tuple(sorted(line))
