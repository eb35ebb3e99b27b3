"""The algorithm as published: `strategy="paper"`.

Comments give the lines of the paper's algorithms: Algorithm 1 is the loop, 2 the choice of a candidate, 3 and
4 the merge. Top to bottom: `PaperSearch` is Algorithm 1, but for its `while`, which is `loop.Search`, and for
lines 8 and 10 to 14, which are `mutation.mutate`; Algorithm 2 is in `frontier`, 3 and 4 are in `merge`. The
options and the price of a run, `Paper`, come last. docs/algorithm.md has the paper's words beside ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.choices.acceptance import Acceptance, improves
from dspy_gepa.search.choices.components import ComponentChoice, round_robin
from dspy_gepa.search.choices.parents import ParentChoice, chosen_parent, pareto
from dspy_gepa.search.choices.rows import chosen_rows, minibatch
from dspy_gepa.search.evaluation import evaluation_step, first_evaluation
from dspy_gepa.search.finals import objection
from dspy_gepa.search.frontier import best_on_average
from dspy_gepa.search.merge import Merge, choose_merge_rows, find_merge, merge
from dspy_gepa.search.must_pass import holds, with_regressions
from dspy_gepa.search.mutation import Mutation, edits_to_show, most_spent, mutate
from dspy_gepa.search.plans import Decision
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import stream
from dspy_gepa.search.strategy import (
    Choice,
    InFlight,
    PlannedStep,
    Price,
    Problem,
    Strategy,
    trials_in_flight,
)
from dspy_gepa.texts import counted
from dspy_gepa.types import Row


@dataclass(frozen=True)
class PaperSearch:
    """Algorithm 1 on one problem.

    Attributes:
        options: Options of the algorithm.
        problem: The problem. Its train rows and validation rows are the split of Alg. 1, line 1.
        seed: Seed of all random streams.
    """

    options: Paper
    problem: Problem
    seed: int

    def evaluation(self, pool: Pool, in_flight: InFlight) -> PlannedStep | None:
        """Return the validation of the earliest member without one; the original goes first and alone."""
        # Alg. 1, lines 3 to 5 for the first candidates, lines 16 to 18 for an accepted child
        original_is_run = pool.is_run(0)
        begun = {step.evaluates for step in in_flight.values()}
        for member in pool.members if original_is_run else pool.members[:1]:
            if not pool.is_validated(member.index) and member.index not in begun:
                return self.step(pool, first_evaluation(member, (*pool.val_rows, *self._guarding_train_rows)))
        return None

    @property
    def _guarding_train_rows(self) -> tuple[Row, ...]:
        """The rows that must pass and are no validation rows: every member is run on them too."""
        return tuple(row for row in self.problem.must_pass if row not in self.problem.val_rows)

    def trial(self, pool: Pool, in_flight: InFlight) -> PlannedStep:
        """Return a merge if a mutated child was just validated and one can be made; else a mutation."""
        trials = trials_in_flight(in_flight)
        trial_number = pool.trials + len(trials) + 1
        # Those in flight count as accepted, so that there are never more than `max_merges`. In the artifact,
        # merges that fell due before the last one may follow it.
        merges = pool.accepted_merges + sum(step.kind == "merge" for step in trials)
        if pool.merge_due and merges < self.options.max_merges:
            merging = self._merge(pool, trial_number)
            if merging is not None:
                return self.step(pool, merging)
        return self.step(pool, self._mutation(pool, trial_number, trials))

    def _mutation(self, pool: Pool, trial_number: int, trials: Sequence[PlannedStep]) -> Decision:
        options = self.options
        # Alg. 1, line 7, and all of Alg. 2
        parent = chosen_parent(options.choose_parent, pool, stream(self.seed, trial_number, "parent"))
        beside = sum(step.parents == (parent.index,) for step in trials)
        return Decision(
            "mutation",
            (parent.index,),
            rows=self._minibatch(pool, parent.index, trial_number),  # Alg. 1, line 9
            # Line 8 picks the component with this number; each parent has its own count.
            turn=pool.turns[parent.index] + beside,
            edits=edits_to_show(self.problem, options, pool),
        )

    def _minibatch(self, pool: Pool, parent: int, trial_number: int) -> tuple[Row, ...]:
        size, choose = self.options.minibatch_size, self.options.choose_rows
        if choose is not None:
            return chosen_rows(choose, pool, parent, size, stream(self.seed, trial_number, "rows"))
        groups = [pool.row_weights.group(pool.column(row)) for row in pool.train_rows]
        # Merges count too: like in the artifact, a merge uses up a minibatch.
        rows = minibatch(self.seed, trial_number - 1, len(groups), size, groups)
        return with_regressions(pool, self.problem.must_pass, parent, rows)

    def _mutation_step(self, pool: Pool, decision: Decision) -> PlannedStep:
        (parent,), rows, options = decision.members, decision.rows, self.options
        # Parent and turn identify the mutation, so the draw is the same on resume.
        call_rng = Random(f"{self.seed}/{parent}/{decision.turn}/calls") if options.published_prompt else None
        mutation = Mutation(
            pool.members[parent],
            decision.turn,
            rows,
            trial_rows=rows,
            edits=decision.edits,
            call_rng=call_rng,
        )
        # Alg. 1, lines 8 and 10 to 14. Line 10 runs before line 8, to be able to choose by the feedback.
        work = mutate(self.problem, options, pool, mutation, accept=options.accept)
        # Alg. 1, line 15 is `Pool.commit`. Lines 16 to 18 cost a full validation, less the rows already run.
        # Unlike the artifact, which can exceed the budget by one, a trial begins only with room for it.
        validation = (
            len(pool.val_rows) - (len(rows) if pool.in_sample else 0) + len(self._guarding_train_rows)
        )
        return PlannedStep(
            "mutation",
            work,
            need=most_spent(self.problem, options, pool, mutation),
            follow_up=Spending(rollouts=validation),
            parents=(parent,),
            decision=decision,
        )

    def _merge(self, pool: Pool, trial_number: int) -> Decision | None:
        rng = stream(self.seed, trial_number, "merge")
        found = find_merge(pool, rng)  # Alg. 4, with Alg. 3 at its line 14
        if found is None:
            return None
        rows = choose_merge_rows(pool, found.first, found.second, self.options.merge_rows, rng)
        return Decision(
            "merge", (found.first, found.second), rows, ancestor=found.ancestor, sources=found.sources
        )

    def _merge_step(self, pool: Pool, decision: Decision) -> PlannedStep:
        rows = decision.rows
        return PlannedStep(
            "merge",
            merge(Merge.decided(pool, decision), pool, rows),
            need=Spending(rollouts=len(rows)),
            follow_up=Spending(rollouts=len(pool.val_rows) - len(rows) + len(self._guarding_train_rows)),
            parents=decision.members,
            decision=decision,
        )

    def choice(self, pool: Pool, finalists: Sequence[int] = ()) -> Choice:
        """Return the member with the best mean on the validation rows."""
        must_pass, scores = self.problem.must_pass, pool.comparable_scores
        highest = best_on_average(scores)  # Alg. 1, line 21
        may_be_returned = [holds(pool, must_pass, member) for member in range(len(pool))]
        best = best_on_average(np.where(np.array(may_be_returned)[:, None], scores, np.nan))
        rows, every = len(pool.comparable_columns), len(pool.val_rows)
        which = f"all {counted(every, 'validation row')}"
        if rows < every:
            which = f"the {rows} of {counted(every, 'validation row')} with a score for every candidate"
        reason = f"best mean on {which}, {pool.comparable_mean(best):.4f}"
        if best != highest:
            mean = pool.comparable_mean(highest)
            reason += f"; candidate {highest}, with {mean:.4f}, {objection(pool, must_pass, highest)}"
        # The best of many means is also a lucky one; the expected score, which is reported, is not.
        score, better = pool.belief.score(best), pool.belief.probability_better(best, 0)
        return Choice(best, score.expected, score.interval(), better, reason)

    def step(self, pool: Pool, decision: Decision) -> PlannedStep:
        """Return the step that was decided on."""
        if decision.kind == "mutation":
            return self._mutation_step(pool, decision)
        if decision.kind == "merge":
            return self._merge_step(pool, decision)
        return evaluation_step(self.problem, pool, decision)

    def trim(self, pool: Pool, room: int) -> None:
        """Return None: the published algorithm shortens nothing."""

    def finals(self, pool: Pool, room: int) -> None:
        """Return None: every member was run on all validation rows."""


# Share of the children that are better on their minibatch: 17 to 30 % in the search trees of the paper.
ACCEPTED = 0.3
# What `auto` pays for: this many validated children for one or two components, as many more for each further
# two, up to four times as many; and the trials that it takes to find each.
AUTO_CHILDREN = {"light": 6, "medium": 12, "heavy": 18}
MOST_COMPONENT_PAIRS = 4
TRIALS_PER_CHILD = math.ceil(1 / ACCEPTED)


@dataclass(frozen=True, kw_only=True)
class Paper(Strategy):
    """Options of the published algorithm; those of every strategy are described at `Strategy`.

    Attributes:
        accept: Decides whether a child is accepted, by the scores of its parent and its own on the minibatch.
        merge_rows: Number of validation rows in the trial of a merge (artifact: 5).
        published_prompt: Ask the reflection model for instructions as the artifact does: one message that
            shows the current instructions and one call a row with its feedback, answered between fences.
            Prompts for other kinds of text, such as descriptions of tools, do not change.
    """

    name: str = "paper"
    minibatch_size: int = 3
    choose_parent: ParentChoice = pareto
    choose_components: ComponentChoice = round_robin
    max_merges: int = 5
    show_history: bool = False
    accept: Acceptance = improves
    merge_rows: int = 5
    published_prompt: bool = False
    validates_all: bool = field(init=False, default=True)
    skips_take_turns: bool = field(init=False, default=True)

    def planner(self, problem: Problem, seed: int) -> PaperSearch:
        """Return the search on `problem`."""
        return PaperSearch(self, problem, seed)

    def price(self, train_size: int, val_size: int) -> Price:
        """Return the price of a run: two minibatches a step, and a validation if the child is accepted.

        Where all train rows are validation rows, the parent's minibatch is known, and the child's counts.
        """
        size, step = self.minibatch_size, 2 * self.minibatch_size + ACCEPTED * val_size
        if not train_size:
            step = min(size, val_size) + ACCEPTED * max(0, val_size - size)
        return Price(first=val_size, early=(), step=step, kept=0.0)

    def auto_rollouts(self, size: str, train_size: int, val_size: int, components: int) -> int:
        """Return the budget for a number of validated children, which grows with the number of components."""
        pairs = max(1, math.ceil(components / 2))
        children = AUTO_CHILDREN[size] * min(pairs, MOST_COMPONENT_PAIRS)
        trials = TRIALS_PER_CHILD * 2 * self.minibatch_size  # parent and child
        return val_size + children * (trials + val_size)

    def default_width(self, rollouts: int, train_size: int, val_size: int) -> int:
        """Return 1: Algorithm 1 is sequential."""
        return 1

    def rounds(self, val_size: int, threads: int) -> float:
        """Return the rounds of parent, reflection and child, and of the validation if there is one."""
        trial = 2 * math.ceil(self.minibatch_size / threads) + 1
        return trial + ACCEPTED * math.ceil(val_size / threads)
