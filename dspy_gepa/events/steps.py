"""Events of the steps of the search, in the order of their commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dspy_gepa.events.base import Event
from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.steps import Proposal, StepKind
from dspy_gepa.types import Row

if TYPE_CHECKING:  # see session.py
    from dspy_gepa.search.belief.summary import PoolSummary


@dataclass(frozen=True)
class StepPlanned(Event):
    """A step is about to start.

    Attributes:
        step: Its number.
        kind: What it does.
        members: The members it starts from or runs; empty for the finals, which choose them on the way.
        need: The most it can spend.
    """

    step: int
    kind: StepKind
    members: tuple[int, ...]
    need: Spending


@dataclass(frozen=True)
class ProposalAccepted(Event):
    """A mutation, a merge or a deletion (``proposal.kind``) became a member of the pool.

    Attributes:
        step: The step.
        proposal: The candidate on trial, its evidence and the reason.
        member: The new member's index.
    """

    step: int
    proposal: Proposal
    member: int


@dataclass(frozen=True)
class ProposalRejected(Event):
    """A mutation, a merge or a deletion was tried and not kept, or its texts could not be used.

    Attributes:
        step: The step.
        proposal: What was proposed, its evidence and the reason.
    """

    step: int
    proposal: Proposal


@dataclass(frozen=True)
class ProposalSkipped(Event):
    """A trial ended before anything was proposed, for example because every row was perfect already.

    Attributes:
        step: The step.
        proposal: The parent's scores and the reason; it has no candidate.
    """

    step: int
    proposal: Proposal


@dataclass(frozen=True)
class Evaluated(Event):
    """Members were run on further rows.

    Attributes:
        step: The step.
        kind: ``seed``, ``initial``, ``validation``, ``top-up`` or ``finals``.
        scores: By member, the scores on the rows of this step.
        val_means: By member, the mean over all validation rows it was run on so far; None without any.
        believed: By member, what it is believed to score on rows like these.
    """

    step: int
    kind: StepKind
    scores: Mapping[int, Mapping[Row, float]]
    val_means: Mapping[int, float | None]
    believed: Mapping[int, float]


@dataclass(frozen=True)
class BestSoFar(Event):
    """At each commit: what would be returned if the run ended now.

    Attributes:
        step: The step that was committed.
        members: How many the pool has.
        best: Index of the member that would be returned.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_original: Probability that it is better than the program as it was given.
        standing: What every member is believed to score, and what is gained over the seed.
    """

    step: int
    members: int
    best: int
    score: float
    interval: tuple[float, float]
    better_than_original: float
    standing: PoolSummary


@dataclass(frozen=True)
class BudgetSpent(Event):
    """At each commit, as its last event: what was spent.

    Attributes:
        step: The step.
        spent: What all committed steps spent, in earlier sessions too.
        limits: The most the run may spend.
    """

    step: int
    spent: Spending
    limits: Limits
