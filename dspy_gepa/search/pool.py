"""The pool of candidates: everything the search knows, as one immutable value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from dspy_gepa.search.frontier import Scores
from dspy_gepa.steps import Proposal, Validation
from dspy_gepa.types import Candidate, Row


@dataclass(frozen=True)
class Member:
    """A candidate that was accepted into the pool.

    Attributes:
        index: Its place in the pool; the seed is 0.
        candidate: Its texts.
        parents: Indices of the members it came from; empty for the seed, two for a merge.
        trial: The trial that found it, as an index into the pool's proposals.
        discovered_at: Rollouts spent in the run before its own validation began.
    """

    index: int
    candidate: Candidate
    parents: tuple[int, ...]
    trial: int
    discovered_at: int


@dataclass(frozen=True)
class Pool:
    """The members, their validation scores and the history of all proposals.

    Attributes:
        val_rows: The validation rows, in the order of the score matrix' columns.
        members: In order of discovery.
        scores: Shape (members, validation rows), NaN where a member was not run.
        means: By member, the mean validation score over the rows it was run on; NaN where there is none.
        proposals: What every trial came to, in their order; the first is the program as it was given.
        turns: Per member, how many times one of its components was chosen for rewriting.
        merge_due: True when no trial has ended since a member found by mutation was first validated.
        known: Ids of all candidates that were ever proposed.
    """

    val_rows: tuple[Row, ...]
    members: tuple[Member, ...]
    scores: Scores
    means: tuple[float, ...]
    proposals: tuple[Proposal, ...]
    turns: tuple[int, ...]
    merge_due: bool
    known: frozenset[str]

    @classmethod
    def of(cls, seed: Candidate, val_rows: tuple[Row, ...]) -> Pool:
        """The pool a search begins with: the seed alone, not yet validated."""
        return cls(
            val_rows=val_rows,
            members=(Member(0, seed, parents=(), trial=0, discovered_at=0),),
            scores=np.full((1, len(val_rows)), np.nan),
            means=(math.nan,),
            proposals=(Proposal("seed", (), seed, "accepted", "the program as it was given"),),
            turns=(0,),
            merge_due=False,
            known=frozenset({seed.id}),
        )

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

    def is_validated(self, index: int) -> bool:
        """Whether a member was run on any validation row."""
        return not math.isnan(self.means[index])

    def commit(self, proposal: Proposal, *, spent: int) -> Pool:
        """The pool after a trial; an accepted candidate is a member that is yet to be validated.

        Steps in flight beside each other may come upon the same texts; the later one is no new member.

        Args:
            proposal: What the trial came to.
            spent: Rollouts executed in the run so far, the trial's included.
        """
        if proposal.verdict == "accepted" and any(m.candidate == proposal.candidate for m in self.members):
            proposal = replace(proposal, verdict="rejected", reason="a step beside it found the same texts")
        pool = replace(
            self,
            proposals=(*self.proposals, proposal),
            turns=_next_turns(self.turns, proposal),
            known=self.known | ({proposal.candidate.id} if proposal.candidate else set()),
            merge_due=False,
        )
        if proposal.verdict != "accepted" or proposal.candidate is None:
            return pool
        member = Member(
            index=len(self.members),
            candidate=proposal.candidate,
            parents=proposal.parents,
            trial=len(self.proposals),
            discovered_at=spent,
        )
        return replace(
            pool,
            members=(*self.members, member),
            scores=np.vstack([self.scores, np.full(len(self.val_rows), np.nan)]),
            means=(*self.means, math.nan),
            turns=(*pool.turns, max((pool.turns[p] for p in proposal.parents), default=0)),
        )

    def validated(self, validation: Validation) -> Pool:
        """The pool with a member's scores on validation rows filled in."""
        member = validation.member
        scores = self.scores.copy()
        for column, row in enumerate(self.val_rows):
            if row in validation.outcomes:
                scores[member, column] = validation.outcomes[row].score
        is_first = not self.is_validated(member) and len(self.members[member].parents) == 1
        return replace(
            self,
            scores=scores,
            means=(*self.means[:member], mean_of(scores[member]), *self.means[member + 1 :]),
            merge_due=self.merge_due or is_first,
        )


def _next_turns(turns: tuple[int, ...], proposal: Proposal) -> tuple[int, ...]:
    # A minibatch that was skipped used no component's turn, so that the same one is next.
    if proposal.kind != "mutation" or proposal.verdict == "skipped":
        return turns
    parent = proposal.parents[0]
    return (*turns[:parent], turns[parent] + 1, *turns[parent + 1 :])


def mean_of(scores: Scores) -> float:
    """The mean of the scores that are known, whatever their order; NaN when none is."""
    known = scores[~np.isnan(scores)]
    return math.fsum(known) / len(known) if len(known) else math.nan
