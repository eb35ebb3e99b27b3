"""The pool of candidates: everything the search knows, as one immutable value."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import takewhile
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.belief.belief import Belief
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range, within
from dspy_gepa.search.belief.estimate import estimate
from dspy_gepa.search.belief.rows import EVEN, RowWeights
from dspy_gepa.search.belief.scales import Scales, fit_scales
from dspy_gepa.search.edits import NONE, Edits
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.table import Table
from dspy_gepa.steps import Evaluation, Proposal, available, objectives_of
from dspy_gepa.types import Candidate, Outcome, Row

Counts = NDArray[np.int32]
AnyArray = TypeVar("AnyArray", bound=NDArray[Any])
Objectives = Mapping[str, Table]
"""By objective of the metric a table like `Pool.table`."""
# Up to this many scores the scales of the belief are fitted at every commit. Later ones are fitted to scores
# that grew by a share: they hardly move, and to fit them costs more than all else.
FITTED_ALWAYS, FITTED_GROWTH = 1000, 1.1
# Number of ids that a pool does not share with the pools before it.
MOST_LATEST = 64
# What a pool derives from its attributes and keeps, where it is large.
DERIVED = ("scores", "exposure", "all_objectives", "objectives", "belief", "objective_beliefs")


@dataclass(frozen=True)
class Member:
    """A candidate that was accepted into the pool.

    Attributes:
        index: Its index in the pool; the original is 0.
        candidate: Its texts.
        parents: Indices of its parents; empty for the original, two for a merge.
        trial: Index of its proposal in the pool's proposals.
        discovered_at: Rollouts spent in the run before its own validation began.
    """

    index: int
    candidate: Candidate
    parents: tuple[int, ...]
    trial: int
    discovered_at: int


@dataclass(frozen=True)
class Ids:
    """Ids of candidates. What others are added to shares its older ones with all that follow.

    Attributes:
        older: Most of them.
        latest: The latest ones, `MOST_LATEST` at most.
    """

    older: frozenset[str]
    latest: tuple[str, ...] = ()

    def __contains__(self, one: str) -> bool:
        return one in self.older or one in self.latest

    def with_id(self, one: str) -> Ids:
        """Return the ids with one more."""
        latest = (*self.latest, one)
        return Ids(self.older, latest) if len(latest) <= MOST_LATEST else Ids(self.older.union(latest))


@dataclass(frozen=True)
class Pool:
    """The members, their scores and the history of all proposals.

    Attributes:
        val_rows: The validation rows; the train rows themselves where the two sets are equal.
        train_rows: The train rows.
        members: In order of discovery.
        table: Scores by member, in columns for the validation rows and then the train rows. Rows that are
            both have one column.
        exposures: For each member, by column: number of ancestors already evaluated on the row when the
            member was created, in its longest lineage. Scores are unbiased only where this is 0: elsewhere
            the text was written for the row, or the row is easy for this lineage.
        means: Mean validation score of each member over the rows it was run on, weighted if rows have
            weights; NaN without any.
        proposals: Results of all trials in order, after an entry for each member the pool began with.
        turns: Number of times that a component of each member was chosen for rewriting. A child goes on from
            its parent's number; a merged child from the larger one of its parents, modulo the components.
        merge_due: True if no trial has ended since a member found by mutation was first validated.
        known: Ids of all candidates that were ever proposed.
        objective_tables: By objective of the metric a table like `table`; empty if it gives none.
        row_weights: Weights and groups of the rows, by column.
        unavailable: Member and column of each evaluation that a provider failed for good; it has no score.
        failure_score: Score of failed rollouts: the worst score seen, 0 at most; None if the user set one.
        score_range: Range of the metric by the user's account.
        trimmed: Indices of the members that are their parent without some sentences.
        edits: By component its edits that were put to the test.
        merges: Number of merges tried.
        accepted_merges: Number of these that became members.
        fitted: The earlier pool whose scales this one's beliefs have; None if they are its own.
    """

    val_rows: tuple[Row, ...]
    train_rows: tuple[Row, ...]
    members: tuple[Member, ...]
    table: Table
    exposures: tuple[Counts, ...]
    means: tuple[float, ...]
    proposals: tuple[Proposal, ...]
    turns: tuple[int, ...]
    merge_due: bool
    known: Ids
    objective_tables: Objectives = field(default_factory=dict)
    row_weights: RowWeights = EVEN
    unavailable: frozenset[tuple[int, int]] = frozenset()
    failure_score: float | None = None
    score_range: Range = UNBOUNDED
    trimmed: tuple[int, ...] = ()
    edits: Mapping[str, Edits] = field(default_factory=dict)
    merges: int = 0
    accepted_merges: int = 0
    fitted: Pool | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        original: Candidate,
        val_rows: tuple[Row, ...],
        train_size: int,
        initial: Sequence[Candidate] = (),
        row_weights: RowWeights = EVEN,
        failure_score: float | None = None,
        score_range: Range = UNBOUNDED,
    ) -> Pool:
        """Return the pool a search begins with: the original and the initial candidates, not run yet."""
        roots = list(dict.fromkeys([original, *initial]))
        train_rows = tuple(Row("train", i) for i in range(train_size))
        width = len(columns_of(val_rows, train_size))
        reasons = ["your program", *["given to begin with"] * (len(roots) - 1)]
        return cls(
            val_rows=val_rows,
            train_rows=train_rows,
            members=tuple(
                Member(i, root, parents=(), trial=i, discovered_at=0) for i, root in enumerate(roots)
            ),
            table=Table.unknown(len(roots), width),
            exposures=(np.zeros(width, dtype=np.int32),) * len(roots),
            means=(math.nan,) * len(roots),
            proposals=tuple(
                Proposal("original", (), root, "accepted", reason)
                for root, reason in zip(roots, reasons, strict=True)
            ),
            turns=(0,) * len(roots),
            merge_due=False,
            known=Ids(frozenset(root.id for root in roots)),
            row_weights=row_weights,
            failure_score=failure_score,
            score_range=score_range,
        )

    def __len__(self) -> int:
        return len(self.members)

    @property
    def in_sample(self) -> bool:
        """True if the validation rows are the train rows, which are reflected on."""
        return self.val_rows[0].split == "train"

    @cached_property
    def scores(self) -> Scores:
        """`table` as an array, NaN where a member was not run. Shape (members, columns). Read only."""
        return _read_only(self.table.dense())

    @cached_property
    def exposure(self) -> Counts:
        """`exposures` as an array. Shape (members, columns). Read only."""
        return _read_only(np.array(self.exposures))

    @cached_property
    def all_objectives(self) -> dict[str, Scores]:
        """By objective an array like `scores`, NaN where the objective is not known. Read only."""
        return {name: _read_only(table.dense()) for name, table in self.objective_tables.items()}

    @property
    def val_scores(self) -> Scores:
        """Scores of validated members on the validation rows. Shape (members, validation rows)."""
        return self._validated(self.scores)

    @property
    def comparable_scores(self) -> Scores:
        """Weighted `val_scores` on the columns in `comparable_columns`."""
        return self.row_weights.weighted(self.val_scores)[:, self.comparable_columns]

    @property
    def comparable_columns(self) -> list[int]:
        """Columns of the validation rows that no member lacks because of a provider."""
        lacking = {column for _, column in self.unavailable}
        return [column for column in range(len(self.val_rows)) if column not in lacking]

    def comparable_mean(self, index: int) -> float:
        """Return the weighted mean of a member on the columns in `comparable_columns`; NaN without any."""
        line = np.full(self.table.width, math.nan)
        columns = self.comparable_columns
        line[columns] = self.table.at(index, columns)
        return self.row_weights.mean(line)

    @property
    def train_scores(self) -> Scores:
        """Scores on the train rows. Shape (members, train rows)."""
        return self.scores[:, self._first_train :]

    def train_line(self, member: int) -> Scores:
        """Return the scores of a member on the train rows, NaN where it was not run. Shape (train rows,)."""
        return self.table.line(member)[self._first_train :]

    @cached_property
    def objectives(self) -> dict[str, Scores]:
        """By objective the scores of validated members on the validation rows; like `val_scores`.

        NaN also where the program failed or the metric left the objective out. Read only.
        """
        return {name: self._validated(scores) for name, scores in self.all_objectives.items()}

    @cached_property
    def belief(self) -> Belief:
        """The posterior of every member's expected score, from all rollouts."""
        return self.belief_from(self.table, (self.fitted or self)._own_scales)

    @cached_property
    def objective_beliefs(self) -> dict[str, Belief]:
        """The posterior by each objective, from the same rollouts."""
        scales = (self.fitted or self)._own_objective_scales
        return {
            name: self.belief_from(table, scales.get(name)) for name, table in self.objective_tables.items()
        }

    def belief_from(self, table: Table, scales: Scales | None = None) -> Belief:
        """Return the posterior given a table like `Pool.table`; `scales` are fitted to it by default."""
        return estimate(
            self._fresh(table),
            self._parents,
            trimmed=self.trimmed,
            scales=scales,
            weights=self.row_weights.weights,
            bounds=self.score_range if within(self.score_range, table.entries.scores) else UNBOUNDED,
        )

    @cached_property
    def _own_scales(self) -> Scales:
        return self._fit(self.table)

    @cached_property
    def _own_objective_scales(self) -> dict[str, Scales]:
        return {name: self._fit(table) for name, table in self.objective_tables.items()}

    def _fit(self, table: Table) -> Scales:
        return fit_scales(self._fresh(table).dense(), self._parents, self.row_weights.weights, self.trimmed)

    def _fresh(self, table: Table) -> Table:
        """Return the scores that count for beliefs."""
        # A shorter text does what its parent did: on the parent's rows it would count the same luck twice.
        for member in self.trimmed:
            met = np.flatnonzero(self.exposures[member] > 0).tolist()
            table = table.with_scores(member, met, [math.nan] * len(met))
        return table

    @property
    def _parents(self) -> list[tuple[int, ...]]:
        return [member.parents for member in self.members]

    def _after(self, before: Pool) -> Pool:
        """Return this pool, the one after `before`, with the scales that its beliefs have."""
        known, fitted = self.table.known, before.fitted or before
        refits = known <= FITTED_ALWAYS or known >= FITTED_GROWTH * fitted.table.known
        return replace(self, fitted=None if refits else fitted)

    def forget(self) -> None:
        """Free the memory of what was derived from the pool; it is derived again when somebody asks.

        A step in flight keeps the pool that it began with, and hundreds of steps may be in flight.
        """
        for name in DERIVED:
            vars(self).pop(name, None)
        for table in (self.table, *self.objective_tables.values()):
            table.forget()

    @property
    def _first_train(self) -> int:
        return 0 if self.in_sample else len(self.val_rows)

    def _validated(self, scores: Scores) -> Scores:
        return np.where(np.isnan(self.means)[:, None], np.nan, scores[:, : len(self.val_rows)])

    def knows(self, candidate: Candidate) -> bool:
        """Return True if a member or an earlier proposal has exactly these texts."""
        return candidate.id in self.known

    def holds(self, candidate: Candidate) -> bool:
        """Return True if a member has exactly these texts."""
        return self.knows(candidate) and any(member.candidate == candidate for member in self.members)

    def column(self, row: Row) -> int:
        """Return the column of a row in `scores`."""
        return row.position if row.split == "val" else self._first_train + row.position

    def columns(self, rows: Sequence[Row]) -> list[int]:
        """Return the columns of rows in `scores`."""
        return [self.column(row) for row in rows]

    def exposure_of(self, parents: Sequence[int]) -> Counts:
        """Return the `exposure` of a child of these members. Shape (rows,)."""
        found = np.zeros(self.table.width, dtype=np.int32)
        for parent in parents:
            np.maximum(found, self.exposures[parent] + ~np.isnan(self.table.line(parent)), out=found)
        return found

    def mean(self, index: int) -> float:
        """Return the mean validation score of a member, see `means`."""
        return self.means[index]

    def ancestors(self, index: int) -> frozenset[int]:
        """Return all ancestors of a member."""
        found: set[int] = set()
        open_: list[int] = list(self.members[index].parents)
        while open_:
            parent = open_.pop()
            if parent not in found:
                found.add(parent)
                open_.extend(self.members[parent].parents)
        return frozenset(found)

    def is_validated(self, index: int) -> bool:
        """Return True if a member was run on a validation row."""
        lacking = self.unavailable & {(index, column) for column in range(len(self.val_rows))}
        return not math.isnan(self.means[index]) or bool(lacking)

    def is_run(self, index: int) -> bool:
        """Return True if a member was run on a row."""
        return len(self.table.lines[index].columns) > 0 or any(index == i for i, _ in self.unavailable)

    def scores_of(self, outcomes: Sequence[Outcome], beside: Sequence[Outcome] = ()) -> tuple[float, ...]:
        """Return the scores of outcomes; a failure scores no more than the worst in the pool and of these.

        Args:
            outcomes: The outcomes.
            beside: Outcomes that they are compared with.
        """
        if self.failure_score is None:
            return tuple(outcome.score for outcome in outcomes)
        scored = [o.score for o in (*outcomes, *beside) if o.status == "scored"]
        worst = min([self.failure_score, *scored])
        return tuple(min(o.score, worst) if o.status == "program_failed" else o.score for o in outcomes)

    def with_failure_score(self, score: float, failed: Mapping[str, Collection[Row]]) -> Pool:
        """Return the pool in which failures score no more than this.

        Args:
            score: The score.
            failed: Rows on which the program failed, by the candidate's id.
        """
        table = self.table
        for member in self.members:
            columns = self.columns([*failed.get(member.candidate.id, ())])
            table = table.with_scores(
                member.index, columns, np.minimum(table.at(member.index, columns), score)
            )
        means = [
            mean if math.isnan(mean) else self._validation_mean(table, member)
            for member, mean in enumerate(self.means)
        ]
        return replace(self, table=table, means=tuple(means), failure_score=score, fitted=None)

    def _validation_mean(self, table: Table, member: int) -> float:
        return self.row_weights.mean(table.line(member)[: len(self.val_rows)])

    @property
    def roots(self) -> list[Member]:
        """The members that the pool began with."""
        return list(takewhile(lambda member: not member.parents, self.members))

    @property
    def trials(self) -> int:
        """Number of proposals made, skipped ones included."""
        return len(self.proposals) - len(self.roots)

    @property
    def has_begun(self) -> bool:
        """True if all members the pool began with were run."""
        return all(self.is_run(member.index) for member in self.roots)

    def commit(self, proposal: Proposal, *, spent: int, skips_take_turns: bool = False) -> Pool:
        """Return the pool after a trial; an accepted candidate becomes a member (Algorithm 1, line 15).

        Parallel steps may propose the same texts; the later one is rejected.

        Args:
            proposal: Result of the trial.
            spent: Rollouts executed in the run so far, including the trial's.
            skips_take_turns: A skipped minibatch uses up the turn of the component that was next.
        """
        if (
            proposal.verdict == "accepted"
            and proposal.candidate is not None
            and self.holds(proposal.candidate)
        ):
            proposal = replace(proposal, verdict="rejected", reason="a step beside it found the same texts")
        table, objectives = self.table, self.objective_tables
        if len(proposal.parents) == 1 and proposal.rows:
            parent, columns = proposal.parents[0], self.columns(proposal.rows)
            table = table.with_scores(parent, columns, proposal.before)
            objectives = _filled_in(objectives, table, parent, columns, proposal.before_objectives)
        pool = replace(
            self,
            table=table,
            objective_tables=objectives,
            proposals=(*self.proposals, proposal),
            turns=_next_turns(self.turns, proposal, skips_take_turns),
            known=self.known.with_id(proposal.candidate.id) if proposal.candidate else self.known,
            merge_due=False,
            edits=self._with_edits_of(proposal),
            merges=self.merges + (proposal.kind == "merge"),
            accepted_merges=self.accepted_merges
            + (proposal.kind == "merge" and proposal.verdict == "accepted"),
        )
        if proposal.verdict != "accepted" or proposal.candidate is None:
            return pool._after(self)
        return pool._with_member(proposal.candidate, proposal, spent)._after(self)

    def _with_edits_of(self, proposal: Proposal) -> Mapping[str, Edits]:
        if proposal.kind != "mutation" or not proposal.after:
            return self.edits
        change = (math.fsum(proposal.after) - math.fsum(proposal.before)) / len(proposal.after)
        child = len(self.members) if proposal.verdict == "accepted" else -1
        return {
            **self.edits,
            **{
                name: self.edits.get(name, NONE).with_edit(
                    len(self.proposals), child, proposal.parents[0], change
                )
                for name in proposal.changed
            },
        }

    def _with_member(self, candidate: Candidate, proposal: Proposal, spent: int) -> Pool:
        member = Member(
            index=len(self.members),
            candidate=candidate,
            parents=proposal.parents,
            trial=len(self.proposals) - 1,
            discovered_at=spent,
        )
        columns, line = self.columns(proposal.trial_rows), np.full(self.table.width, np.nan)
        line[columns] = proposal.after
        table = self.table.with_line(line)
        objectives = {
            name: known.with_line(np.full(known.width, np.nan))
            for name, known in self.objective_tables.items()
        }
        return replace(
            self,
            members=(*self.members, member),
            table=table,
            objective_tables=_filled_in(objectives, table, member.index, columns, proposal.after_objectives),
            exposures=(*self.exposures, self.exposure_of(proposal.parents)),
            means=(*self.means, math.nan),
            trimmed=(*self.trimmed, member.index) if proposal.kind == "trim" else self.trimmed,
            turns=(*self.turns, self._inherited_turn(candidate, proposal.parents)),
        )

    def _inherited_turn(self, candidate: Candidate, parents: Sequence[int]) -> int:
        turns = [self.turns[parent] for parent in parents]
        return turns[0] if len(turns) == 1 else max((turn % len(candidate) for turn in turns), default=0)

    def evaluated(self, evaluation: Evaluation) -> Pool:
        """Return the pool after an evaluation (Algorithm 1, lines 4 and 17)."""
        table, means, merge_due = self.table, list(self.means), self.merge_due
        objectives, unavailable = self.objective_tables, self.unavailable
        for member, outcomes in evaluation.outcomes.items():
            merge_due |= not self.is_validated(member) and len(self.members[member].parents) == 1
            rows, found = available(list(outcomes), list(outcomes.values()))
            columns = self.columns(rows)
            lacking = [row for row in outcomes if row not in rows]
            unavailable |= {(member, column) for column in self.columns(lacking)}
            table = table.with_scores(member, columns, self.scores_of(found))
            objectives = _filled_in(objectives, table, member, columns, objectives_of(found))
            means[member] = self._validation_mean(table, member)
        return replace(
            self,
            table=table,
            objective_tables=objectives,
            means=tuple(means),
            merge_due=merge_due,
            unavailable=unavailable,
        )._after(self)


def columns_of(val_rows: Sequence[Row], train_size: int) -> list[Row]:
    """Return the rows in the order of the columns of `Pool.scores`, each once."""
    return list(dict.fromkeys([*val_rows, *(Row("train", i) for i in range(train_size))]))


def _filled_in(
    objectives: Objectives,
    table: Table,
    member: int,
    columns: Sequence[int],
    found: Sequence[Mapping[str, float]],
) -> Objectives:
    """Return the tables with a member's objectives on some rows; `found` may be shorter if none is known.

    Args:
        objectives: The tables.
        table: The table of scores, which further ones are as large as.
        member: The member.
        columns: Columns of the rows.
        found: The objectives on each row.
    """
    filled = dict(objectives)
    for name in dict.fromkeys(name for one in found for name in one):
        known = [(column, one[name]) for column, one in zip(columns, found, strict=False) if name in one]
        before = filled.get(name, Table.unknown(*table.shape))
        filled[name] = before.with_scores(member, *zip(*known, strict=True))
    return filled


def _next_turns(turns: tuple[int, ...], proposal: Proposal, skips_take_turns: bool) -> tuple[int, ...]:
    if proposal.kind != "mutation" or (proposal.verdict == "skipped" and not skips_take_turns):
        return turns
    parent = proposal.parents[0]
    return (*turns[:parent], turns[parent] + 1, *turns[parent + 1 :])


def _read_only(array: AnyArray) -> AnyArray:
    """Return the array, shared by all who ask for it, so that no choice of the user's own can write to it."""
    array.setflags(write=False)
    return array
