"""The default: `strategy="adaptive"`, which spends rollouts where they are most informative.

It differs from Algorithm 1 in five ways; benchmarks/results/history.md has the measurements behind them.

1. A mutation reflects on rows its parent is known to fail, and rewrites all components.
2. A child is tried on a few train rows that its lineage was not run on, and is kept.
3. Members are compared by a posterior from all their scores (`dspy_gepa.search.belief`), not by means.
4. Before the end, sentences of the best member that quote an example are dropped if that costs nothing.
5. At the end, the best members and the original are compared on validation rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dspy_gepa.runtime.budget import UNLIMITED, Spending
from dspy_gepa.search.choices.components import ComponentChoice, all_components
from dspy_gepa.search.choices.parents import (
    PARENT_CHOICES,
    ParentChoice,
    believed_best,
    chosen_parent,
    mixed,
    robust_frontier,
)
from dspy_gepa.search.choices.rows import chosen_rows, failures_first, trial_rows
from dspy_gepa.search.crossover import cross, find_crossover
from dspy_gepa.search.evaluation import evaluation_step, first_evaluation
from dspy_gepa.search.finals import best_by_belief, contenders, finals
from dspy_gepa.search.merge import Merge
from dspy_gepa.search.must_pass import MustPass, best_not_failing, guarded_rows, unchecked, with_regressions
from dspy_gepa.search.mutation import Mutation, edits_to_show, most_spent, mutate
from dspy_gepa.search.plans import Decision
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import (
    RowOrder,
    shared_order,
    stream,
    training_order,
    validation_order,
)
from dspy_gepa.search.strategy import (
    Choice,
    InFlight,
    PlannedStep,
    Price,
    Problem,
    Strategy,
    trials_in_flight,
)
from dspy_gepa.search.trim import find_trim, trim
from dspy_gepa.types import Row

# Number of trials that `auto` buys.
AUTO_TRIALS = {"light": 12, "medium": 25, "heavy": 60}
# Trials stop growing after this number. Later ones each trigger about TOP_UPS extra rollouts of the current
# best: 2 to 5 in eight simulated worlds.
GROWING = 64
TOP_UPS = 3.0
# Improvements stack: a run needs this many generations one upon another before it can afford breadth. In
# eight simulated worlds width 3 at 300 metric calls and width 5 at 600 lost nothing that could be measured.
GENERATIONS = 8
MERGE_EVERY = 4
TOP_UP_ROWS = 8
ROWS_OF_A_FINALIST = 4
LEAST_ROWS_OF_A_TRIM = 6


@dataclass(frozen=True, kw_only=True)
class Adaptive(Strategy):
    """Options of the default strategy; those of every strategy are described at `Strategy`.

    Attributes:
        successes: Maximum number of rows that the parent passes, shown beside its failures; at most a quarter
            of `minibatch_size`, which may be small to fit a small context.
        first_rows: Number of rows that the original is run on first.
        trial_size: Number of rows in the first child's trial. Every second trial has one more, up to
            `most_trial_size`, since later improvements are smaller and take more rows to be seen.
        most_trial_size: Maximum number of rows in a trial.
        champion_after: Number of trials after which the member believed best is run on more train rows, 8 at
            a time, until it is known by `first_rows` and one for each trial so far. The best of many is often
            only lucky, and all later texts would come from it. 0 never does it.
        trim_share: Share of what is kept for the finals that the trial of a trimmed best member may spend
            before them. 0 turns trimming off.
        finals_share: Share of the budget kept for the finals.
        finalists: Number of members in the finals, the original not counted.
        tie: Among members within this many standard errors of the best, the shortest is returned.
    """

    name: str = "adaptive"
    minibatch_size: int = 8
    choose_parent: ParentChoice = mixed
    choose_components: ComponentChoice = all_components
    max_merges: int = 0
    show_history: bool = True
    successes: int = 2
    first_rows: int = 8
    trial_size: int = 6
    most_trial_size: int = 16
    champion_after: int = 12
    trim_share: float = 0.4
    finals_share: float = 0.2
    finalists: int = 5
    tie: float = 0.25
    validates_all: bool = field(init=False, default=False)

    def planner(self, problem: Problem, seed: int) -> AdaptiveSearch:
        """Return the search on `problem`."""
        return AdaptiveSearch(self, problem, seed)

    def size_of_trial(self, number: int) -> int:
        """Return the number of rows in a trial, by the number of the trial from 1."""
        return min(self.most_trial_size, self.trial_size + number // 2)

    @property
    def kept(self) -> float:
        """Share of the budget kept for the finals."""
        return self.finals_share

    def price(self, train_size: int, val_size: int) -> Price:
        """Return the price of a run: trials that grow, and top-ups of the current best after some of them."""
        rows = train_size + val_size
        sizes = [min(self.size_of_trial(number), rows) for number in range(1, GROWING + 1)]
        extra = [TOP_UPS if 0 < self.champion_after <= i else 0.0 for i in range(GROWING + 1)]
        early = tuple(size + more for size, more in zip(sizes, extra, strict=False))
        late = min(self.most_trial_size, rows) + extra[-1]
        return Price(min(self.first_rows, rows), early, late, self.finals_share)

    def auto_rollouts(self, size: str, train_size: int, val_size: int, components: int) -> int:
        """Return the budget for a number of trials; nothing else in it grows with the validation set."""
        return self.price(train_size, val_size).rollouts(AUTO_TRIALS[size])

    def default_width(self, rollouts: int, train_size: int, val_size: int) -> int:
        """Return a width that leaves enough generations, one upon another, to the budget."""
        if rollouts >= UNLIMITED:
            return 1
        return max(1, int(self.price(train_size, val_size).steps(rollouts)) // GENERATIONS)

    def rounds(self, val_size: int, threads: int) -> float:
        """Return the rounds of a reflection and a trial; the parent's rollouts are known."""
        return 1 + math.ceil(self.most_trial_size / threads)

    def parent_choices(self) -> Mapping[str, ParentChoice]:
        """Return the choices by name. Members are not validated, so all of them go by the posterior."""
        return PARENT_CHOICES | {"pareto": robust_frontier, "current_best": believed_best}


@dataclass(frozen=True)
class AdaptiveSearch:
    """The adaptive search on one problem.

    Attributes:
        options: Options of the strategy.
        problem: The problem.
        seed: Seed of all random streams.
    """

    options: Adaptive
    problem: Problem
    seed: int

    @cached_property
    def _shared(self) -> RowOrder:
        pool = self._first_pool
        return RowOrder.of(pool, shared_order(pool, self.seed))

    @cached_property
    def _training(self) -> RowOrder:
        pool = self._first_pool
        return RowOrder.of(pool, training_order(pool, self.seed))

    @property
    def _first_pool(self) -> Pool:
        problem = self.problem
        return Pool.of(
            problem.original, problem.val_rows, problem.train_size, row_weights=problem.row_weights
        )

    def step(self, pool: Pool, decision: Decision) -> PlannedStep:
        """Return the step that was decided on."""
        if decision.kind == "mutation":
            return self._mutation_step(pool, decision)
        if decision.kind == "merge":
            rows = decision.rows
            work, need = cross(Merge.decided(pool, decision), pool, rows), Spending(rollouts=len(rows))
            return PlannedStep("merge", work, need, parents=decision.members, decision=decision)
        return evaluation_step(self.problem, pool, decision)

    def evaluation(self, pool: Pool, in_flight: InFlight) -> PlannedStep | None:
        """Return the first rollouts of what the pool begins with, and later top-ups of the current best."""
        begun = {step.evaluates for step in in_flight.values()}
        if pool.has_begun:
            decision = self._check(pool, begun) or self._top_up(pool, begun)
            return None if decision is None else self.step(pool, decision)
        first = self._shared.rows[: self.options.first_rows]
        guarding = tuple(dict.fromkeys([*first, *self.problem.must_pass]))
        # The original goes first and alone: it shows whether program and metric work.
        for member in pool.members if pool.is_run(0) else pool.members[:1]:
            if not pool.is_run(member.index) and member.index not in begun:
                return self.step(pool, first_evaluation(member, first if member.index else guarding))
        return None

    def _check(self, pool: Pool, begun: set[int | None]) -> Decision | None:
        """Return the run of the best member on the rows that must pass, as far as they are not known."""
        best = best_not_failing(pool, self.problem.must_pass) if self.problem.must_pass else 0
        rows = unchecked(pool, self.problem.must_pass, best) if best and best not in begun else ()
        return Decision("top-up", (best,), rows) if rows else None

    def _top_up(self, pool: Pool, begun: set[int | None]) -> Decision | None:
        after, trials = self.options.champion_after, pool.trials
        if not after or trials < after:
            return None
        champion = best_not_failing(pool, self.problem.must_pass)
        run, exposure = ~np.isnan(pool.table.line(champion)), pool.exposures[champion]
        run[[column for member, column in pool.unavailable if member == champion]] = True
        wanted = self.options.first_rows + trials - int(run.sum())
        if wanted <= 0 or champion in begun:
            return None
        rows = self._training.where(~run).least(exposure, TOP_UP_ROWS)
        return Decision("top-up", (champion,), rows) if rows else None

    def trial(self, pool: Pool, in_flight: InFlight) -> PlannedStep:
        """Return a mutation, or a crossover as every fourth trial if merging is turned on."""
        trials = trials_in_flight(in_flight)
        number = pool.trials + len(trials) + 1
        most, found = self.options.max_merges, None
        if most and number % MERGE_EVERY == 0:
            merges = pool.merges + sum(step.kind == "merge" for step in trials)
            found = self._crossover(pool, number) if merges < most else None
        return self.step(pool, found or self._mutation(pool, number, trials))

    def _mutation(self, pool: Pool, number: int, trials: Sequence[PlannedStep]) -> Decision:
        parent = chosen_parent(self.options.choose_parent, pool, stream(self.seed, number, "parent"))
        rows = self._reflected_rows(pool, parent.index, number)
        beside = sum(step.parents == (parent.index,) for step in trials)
        return Decision(
            "mutation",
            (parent.index,),
            rows,
            trial_rows=self._trial_rows(pool, (parent.index,), rows, number),
            turn=pool.turns[parent.index] + beside,
            edits=edits_to_show(self.problem, self.options, pool),
        )

    def _mutation_step(self, pool: Pool, decision: Decision) -> PlannedStep:
        (parent,) = decision.members
        mutation = Mutation(
            pool.members[parent], decision.turn, decision.rows, decision.trial_rows, decision.edits
        )
        work = mutate(self.problem, self.options, pool, mutation)
        need = most_spent(self.problem, self.options, pool, mutation)
        return PlannedStep("mutation", work, need, parents=(parent,), decision=decision)

    def _reflected_rows(self, pool: Pool, parent: int, number: int) -> tuple[Row, ...]:
        options, rng = self.options, stream(self.seed, number, "rows")
        if options.choose_rows is not None:
            return chosen_rows(options.choose_rows, pool, parent, options.minibatch_size, rng)
        perfect = options.perfect_in(pool)
        limit = math.inf if perfect is None else perfect
        size = options.minibatch_size
        rows = failures_first(pool, parent, size, limit, rng, min(options.successes, size // 4))
        return with_regressions(pool, self.problem.must_pass, parent, rows)

    def _trial_rows(
        self, pool: Pool, parents: tuple[int, ...], reflected: Sequence[Row], number: int
    ) -> tuple[Row, ...]:
        return trial_rows(pool, parents, reflected, self.options.size_of_trial(number), self._shared)

    def _crossover(self, pool: Pool, number: int) -> Decision | None:
        rng = stream(self.seed, number, "merge")
        found = find_crossover(pool, lambda: self.options.choose_parent(pool, rng), rng)
        if found is None:
            return None
        parents = (found.first, found.second)
        rows = self._trial_rows(pool, parents, (), number)
        return Decision("merge", parents, rows, ancestor=found.ancestor, sources=found.sources)

    def trim(self, pool: Pool, room: int) -> PlannedStep | None:
        """Return the trial of the best member without sentences that quote an example, on rows it was run on.

        None if there are no such sentences, or too few rows for a trial.
        """
        must_pass = self.problem.must_pass
        share, champion = self.options.trim_share, best_not_failing(pool, must_pass)
        if not share or champion == 0:
            return None
        run = ~np.isnan(pool.table.line(champion))
        most = min(int(share * room), self.options.size_of_trial(pool.trials + 1))
        known = self._training.where(run).rows
        first = [row for row in guarded_rows(pool, must_pass) if row in known]
        rows = tuple(dict.fromkeys([*first, *known]))[:most]
        if len(rows) < LEAST_ROWS_OF_A_TRIM:
            return None
        reflection = self.problem.reflection
        worded = [c for c in self.problem.components if reflection.about(c).kind not in ("code", "module")]
        found = find_trim(pool, champion, worded, self.problem.examples(), reflection.rules.keep)
        if found is None:
            return None
        work, need = trim(found, pool, rows, must_pass), Spending(rollouts=len(rows))
        return PlannedStep("trim", work, need, parents=(champion,))

    def finals(self, pool: Pool, room: int) -> PlannedStep | None:
        """Return the comparison of the best members with the original; None without room for it.

        The original alone is run too: how it does on validation rows is a result. With little to spend fewer
        members take part, so that each is run on some rows; with more than they can use, more do.
        """
        if not self.options.finalists or room <= 0:
            return None
        wanted = max(self.options.finalists, room // len(pool.val_rows) - 1)
        must_pass = self.problem.must_pass
        members = contenders(pool, min(wanted, max(1, room // ROWS_OF_A_FINALIST - 1)), must_pass)
        members = _with_room(pool, members, must_pass, room // 2)
        checks = [row for m in members for row in unchecked(pool, must_pass, m) if row not in pool.val_rows]
        most = sum(int(np.isnan(pool.table.line(m)[: len(pool.val_rows)]).sum()) for m in members)
        if len(pool) == 1 and not most:
            return None
        need = Spending(rollouts=min(room, most + len(checks)))
        work = finals(pool, members, validation_order(pool, self.seed), need.rollouts, must_pass)
        return PlannedStep("finals", work, need, evaluates=members[-1], finalists=tuple(members))

    def choice(self, pool: Pool, finalists: Sequence[int] = ()) -> Choice:
        """Return the member believed best; the original unless another is better with confidence."""
        return best_by_belief(pool, self.options.tie, finalists, self.problem.must_pass)


def _with_room(pool: Pool, members: Sequence[int], must_pass: MustPass, room: int) -> list[int]:
    """Return the first members, at least two, whose open rows that must pass take up to `room` rollouts."""
    costs = np.cumsum([len(unchecked(pool, must_pass, member)) for member in members])
    return [m for m, cost in zip(members, costs.tolist(), strict=True) if cost <= room or m in members[:2]]
