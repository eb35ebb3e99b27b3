"""Decisions of a search as data, and their record: a resumed run reads them and does not make them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dspy_gepa.search.edit_history import KnownEdit
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal, StepKind
from dspy_gepa.types import Row


@dataclass(frozen=True)
class Decision:
    """The decision on a step before the end of the search, chance included. With the pool it gives the step.

    Attributes:
        kind: Kind of the step.
        members: The member that is evaluated, or the parents of the trial.
        rows: Rows to evaluate or to reflect on; for a merge those of its trial.
        trial_rows: Rows to run the child of a mutation on.
        turn: Number of times that the parent of a mutation was chosen before.
        edits: By component, the earlier edits that the reflection model of a mutation is shown.
        ancestor: Common ancestor of the two parents of a merge.
        sources: For a merge, the member that each component's text comes from, in the program's order.
    """

    kind: StepKind
    members: tuple[int, ...]
    rows: tuple[Row, ...]
    trial_rows: tuple[Row, ...] = ()
    turn: int = 0
    edits: Mapping[str, tuple[KnownEdit, ...]] = field(default_factory=dict)
    ancestor: int | None = None
    sources: tuple[int, ...] = ()

    def fits(self, pool: Pool) -> bool:
        """Return True if it is complete, and the pool has every member, trial, component and row it names."""
        original = pool.members[0].candidate
        merges = self.kind == "merge"
        complete = (len(self.members), len(self.sources)) == ((2, len(original)) if merges else (1, 0))
        members = [*self.members, *self.sources, *([] if self.ancestor is None else [self.ancestor])]
        rows = {*pool.val_rows, *pool.train_rows}
        return (
            complete
            and merges == (self.ancestor is not None)
            and all(0 <= member < len(pool) for member in members)
            and rows.issuperset((*self.rows, *self.trial_rows))
            and all(
                0 <= edit.trial < len(pool.proposals) and name in pool.proposals[edit.trial].changed
                for name, edits in self.edits.items()
                for edit in edits
            )
        )


@dataclass(frozen=True)
class Plan:
    """A decision and the moment at which it was made.

    Attributes:
        decision: The decision.
        committed: Number of steps that were committed by then.
        course: Digest of their results, see `next_course`.
        bound: True if the budget had a part in it: without limits another step would have come first.
    """

    decision: Decision
    committed: int
    course: str
    bound: bool = False


class Plans(Protocol):
    """Record of the plans of a search by the numbers of their steps."""

    def recall(self, step: int) -> Plan | None:
        """Return the plan of a step, or None."""

    def record(self, step: int, plan: Plan | None) -> None:
        """Record the plan of a step, or that the search takes no such step.

        If it differs from the one on record, this one and all later ones on record are void.
        """


class NoPlans:
    """A record of nothing: every decision is made."""

    def recall(self, step: int) -> None:
        """Return None."""

    def record(self, step: int, plan: Plan | None) -> None:
        """Record nothing."""


def next_course(course: str, step: int, result: Proposal | Evaluation) -> str:
    """Return the digest of a course of results after one more; equal for equal results in equal order.

    Args:
        course: The digest before it; "" at the beginning.
        step: Number of the step.
        result: Its result.
    """
    if isinstance(result, Proposal):
        candidate = result.candidate.id if result.candidate else None
        facts: object = [
            *(result.kind, result.parents, candidate, result.verdict),
            *(_rows(result.rows), result.before, list(map(dict, result.before_objectives))),
            *(_rows(result.trial_rows), result.after, list(map(dict, result.after_objectives))),
        ]
    else:
        facts = [
            [member, str(row), outcome.status, outcome.score, dict(outcome.objectives)]
            for member, outcomes in result.outcomes.items()
            for row, outcome in outcomes.items()
        ]
    text = json.dumps([course, step, facts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rows(rows: tuple[Row, ...]) -> list[str]:
    return list(map(str, rows))
