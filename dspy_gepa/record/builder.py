"""Builds a run's record from its events, one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    MemberScore,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
)
from dspy_gepa.program.media import elide, with_media
from dspy_gepa.record.model import Evidence, MemberRecord, Point, RunRecord, RunStatus, Trial
from dspy_gepa.record.rows import MAX_ROWS
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.steps import AHEAD, Proposal
from dspy_gepa.types import PHASES, Levels, Outcome, Reflection, Row, Usage

# Maximum number of characters of a feedback, and of the inputs of a rollout: enough to recognize the case.
FEEDBACK, INPUTS = 800, 400
# Events that change what grows with the run; all others add to counts.
CHANGE_MEMBERS = (RunStarted, StepCommitted, Finished, Failed)
# Exceptions that end an interrupted run.
INTERRUPTS = ("RunInterrupted", "KeyboardInterrupt")


class RecordBuilder:
    """A callback that builds the record of a run, in its process or from its journal.

    Args:
        with_evidence: True to keep the feedback and the inputs of the rollouts that trials reflect on.
    """

    def __init__(self, *, with_evidence: bool = True) -> None:
        self._with_evidence = with_evidence
        self._started: Mapping[str, Any] = {}
        self._ended: Finished | Failed | None = None
        self._members: list[MemberRecord] = []
        self._candidates: set[str] = set()
        self._evidence: dict[tuple[str, Row], Evidence] = {}
        self._trials: list[Trial] = []
        self._curve: list[Point] = []
        self._planned: dict[int, StepPlanned] = {}
        self._uncommitted: dict[int, Spending] = {}
        self._usage: dict[str, Usage] = {}
        self._failures: Counter[str] = Counter()
        self._program_failures: Counter[str] = Counter()
        self._unavailable: Counter[str] = Counter()
        self._by_commit: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        """Add an event to the record."""
        if isinstance(event, CHANGE_MEMBERS):
            self._by_commit.clear()
        match event:
            case RunStarted():
                _require(max(event.train_rows, event.val_rows) <= MAX_ROWS, "the number of rows")
                self._started = event.to_dict()
                self._members = [
                    MemberRecord(index=index, candidate=candidate.id, texts=dict(candidate))
                    for index, candidate in enumerate(event.candidates)
                ]
                self._candidates = {member.candidate for member in self._members}
            case StepPlanned():
                self._check_members(event.members)
                self._planned[event.step] = event
            case StepCommitted():
                self._commit(event)
            case RolloutDone():
                self.rollout(event.step, event.candidate, event.row, event.outcome)
            case ReflectionDone():
                self.reflection(event.step, event.reflection)
            case AttemptFailed():
                self.failure(event.cause)
            case Finished() | Failed():
                self._end(event)

    def rollout(self, step: int, candidate: str, row: Row, outcome: Outcome) -> None:
        """Add the outcome of a rollout of a step."""
        train = row.split == "train"
        self._use(PHASES[row.split], outcome.usage)
        if row.split != "test":  # no limit counts it
            self._spend(step, outcome.usage, rollouts=1)
        if outcome.status == "unavailable":
            self._unavailable[outcome.cause] += 1
            return
        if outcome.status == "program_failed":
            self._program_failures[outcome.cause or "unknown"] += 1
        if train and self._with_evidence:
            self._evidence[candidate, row] = _evidence(row, outcome)

    def reflection(self, step: int, reflection: Reflection) -> None:
        """Add an answer of the reflection model in a step."""
        self._use("reflection", reflection.usage)
        self._spend(step, reflection.usage, reflections=1)

    def failure(self, cause: str) -> None:
        """Add a failure of a provider."""
        self._failures[cause] += 1

    def record(
        self,
        state: RunStatus | None = None,
        *,
        seconds: float = 0.0,
        sessions: int = 1,
        log_dir: str | None = None,
    ) -> RunRecord:
        """Return the record so far.

        Args:
            state: The state of the run if it is known better than from the events.
            seconds: Duration of all sessions.
            sessions: Number of sessions.
            log_dir: Directory of the journal, or None.
        """
        # Most events are results of effects, and they leave what grows with the run as it is.
        self._by_commit = self._by_commit or self._what_steps_change()
        return RunRecord(
            state=state or _state(self._ended),
            started=self._started,
            in_flight=tuple(self._planned.values()) if self._ended is None else (),
            **self._by_commit,
            uncommitted=self._begun(),
            usage=dict(self._usage),
            failures=dict(self._failures),
            program_failures=dict(self._program_failures),
            unavailable=dict(self._unavailable),
            test=self._ended.test if isinstance(self._ended, Finished) else None,
            seconds=seconds,
            sessions=sessions,
            log_dir=log_dir,
        )

    def _what_steps_change(self) -> dict[str, Any]:
        """Return the part of the record that only `CHANGE_MEMBERS` change, by name."""
        ended = self._ended
        finished = ended if isinstance(ended, Finished) else None
        failed = ended if isinstance(ended, Failed) else None
        levels = Levels() if ended is None else ended.levels
        return {
            "members": tuple(self._members),
            "trials": tuple(self._trials),
            "curve": tuple(self._curve),
            "best": finished.best if finished else self._curve[-1].best if self._curve else None,
            "stop_reason": finished.stop_reason if finished else "",
            "choice_reason": finished.choice_reason if finished else "",
            "error": f"{failed.error}: {failed.message}" if failed else "",
            "objectives": self._by_member(levels.objectives),
            "groups": self._by_member(levels.groups),
            "group_intervals": self._by_member(levels.group_intervals),
        }

    def _begun(self) -> Spending:
        if isinstance(self._ended, Finished):
            return Spending()
        # A step of a course that was left may be on record too, but is not planned.
        steps = (self._uncommitted.get(step, Spending()) for step in {AHEAD, *self._planned})
        return sum(steps, Spending())

    def _use(self, phase: str, usage: Usage) -> None:
        self._usage[phase] = self._usage.get(phase, Usage()) + usage

    def _spend(self, step: int, usage: Usage, rollouts: int = 0, reflections: int = 0) -> None:
        spent = Spending(rollouts, reflections, usage.spent_tokens, usage.cost)
        self._uncommitted[step] = self._uncommitted.get(step, Spending()) + spent

    def _check_members(self, members: Iterable[int | None]) -> None:
        """Check that members exist; a journal of a stranger may name others.

        Raises:
            ValueError: One of them does not.
        """
        for member in members:
            _require(member is None or 0 <= member < len(self._members), f"member {member}")

    def _commit(self, event: StepCommitted) -> None:
        for step in (event.step, AHEAD):  # the first commit counts what was done ahead of all steps
            self._planned.pop(step, None)
            self._uncommitted.pop(step, None)
        if event.proposal is not None:
            self._check_members([*event.proposal.parents, event.proposal.ancestor])
            _require(event.member in (None, len(self._members)), f"member {event.member}")
            self._add_trial(event, event.proposal)
        self._check_members([event.best, event.contender, *event.evaluated, *event.scores])
        for member, scores in event.evaluated.items():
            self._evaluate(member, {str(row): score for row, score in scores.items()})
        self._score(event.scores)
        self._curve.append(
            Point(
                step=event.step,
                rollouts=event.spent.rollouts,
                reflections=event.spent.reflections,
                tokens=event.spent.tokens,
                cost=event.spent.cost,
                best=event.best,
                score=event.score,
                interval=event.interval,
                better_than_original=event.better_than_original,
                gain=event.gain,
                gain_interval=event.gain_interval,
                estimated_at=event.estimated_at,
                kind=event.kind,
            )
        )

    def _end(self, event: Finished | Failed) -> None:
        if isinstance(event, Finished):
            self._check_members([event.best])
        self._ended = event
        self._score(dict(enumerate(event.scores)))
        if isinstance(event, Finished) and self._curve:
            # The choice among the finalists is made after the last commit.
            self._curve[-1] = replace(
                self._curve[-1],
                best=event.best,
                score=event.score,
                interval=event.interval,
                better_than_original=event.better_than_original,
                gain=event.gain,
                gain_interval=event.gain_interval,
                estimated_at=self._curve[-1].rollouts,
            )

    def _add_trial(self, event: StepCommitted, proposal: Proposal) -> None:
        candidate, parents = proposal.candidate, proposal.parents
        trial = Trial(
            step=event.step,
            kind=proposal.kind,
            parents=parents,
            ancestor=proposal.ancestor,
            verdict=proposal.verdict,
            reason=proposal.reason,
            changed={} if candidate is None else {name: candidate[name] for name in proposal.changed},
            evidence=tuple(
                self._evidence_of(parents, row, score)
                for row, score in zip(proposal.rows, proposal.before, strict=True)
            ),
            trial_rows=tuple(map(str, proposal.trial_rows)),
            after=proposal.after,
            member=event.member,
        )
        self._trials.append(trial)
        if candidate is not None and event.member is None and candidate.id not in self._candidates:
            for row in proposal.trial_rows:  # nobody will reflect on its rollouts
                self._evidence.pop((candidate.id, row), None)
        if trial.kind == "mutation":
            self._evaluate(parents[0], {e.row: e.score for e in trial.evidence})
        if event.member is not None and candidate is not None:
            self._candidates.add(candidate.id)
            self._members.append(
                MemberRecord(
                    index=event.member,
                    candidate=candidate.id,
                    texts=dict(candidate),
                    parents=parents,
                    step=event.step,
                    found_at=event.spent.rollouts,
                    scores=dict(zip(trial.trial_rows, trial.after, strict=True)),
                )
            )

    def _evaluate(self, member: int, scores: Mapping[str, float]) -> None:
        before = self._members[member]
        self._members[member] = replace(before, scores={**before.scores, **scores})

    def _score(self, scores: Mapping[int, MemberScore]) -> None:
        for member, (score, interval, believed) in scores.items():
            # A session that was interrupted in its replay knows fewer members than the journal, or others.
            if member < len(self._members):
                before = replace(self._members[member], score=score)
                self._members[member] = (
                    before if score is None else replace(before, interval=interval, believed=believed)
                )

    def _evidence_of(self, parents: Sequence[int], row: Row, score: float) -> Evidence:
        known = [self._evidence.get((self._members[parent].candidate, row)) for parent in parents]
        return next((e for e in known if e is not None and e.score == score), Evidence(str(row), score))

    def _by_member(self, named: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
        # A session that was interrupted in its replay knows fewer members than the journal.
        return {
            name: (*map(_level, values), *[None] * (len(self._members) - len(values)))
            for name, values in named.items()
        }


def _state(ended: Finished | Failed | None) -> RunStatus:
    if isinstance(ended, Failed):
        return "interrupted" if ended.error in INTERRUPTS else "failed"
    return "running" if ended is None else "finished"


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"{what} is not possible here")


def _level(value: Any) -> Any:
    """Return a finite number or an interval as it is, and None for NaN."""
    return None if value != value else value  # true of NaN only


def _evidence(row: Row, outcome: Outcome) -> Evidence:
    feedback = [outcome.feedback, *(f"{name}: {text}" for name, text in outcome.component_feedback.items())]
    inputs = json.dumps(outcome.trace[0].inputs, ensure_ascii=False, default=str) if outcome.trace else ""
    return Evidence(
        row=str(row),
        score=outcome.score,
        feedback=_brief("\n".join(filter(None, feedback)), FEEDBACK),
        error=_brief(outcome.error, FEEDBACK),
        inputs=_brief(inputs, INPUTS) if inputs != "{}" else "",
    )


def _brief(text: str, chars: int) -> str:
    """Return the text without media, which the record would hold once per rollout."""
    return elide(with_media(text, most=0), chars)
