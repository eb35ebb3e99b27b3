"""The pool of candidates: everything the search knows, as one immutable value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dspy_gepa.search.frontier import Scores
from dspy_gepa.types import Candidate, Proposal, Row


@dataclass(frozen=True)
class Member:
    """A candidate that was accepted into the pool.

    Attributes:
        index: Its place in the pool; the seed is 0.
        candidate: Its texts.
        parents: Indices of the members it came from; empty for the seed, two for a merge.
        step: The step that found it.
        discovered_at: Rollouts spent in the run before its own validation began.
    """

    index: int
    candidate: Candidate
    parents: tuple[int, ...]
    step: int
    discovered_at: int


@dataclass(frozen=True)
class Pool:
    """The members, their validation scores and the history of all proposals.

    Attributes:
        val_rows: The validation rows, in the order of the score matrix' columns.
        members: In order of discovery.
        scores: Shape (members, validation rows), NaN where a member was not run.
        means: By member, the mean validation score over the rows it was run on.
        proposals: What every committed step came to, in step order.
        turns: Per member, how many times one of its components was chosen for rewriting.
        merge_due: True when the last committed step found a new member by mutation.
        known: Ids of all candidates that were ever proposed.
    """

    val_rows: tuple[Row, ...]
    members: tuple[Member, ...] = ()
    scores: Scores = field(default_factory=lambda: np.empty((0, 0)))
    means: tuple[float, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    turns: tuple[int, ...] = ()
    merge_due: bool = False
    known: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.members)

    def knows(self, candidate: Candidate) -> bool:
        """Whether a member or an earlier proposal has exactly these texts."""
        return candidate.id in self.known

    def mean(self, index: int) -> float:
        """Mean validation score of a member over the rows it was run on."""
        return self.means[index]

    def ancestors(self, index: int) -> frozenset[int]:
        """All members that `index` descends from."""
        found: set[int] = set()
        open_: list[int] = list(self.members[index].parents)
        while open_:
            parent = open_.pop()
            if parent not in found:
                found.add(parent)
                open_.extend(self.members[parent].parents)
        return frozenset(found)

    def history(self, component: str) -> tuple[Proposal, ...]:
        """Mutations that put a new text of `component` on trial, oldest first."""
        return tuple(p for p in self.proposals if p.kind == "mutation" and component in p.changed and p.after)

    def commit(self, proposal: Proposal, *, spent: int) -> Pool:
        """The pool after a step.

        Steps in flight beside each other may come upon the same texts; the later one is no new member.

        Args:
            proposal: What the step came to.
            spent: Rollouts executed in the run so far, this step's included.
        """
        if proposal.verdict == "accepted" and any(m.candidate == proposal.candidate for m in self.members):
            proposal = replace(proposal, verdict="rejected", reason="a step beside it found the same texts")
        pool = replace(
            self,
            proposals=(*self.proposals, proposal),
            turns=_next_turns(self.turns, proposal),
            known=self.known | ({proposal.candidate.id} if proposal.candidate else set()),
            merge_due=proposal.verdict == "accepted" and proposal.kind == "mutation",
        )
        if proposal.verdict != "accepted" or proposal.candidate is None:
            return pool
        member = Member(
            index=len(self.members),
            candidate=proposal.candidate,
            parents=proposal.parents,
            step=len(self.proposals),
            discovered_at=max(0, spent - len(proposal.validation)),
        )
        row = _score_row(proposal, self.val_rows)
        return replace(
            pool,
            members=(*self.members, member),
            scores=np.vstack([self.scores.reshape(-1, len(self.val_rows)), row]),
            means=(*self.means, mean_of(row)),
            turns=(*pool.turns, max((pool.turns[p] for p in proposal.parents), default=0)),
        )


def _next_turns(turns: tuple[int, ...], proposal: Proposal) -> tuple[int, ...]:
    # A minibatch that was skipped used no component's turn, so that the same one is next.
    if proposal.kind != "mutation" or proposal.verdict == "skipped":
        return turns
    parent = proposal.parents[0]
    return (*turns[:parent], turns[parent] + 1, *turns[parent + 1 :])


def mean_of(scores: Scores) -> float:
    """The mean of the scores that are known, whatever their order."""
    known = scores[~np.isnan(scores)]
    return math.fsum(known) / max(1, len(known))


def _score_row(proposal: Proposal, rows: Sequence[Row]) -> Scores:
    known = {row: outcome.score for row, outcome in proposal.validation.items()}
    return np.array([[known.get(row, np.nan) for row in rows]])
