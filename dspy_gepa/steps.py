"""The steps of a search: generators that yield effects, and their results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dspy_gepa.types import Candidate, Effect, Outcome, Result, Rollout, Row

ProposalKind: TypeAlias = Literal["original", "mutation", "merge", "trim"]
StepKind: TypeAlias = Literal[
    "original", "initial", "validation", "top-up", "mutation", "merge", "trim", "finals", "test"
]
"""Kind of a step: run the original, or another initial candidate, on its first rows; run a new member on all
validation rows, or the best one on more; improve a member, merge two, trim the best, compare the best, or run
the test set after the search."""
# Number of a step before or after all others, in the journal.
AHEAD = -1
Verdict: TypeAlias = Literal["accepted", "rejected", "skipped"]


@dataclass(frozen=True)
class Proposal:
    """The result of a trial: a candidate with its evidence and the verdict.

    Attributes:
        kind: Kind of the trial.
        parents: Indices of the parents in the pool.
        candidate: The candidate; None if the step ended before there was one.
        changed: Components whose text differs from the first parent's.
        rows: For a mutation the rows that were reflected on, else those of its trial.
        before: Scores of the (better) parent on these rows.
        trial_rows: The rows the candidate was run on; empty if it was not run.
        after: Scores of the candidate on these rows.
        verdict: `accepted`, `rejected`, or `skipped` if nothing was proposed.
        reason: One sentence for people.
        evidence: The evidence shown to the reflection model, by component, without images and other media.
        ancestor: Index of the common ancestor, for merges.
        reflections: Number of answers of the reflection model in this step.
        unusable: Number of these that were empty, cut off or could not be parsed.
        before_objectives: Objectives of a mutation's parent on `rows`, if the metric gives any.
        after_objectives: Objectives of the candidate on `trial_rows`.
    """

    kind: ProposalKind
    parents: tuple[int, ...]
    candidate: Candidate | None
    verdict: Verdict
    reason: str
    changed: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    before: tuple[float, ...] = ()
    trial_rows: tuple[Row, ...] = ()
    after: tuple[float, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)
    ancestor: int | None = None
    reflections: int = 0
    unusable: int = 0
    before_objectives: tuple[Mapping[str, float], ...] = ()
    after_objectives: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The result of running members on additional rows.

    Attributes:
        outcomes: The outcomes by the member's index and row.
    """

    outcomes: Mapping[int, Mapping[Row, Outcome]]


Step: TypeAlias = Generator[Sequence[Effect], Sequence[Any], Proposal | Evaluation]
"""A step of the search: yields batches of effects, receives their results, returns its own result."""


def rollouts(
    candidate: Candidate, rows: Sequence[Row]
) -> Generator[Sequence[Effect], Sequence[Any], tuple[Outcome, ...]]:
    """Run `candidate` on `rows`, within a step; the outcomes are in the order of the rows."""
    results = yield [Rollout(candidate, row) for row in rows]
    return tuple(results)


def available(
    rows: Sequence[Row], outcomes: Sequence[Outcome]
) -> tuple[tuple[Row, ...], tuple[Outcome, ...]]:
    """Return the rows, with their outcomes, on which the provider did not fail for good."""
    found = [(r, o) for r, o in zip(rows, outcomes, strict=True) if o.status != "unavailable"]
    return tuple(row for row, _ in found), tuple(outcome for _, outcome in found)


def objectives_of(outcomes: Sequence[Outcome]) -> tuple[Mapping[str, float], ...]:
    """Return the objectives of each outcome, in order; empty if none has any."""
    found = tuple(outcome.objectives for outcome in outcomes)
    return found if any(found) else ()


def perform(step: Step, execute: Callable[[Effect], Result]) -> Proposal | Evaluation:
    """Run a step to its end, one effect after the other, and return its result."""
    results: Sequence[Result] | None = None
    while True:
        try:
            effects = step.send(results)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            result: Proposal | Evaluation = end.value
            return result
        results = [execute(effect) for effect in effects]
