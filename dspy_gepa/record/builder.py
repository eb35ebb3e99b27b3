"""From what a run tells, event by event, to its record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dspy_gepa.events import AttemptFailed, Event, ReflectionDone, RolloutDone
from dspy_gepa.program.media import elide
from dspy_gepa.record.model import Evidence, Member, Point, RunRecord, State, Trial
from dspy_gepa.types import Candidate, Outcome, Reflection, Usage

# Characters of a feedback and of a row's inputs that are kept: enough for a reader to know the case.
FEEDBACK, INPUTS = 800, 400


@dataclass
class _Draft:
    """A member while the run goes on."""

    candidate: str
    texts: Mapping[str, str]
    parents: tuple[int, ...]
    step: int | None
    found_at: int | None = None
    scores: dict[str, float] = field(default_factory=dict)


class Builder:
    """Gathers a run's record from its events as data, `Event.to_dict()`, and from its effects' results."""

    def __init__(self) -> None:
        self._started: Mapping[str, Any] = {}
        self._drafts: list[_Draft] = []
        self._evidence: dict[tuple[str, str], Evidence] = {}
        self._trials: list[Trial] = []
        self._curve: list[Point] = []
        self._standing: Mapping[str, Any] = {"scores": (), "intervals": ()}
        self._best: Mapping[str, Any] = {}
        self._told: Mapping[str, Any] = {}
        self._planned: dict[int, Mapping[str, Any]] = {}
        self._ended: Mapping[str, Any] = {}
        self._usage: dict[str, Usage] = {}
        self._failures: Counter[str] = Counter()
        self._program_failures: Counter[str] = Counter()

    def tell(self, data: Mapping[str, Any]) -> None:
        """Take in an event, as data."""
        kind = data["event"]
        if kind == "run_started":
            self._started = data
            self._drafts = [_Draft(_id(texts), texts, (), None, found_at=0) for texts in data["candidates"]]
        elif kind == "step_planned":
            self._planned[data["step"]] = data
        elif kind in ("proposal_accepted", "proposal_rejected", "proposal_skipped"):
            self._planned.pop(data["step"], None)
            self._add_trial(data["step"], data["proposal"], data.get("member"))
        elif kind == "evaluated":
            self._planned.pop(data["step"], None)
            for member, scores in data["scores"].items():
                self._drafts[int(member)].scores.update(scores)
        elif kind == "best_so_far":
            self._told = data
        elif kind == "budget_spent":
            # A process can be killed between the two: what stands is what belongs to a point of the curve.
            self._best, self._standing = self._told, self._told["standing"]
            self._curve.append(_point(self._best, data["spent"]))
            for draft in self._drafts:
                draft.found_at = data["spent"]["rollouts"] if draft.found_at is None else draft.found_at
        elif kind in ("finished", "failed"):
            self._ended = data

    def rollout(self, candidate: str, row: str, outcome: Outcome) -> None:
        """Take in what came of a rollout."""
        train = row.startswith("train")
        self._use("train rollouts" if train else "validation rollouts", outcome.usage)
        if outcome.status == "program_failed":
            self._program_failures[outcome.cause or "unknown"] += 1
        if train:
            self._evidence[candidate, row] = _evidence(row, outcome)

    def reflection(self, reflection: Reflection) -> None:
        """Take in what the reflection model answered."""
        self._use("reflection", reflection.usage)

    def failure(self, cause: str) -> None:
        """Take in that a provider failed."""
        self._failures[cause] += 1

    def record(
        self,
        state: State | None = None,
        *,
        seconds: float = 0.0,
        sessions: int = 1,
        log_dir: str | None = None,
    ) -> RunRecord:
        """The record so far; `state` where it is known better than from the events."""
        ended = self._ended.get("event")
        failed = ended == "failed"
        levels = self._ended.get("levels", {})
        return RunRecord(
            state=state or ("failed" if failed else "finished" if ended else "running"),
            started=self._started,
            members=tuple(self._member(index) for index in range(len(self._drafts))),
            trials=tuple(self._trials),
            curve=tuple(self._curve),
            best=self._ended.get("best", self._best.get("best")),
            stop_reason=self._ended.get("stop_reason", ""),
            choice_reason=self._ended.get("choice_reason", ""),
            error=f"{self._ended['error']}: {self._ended['message']}" if failed else "",
            in_flight=tuple(self._planned.values()) if ended is None else (),
            usage=dict(self._usage),
            objectives=self._by_member(levels.get("objectives", {})),
            groups=self._by_member(levels.get("groups", {})),
            group_intervals=self._by_member(levels.get("group_intervals", {})),
            failures=dict(self._failures),
            program_failures=dict(self._program_failures),
            seconds=seconds,
            sessions=sessions,
            log_dir=log_dir,
        )

    @property
    def _spent(self) -> int:
        return self._curve[-1].rollouts if self._curve else 0

    def _use(self, phase: str, usage: Usage) -> None:
        self._usage[phase] = self._usage.get(phase, Usage()) + usage

    def _add_trial(self, step: int, proposal: Mapping[str, Any], member: int | None) -> None:
        parents = tuple(proposal["parents"])
        evidence = [
            self._evidence_of(parents, row, score)
            for row, score in zip(proposal["rows"], proposal["before"], strict=True)
        ]
        trial = Trial(
            step=step,
            kind=proposal["kind"],
            parents=parents,
            ancestor=proposal["ancestor"],
            verdict=proposal["verdict"],
            reason=proposal["reason"],
            changed=proposal["changed"],
            evidence=tuple(evidence),
            trial_rows=tuple(proposal["trial_rows"]),
            after=tuple(proposal["after"]),
            member=member,
        )
        self._trials.append(trial)
        if trial.kind == "mutation":
            self._drafts[parents[0]].scores.update({e.row: e.score for e in evidence})
        if member is not None:
            texts = {**self._drafts[parents[0]].texts, **trial.changed}
            scores = dict(zip(trial.trial_rows, trial.after, strict=True))
            self._drafts.append(_Draft(proposal["candidate"], texts, parents, step, scores=scores))

    def _evidence_of(self, parents: Sequence[int], row: str, score: float) -> Evidence:
        known = [self._evidence.get((self._drafts[parent].candidate, row)) for parent in parents]
        return next((e for e in known if e is not None and e.score == score), Evidence(row, score))

    def _by_member(self, named: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
        # A session that was interrupted while it went through recorded steps knows fewer than there are.
        return {
            name: (*map(_level, values), *[None] * (len(self._drafts) - len(values)))
            for name, values in named.items()
        }

    def _member(self, index: int) -> Member:
        draft = self._drafts[index]
        judged = index < len(self._standing["scores"])
        score = self._standing["scores"][index] if judged else None
        low, high = self._standing["intervals"][index] if judged else (None, None)
        return Member(
            index=index,
            candidate=draft.candidate,
            texts=draft.texts,
            parents=draft.parents,
            step=draft.step,
            found_at=self._spent if draft.found_at is None else draft.found_at,
            score=score,
            interval=None if score is None or low is None or high is None else (low, high),
            scores=dict(draft.scores),
        )


class Recorder:
    """A callback that keeps a run's record while it goes on."""

    def __init__(self) -> None:
        self._builder = Builder()

    def __call__(self, event: Event) -> None:
        """Take in what the event tells."""
        if isinstance(event, RolloutDone):
            self._builder.rollout(event.candidate, str(event.row), event.outcome)
        elif isinstance(event, ReflectionDone):
            self._builder.reflection(event.reflection)
        elif isinstance(event, AttemptFailed):
            self._builder.failure(event.cause)
        else:
            self._builder.tell(event.to_dict())

    def record(self, *, seconds: float, log_dir: str | None) -> RunRecord:
        """The record so far.

        Args:
            seconds: How long the run took.
            log_dir: Where it is recorded, or None.
        """
        return self._builder.record(seconds=seconds, log_dir=log_dir)


def _id(texts: Mapping[str, str]) -> str:
    return Candidate.of(texts).id


def _point(best: Mapping[str, Any], spent: Mapping[str, Any]) -> Point:
    return Point(
        step=best["step"],
        rollouts=spent["rollouts"],
        reflections=spent["reflections"],
        tokens=spent["tokens"],
        cost=spent["cost"],
        best=best["best"],
        score=best["score"],
        interval=tuple(best["interval"]),
        better_than_original=best["better_than_original"],
        gain=best["standing"]["gain"],
        gain_interval=tuple(best["standing"]["gain_interval"]),
    )


def _level(value: Any) -> Any:
    """A number, or None; an interval, which is a list in JSON, as what it is."""
    return tuple(value) if isinstance(value, list) else value


def _evidence(row: str, outcome: Outcome) -> Evidence:
    said = [outcome.feedback, *(f"{name}: {text}" for name, text in outcome.component_feedback.items())]
    inputs = outcome.trace[0].inputs if outcome.trace else {}
    return Evidence(
        row=row,
        score=outcome.score,
        feedback=elide("\n".join(filter(None, said)), FEEDBACK),
        error=elide(outcome.error, FEEDBACK),
        inputs=elide(json.dumps(inputs, ensure_ascii=False, default=str), INPUTS) if inputs else "",
    )
