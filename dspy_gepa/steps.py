"""The steps of a search: generators that yield effects, and what they come to."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dspy_gepa.types import Candidate, Effect, Outcome, Rollout, Row

Kind: TypeAlias = Literal["original", "mutation", "merge", "trim"]
StepKind: TypeAlias = Literal[
    "original", "initial", "validation", "top-up", "mutation", "merge", "trim", "finals"
]
"""What a step does: run the program as it was given, or another initial candidate, on its first rows; run a
new member on all validation rows, or the best on more; improve a member, merge two, shorten the best, or
compare the best."""
Verdict: TypeAlias = Literal["accepted", "rejected", "skipped"]


@dataclass(frozen=True)
class Proposal:
    """A candidate on trial, with its evidence and the verdict: what a trial comes to.

    Attributes:
        kind: How it was made.
        parents: Indices of the pool members it came from.
        candidate: The candidate on trial; None when the step ended before there was one.
        changed: Components whose text differs from the first parent's.
        rows: For a mutation the rows that were reflected on, else those of its trial.
        before: Scores of the (better) parent on these rows.
        trial_rows: The rows the candidate was run on; empty when the trial was not held.
        after: Scores of the candidate on these rows.
        verdict: `accepted`, `rejected`, or `skipped` when nothing was put on trial.
        reason: One sentence for people.
        evidence: What the reflector was shown, per component.
        ancestor: For merges, the common ancestor's index.
        reflections: How many answers the reflection model gave in this step.
        unusable: How many of these were empty, cut off or could not be parsed.
        before_objectives: Where the metric gives objectives, those of a mutation's parent on `rows`.
        after_objectives: And those of the candidate on `trial_rows`.
    """

    kind: Kind
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
    """What it comes to when members are run on further rows.

    Attributes:
        outcomes: By member's index and row, what came of it.
    """

    outcomes: Mapping[int, Mapping[Row, Outcome]]


Step: TypeAlias = Generator[Sequence[Effect], Sequence[Any], Proposal | Evaluation]
"""A step of the search: yields batches of effects, receives their results, returns what they come to."""


def rollouts(
    candidate: Candidate, rows: Sequence[Row]
) -> Generator[Sequence[Effect], Sequence[Any], tuple[Outcome, ...]]:
    """Within a step: run `candidate` on `rows`; results come in the order of the rows."""
    results = yield [Rollout(candidate, row) for row in rows]
    return tuple(results)


def objectives_of(outcomes: Sequence[Outcome]) -> tuple[Mapping[str, float], ...]:
    """The objectives of each outcome, in order; empty where none of them has any."""
    found = tuple(outcome.objectives for outcome in outcomes)
    return found if any(found) else ()
