"""Turns reports of the scheduler and the search into events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from dspy_gepa.events.dispatch import EventDispatcher
from dspy_gepa.events.events import (
    AttemptFailed,
    Failed,
    Finished,
    MemberScore,
    ReflectionDone,
    RolloutDone,
    Standing,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.program.redaction import redact
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.runtime.dispatcher import Done
from dspy_gepa.search.belief.bounded import Bounded
from dspy_gepa.search.loop import Committed, Search
from dspy_gepa.search.must_pass import failing
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import PlannedStep
from dspy_gepa.steps import AHEAD, Evaluation, Proposal, available
from dspy_gepa.texts import escape_controls
from dspy_gepa.types import Effect, Fault, HeldOut, Outcome, Reflect, Rollout, Row

# Number of members, beside the original and the best, whose scores an event holds at most.
MOST_SCORED = 16


class Emitter:
    """Sends the events of one run.

    Args:
        dispatcher: Delivers them. If it has no callbacks, nothing is computed.
    """

    def __init__(self, dispatcher: EventDispatcher) -> None:
        self._dispatch = dispatcher
        self._last: Standing | None = None
        self._unscored: set[int] = set()

    def planned(self, step: PlannedStep) -> None:
        """Report that a step is about to start."""
        members = step.parents if step.evaluates is None else (step.evaluates,)
        self._dispatch(StepPlanned(step.number, step.kind, () if step.finalists else members, step.need))

    def result(self, done: Done, step: int) -> None:
        """Report that an effect has its result."""
        effect, result = done.effect, done.result
        how = (done.replayed, done.attempts, done.seconds)
        if isinstance(effect, Rollout) and isinstance(result, Outcome):
            self._dispatch(RolloutDone(step, effect.row, effect.candidate.id, result, *how))
        elif isinstance(effect, Reflect) and not isinstance(result, Outcome):
            self._dispatch(ReflectionDone(step, effect.component, result, *how))

    def attempt_failed(self, effect: Effect, fault: Fault) -> None:
        """Report that a provider failed an effect."""
        kind: Literal["rollout", "reflect"] = "rollout" if isinstance(effect, Rollout) else "reflect"
        self._dispatch(AttemptFailed(kind, fault.cause, fault.error))

    def committed(self, search: Search, committed: Committed, standing: Standing | None = None) -> None:
        """Report that a step was committed; the pool contains it already.

        Args:
            search: The search.
            committed: The step.
            standing: The standing after it if that is known, from the record of an earlier session.
        """
        if not self._dispatch:
            return
        pool, result = search.pool, committed.result
        self._unscored |= _concerned(search, committed)
        proposal = result if isinstance(result, Proposal) else None
        evaluated = result.outcomes if isinstance(result, Evaluation) else {}
        standing = standing or self._assess(search)
        self._last, self._unscored = standing, set() if standing.scores else self._unscored
        self._dispatch(
            StepCommitted(
                step=committed.step.number,
                kind=committed.step.kind,
                proposal=proposal,
                member=len(pool) - 1 if _is_accepted(result) else None,
                evaluated={
                    member: _scores_on(pool, member, available([*outcomes], [*outcomes.values()])[0])
                    for member, outcomes in evaluated.items()
                },
                val_means={member: _known(pool.means[member]) for member in evaluated},
                members=len(pool),
                spent=search.budget.spent,
                **vars(standing),
            )
        )

    def _assess(self, search: Search) -> Standing:
        """Return the standing, worked out as often as scales are fitted; the last one in between.

        No decision asks for variances then, and who listens must not make a run slower.
        """
        if self._last is not None and search.pool.fitted is not None:
            return replace(self._last, scores={})
        return _standing(search, self._unscored)

    def testing(self, returned: int, rows: int) -> None:
        """Report that the original and the returned member are about to be run on the test set."""
        members = tuple(dict.fromkeys((0, returned)))
        self._dispatch(StepPlanned(AHEAD, "test", members, Spending(rollouts=rows * len(members))))

    def finished(self, search: Search, test: HeldOut | None = None) -> None:
        """Report that the search ended, and the scores on the test set; nothing is left to interrupt."""
        self._dispatch.stopping = True
        if not self._dispatch:
            return
        pool, choice = search.pool, search.choice
        self._dispatch(
            Finished(
                best=choice.member,
                candidate=pool.members[choice.member].candidate,
                score=choice.score,
                interval=choice.interval,
                better_than_original=choice.better_than_original,
                gain=_gain(pool, choice.member),
                gain_interval=pool.belief.gain(choice.member, 0).interval(),
                choice_reason=choice.reason,
                stop_reason=search.stop_reason,
                spent=search.budget.spent,
                scores=_scores(search),
                levels=search.levels,
                test=test,
            )
        )

    def stopping(
        self, running: Sequence[Effect], *, interrupted: bool, seconds: float, can_hurry: bool
    ) -> None:
        """Report that the run has to stop and waits for its running effects; it cannot be interrupted now."""
        self._dispatch.stopping = True
        rollouts = sum(isinstance(effect, Rollout) for effect in running)
        self._dispatch(Stopping(interrupted, rollouts, len(running) - rollouts, seconds, can_hurry))

    def failed(self, search: Search, error: BaseException) -> None:
        """Report that an error ends the run."""
        if self._dispatch:
            what = (type(error).__name__, escape_controls(redact(str(error))))
            self._dispatch(Failed(*what, search.budget.spent, _scores(search), search.levels))


def _concerned(search: Search, committed: Committed) -> set[int]:
    result = committed.result
    concerned = {*(result.parents if isinstance(result, Proposal) else result.outcomes)}
    return concerned | {len(search.pool) - 1} if _is_accepted(result) else concerned


def _standing(search: Search, concerned: set[int]) -> Standing:
    pool, choice, worth = search.pool, search.choice, search.pool.belief.mean
    contender = _contender(search, choice.member)
    ends = {0, choice.member, *([] if contender is None else [contender])}
    others = sorted(concerned - ends, key=lambda member: (-worth[member], member))[:MOST_SCORED]
    return Standing(
        scores={member: _score(search, member) for member in sorted({*ends, *others})},
        best=choice.member,
        score=choice.score,
        interval=choice.interval,
        better_than_original=choice.better_than_original,
        gain=_gain(pool, choice.member),
        gain_interval=pool.belief.gain(choice.member, 0).interval(),
        contender=contender,
        estimated_at=search.budget.spent.rollouts,
    )


def _is_accepted(result: Proposal | Evaluation) -> bool:
    return isinstance(result, Proposal) and result.verdict == "accepted"


def _values(search: Search) -> Sequence[float]:
    """Return the scores by which members are compared: beliefs, or validation means; NaN if unknown."""
    return search.pool.means if search.strategy.validates_all else search.pool.belief.mean.tolist()


def _score(search: Search, member: int) -> MemberScore:
    return _member_score(search, member, search.pool.belief.score(member))


def _scores(search: Search) -> tuple[MemberScore, ...]:
    if not search.pool.is_run(0):
        return ()
    every = search.pool.belief.all_scores()
    return tuple(_member_score(search, member, believed) for member, believed in enumerate(every))


def _member_score(search: Search, member: int, believed: Bounded) -> MemberScore:
    validated = search.strategy.validates_all
    score = _known(search.pool.means[member]) if validated else believed.expected
    return MemberScore(score, believed.interval(), believed.expected)


def _gain(pool: Pool, member: int) -> float:
    return pool.belief.score(member).expected - pool.belief.score(0).expected


def _contender(search: Search, best: int) -> int | None:
    values, barred = _values(search), failing(search.pool, search.problem.must_pass)
    known = [m for m, value in enumerate(values) if not math.isnan(value) and m not in barred]
    top = max(known, key=lambda member: values[member], default=best)
    if top == best or values[top] <= values[best]:
        return None
    # Of a member that was run on few rows so little is known that the range of the metric puts it lower.
    shown = {member: _score(search, member).believed for member in (top, best)}
    return top if shown[top] > shown[best] else None


def _scores_on(pool: Pool, member: int, rows: Sequence[Row]) -> dict[Row, float]:
    return dict(zip(rows, pool.table.at(member, pool.columns(rows)).tolist(), strict=True))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
