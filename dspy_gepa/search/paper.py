"""The algorithm as published: `strategy="paper"`.

Comments give the lines of the paper's algorithms: Algorithm 1 is the loop, 2 the choice of a candidate, 3 and
4 the merge. Top to bottom: `PaperSearch` is Algorithm 1, but for its `while`, which is `loop.Search`, and for
lines 8 and 10 to 14, which are `mutation.mutate`; Algorithm 2 is in `frontier`, 3 and 4 are in `merge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.choices.acceptance import Acceptance, improves
from dspy_gepa.search.choices.components import ComponentChoice, round_robin
from dspy_gepa.search.choices.parents import ParentChoice, chosen_parent, pareto
from dspy_gepa.search.choices.rows import chosen_rows, minibatch
from dspy_gepa.search.evaluation import evaluation, first_evaluation
from dspy_gepa.search.frontier import best_on_average
from dspy_gepa.search.merge import Merge, find_merge, merge, merge_rows
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
from dspy_gepa.types import Row

# Share of proposals that pass the trial: 17 to 30 % in the paper's own runs (its search trees).
ACCEPTED = 0.3
# Number of validated children that `auto` buys.
AUTO_CHILDREN = {"light": 6, "medium": 12, "heavy": 18}


@dataclass(frozen=True, kw_only=True)
class Paper(Strategy):
    """Options of the published algorithm; those of every strategy are described at `Strategy`.

    Attributes:
        accept: Decides whether a child is accepted, by the scores of its parent and its own on the minibatch.
        merge_rows: Number of validation rows in the trial of a merge (artifact: 5).
        published_prompt: Ask the reflection model for instructions as the artifact does: one message that
            shows the current instructions and one call a row with its feedback, answered between fences.
            Other kinds of text are asked for as by every strategy.
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
        return Price(val_size, (), step, 0.0)

    def auto_rollouts(self, size: str, train_size: int, val_size: int, components: int) -> int:
        """Return the budget for a number of validated children, which grows with the number of components.

        Each child costs a validation and the three or four trials that it takes to find it.
        """
        children = AUTO_CHILDREN[size] * min(4, max(1, (components + 1) // 2))
        return val_size + children * (val_size + 4 * 2 * self.minibatch_size)

    def default_width(self, rollouts: int, train_size: int, val_size: int) -> int:
        """Return 1: Algorithm 1 is sequential."""
        return 1

    def waves(self, val_size: int, threads: int) -> float:
        """Return the rounds of parent, reflection and child, and of the validation if there is one."""
        return 2 * -(-self.minibatch_size // threads) + 1 + ACCEPTED * -(-val_size // threads)


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

    def step(self, pool: Pool, decision: Decision) -> PlannedStep:
        """Return the step that was decided on."""
        if decision.kind == "mutation":
            return self._mutation_step(pool, decision)
        if decision.kind == "merge":
            return self._merge_step(pool, decision)
        # Alg. 1, lines 3 to 5 for what the pool begins with, lines 16 to 18 for what was added to it
        return evaluation(self.problem, pool, decision)

    def evaluation(self, pool: Pool, in_flight: InFlight) -> PlannedStep | None:
        """Return the validation of the earliest member without one; the original goes first and alone."""
        begun = {step.evaluates for step in in_flight.values()}
        for member in pool.members if pool.is_run(0) else pool.members[:1]:
            if not pool.is_validated(member.index) and member.index not in begun:
                return self.step(pool, first_evaluation(member, pool.val_rows))
        return None

    def trial(self, pool: Pool, in_flight: InFlight) -> PlannedStep:
        """Return a merge after a success while merges are left and a pair can be merged; else a mutation."""
        trials = trials_in_flight(in_flight)
        number = pool.trials + len(trials) + 1
        merges = pool.accepted_merges + sum(len(parents) == 2 for parents in trials)
        merging = self._merge(pool, number) if merges < self.options.max_merges and pool.merge_due else None
        return self.step(pool, merging or self._mutation(pool, number, trials))

    def _mutation(self, pool: Pool, number: int, trials: Sequence[tuple[int, ...]]) -> Decision:
        options = self.options
        # Alg. 1, line 7, and all of Alg. 2
        parent = chosen_parent(options.choose_parent, pool, stream(self.seed, number, "parent"))
        return Decision(
            "mutation",
            (parent.index,),
            rows=self._minibatch(pool, parent.index, number),  # Alg. 1, line 9
            # Alg. 1, line 8 goes by this: a component of each member in turn
            turn=pool.turns[parent.index] + trials.count((parent.index,)),
            edits=edits_to_show(self.problem, options, pool),
        )

    def _mutation_step(self, pool: Pool, decision: Decision) -> PlannedStep:
        (parent,), rows, options = decision.members, decision.rows, self.options
        # No two mutations of a member have the same turn.
        draw = Random(f"{self.seed}/{parent}/{decision.turn}/calls") if options.published_prompt else None
        mutation = Mutation(
            pool.members[parent],
            decision.turn,
            rows,
            trial_rows=rows,
            edits=decision.edits,
            published=draw,
        )
        # Alg. 1, lines 8 and 10 to 14
        work = mutate(self.problem, options, pool, mutation, accept=options.accept)
        # Alg. 1, line 15 is `Pool.commit`; lines 16 to 18 cost this, unless the minibatch was validation rows
        validation = len(pool.val_rows) - (len(rows) if pool.in_sample else 0)
        return PlannedStep(
            "mutation",
            work,
            need=most_spent(self.problem, options, pool, mutation),
            follow_up=Spending(rollouts=validation),
            parents=(parent,),
            decision=decision,
        )

    def _minibatch(self, pool: Pool, parent: int, number: int) -> tuple[Row, ...]:
        size, choose = self.options.minibatch_size, self.options.choose_rows
        if choose is not None:
            return chosen_rows(choose, pool, parent, size, stream(self.seed, number, "rows"))
        groups = [pool.row_weights.group(pool.column(row)) for row in pool.train_rows]
        return minibatch(self.seed, number - 1, len(groups), size, groups)

    def _merge(self, pool: Pool, number: int) -> Decision | None:
        rng = stream(self.seed, number, "merge")
        found = find_merge(pool, rng)  # Alg. 4, with Alg. 3 at its line 14
        if found is None:
            return None
        rows = merge_rows(pool, found.first, found.second, self.options.merge_rows, rng)
        return Decision(
            "merge", (found.first, found.second), rows, ancestor=found.ancestor, sources=found.sources
        )

    def _merge_step(self, pool: Pool, decision: Decision) -> PlannedStep:
        rows = decision.rows
        return PlannedStep(
            "merge",
            merge(Merge.decided(pool, decision), pool, rows),
            need=Spending(rollouts=len(rows)),
            follow_up=Spending(rollouts=len(pool.val_rows) - len(rows)),
            parents=decision.members,
            decision=decision,
        )

    def trim(self, pool: Pool, room: int) -> None:
        """Return None: the published algorithm shortens nothing."""

    def finals(self, pool: Pool, room: int) -> None:
        """Return None: every member was run on all validation rows."""

    def choice(self, pool: Pool, finalists: Sequence[int] = ()) -> Choice:
        """Return the member with the best mean on the validation rows."""
        best, belief = best_on_average(pool.comparable_scores), pool.belief  # Alg. 1, line 21
        reason = f"best validation mean, {pool.mean(best):.4f}"
        better = belief.probability_better(best, 0)
        score = belief.score(best)
        return Choice(best, score.expected, score.interval(), better, reason)
