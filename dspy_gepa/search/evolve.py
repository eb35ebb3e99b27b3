"""Algorithm 1: plan a step, run it, commit it, until the budget ends.

The algorithm as published, where the artifact (the authors' own code) or the reference (`dspy.GEPA`, which
wraps the `gepa` package) differ, and which way this code goes:

- *Budget.* They look at it at the top of an iteration only and overshoot by up to a validation pass. Here a
  step that could overshoot is not begun.
- *Rollouts.* They run a parent again on train rows it has been run on. Here each is run once and reused.
- *Domination* (frontier.py), *padding of minibatches* (sampling.py), *order and ties of merges, weights of
  ancestors* (merge.py), *what counts as a merge* (strategy.py): see there.
- *Trace steps* belong to predictors by identity, not by equal signature (program.py).
- *Failed parses* are shown to the reflector with the raw text; they drop them unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from dspy_gepa.errors import MetricError, ProgramError, ReflectionError
from dspy_gepa.runtime.budget import Budget, Spending
from dspy_gepa.runtime.scheduler import Finished, Scheduler
from dspy_gepa.search.merge import find_merge, merge, trial_rows
from dspy_gepa.search.mutation import Reflector, mutate
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import minibatch, stream
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Candidate, Outcome, Proposal, Row, Step, rollouts

NONE_FLYING: Mapping[int, Plan] = MappingProxyType({})
Listener = Callable[[Pool, Finished], None]

# Empty, cut off or unparsable answers of the reflection model in a row after which the run stops.
UNUSABLE_ANSWERS = 10


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes:
        seed: The program's texts as the user wrote them.
        components: The components to rewrite, in the program's order.
        train_size: How many train rows there are.
        val_rows: The validation rows.
        reflector: How evidence is shown to the reflection LM.
    """

    seed: Candidate
    components: Sequence[str]
    train_size: int
    val_rows: tuple[Row, ...]
    reflector: Reflector


@dataclass(frozen=True)
class Plan:
    """A step that is ready to start.

    Attributes:
        step: The step.
        need: The most it can spend.
        parents: Members it starts from.
    """

    step: Step
    need: Spending
    parents: tuple[int, ...] = ()


@dataclass
class Search:
    """The state of a search and its loop.

    Attributes:
        problem: What is searched.
        strategy: How.
        seed: Seed of all random streams.
        scheduler: Runs the steps.
        budget: Limits the rollouts.
        width: Steps in flight; 1 is the paper's sequential algorithm.
        listen: Called after every commit with the new pool and the finished step.
        pool: Everything found so far.
        stop_reason: Why the search ended, as one sentence.
    """

    problem: Problem
    strategy: Strategy
    seed: int
    scheduler: Scheduler
    budget: Budget
    width: int = 1
    listen: Listener = lambda pool, finished: None
    pool: Pool = field(init=False)
    stop_reason: str = ""
    _steps_without_rollout: int = 0
    _unusable_answers: int = 0
    _flying: dict[int, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = Pool(self.problem.val_rows)

    def run(self) -> Pool:
        """Search until the budget ends or nothing is left to try. The pool grows in place of `self.pool`."""
        val_rows = self.problem.val_rows
        self._start(Plan(validate_seed(self.problem.seed, val_rows), Spending(rollouts=len(val_rows))), 0)
        self._commit(self.scheduler.finish())
        started = 1
        while True:
            while self.scheduler.in_flight < self.width and (plan := self._plan(started)) is not None:
                self._start(plan, started)
                started += 1
            if not self.scheduler.in_flight:
                return self.pool
            self._commit(self.scheduler.finish())

    def _plan(self, number: int) -> Plan | None:
        """What step `number` does, from the pool as it stands; None when the search is over."""
        if self._steps_without_rollout >= self._patience:
            self.stop_reason = f"nothing left to try: {self._patience} steps in a row led to no new rollout"
            return None
        plan = plan_step(number, self.pool, self.problem, self.strategy, self.seed, self._flying)
        refusal = self.budget.refusal(plan.need)
        if refusal is not None:
            self.stop_reason = f"budget: {refusal}"
            return None
        return plan

    @property
    def _patience(self) -> int:
        steps_per_epoch = -(-self.problem.train_size // self.strategy.minibatch_size)
        return max(20, steps_per_epoch)

    def _start(self, plan: Plan, number: int) -> None:
        self._flying[number] = plan
        self.budget.reserve(number, plan.need)
        self.scheduler.start(number, plan.step)

    def _commit(self, finished: Finished) -> None:
        del self._flying[finished.step]
        self.budget.settle(finished.step, finished.spent)
        self.pool = self.pool.commit(finished.proposal, spent=self.budget.spent.rollouts)
        finished = replace(finished, proposal=self.pool.proposals[-1])
        self._steps_without_rollout = 0 if finished.spent.rollouts else self._steps_without_rollout + 1
        self._unusable_answers = _unusable_in_a_row(self._unusable_answers, finished.proposal)
        self.listen(self.pool, finished)
        if self._unusable_answers >= UNUSABLE_ANSWERS:
            raise ReflectionError(
                f"The reflection model gave {self._unusable_answers} unusable answers in a row, the last: "
                f"{finished.proposal.reason}. Try a stronger model or a larger max_tokens."
            )


def plan_step(
    number: int,
    pool: Pool,
    problem: Problem,
    strategy: Strategy,
    seed: int,
    flying: Mapping[int, Plan] = NONE_FLYING,
) -> Plan:
    """Merge after a success while merges are left and a pair can be merged; else mutate.

    Args:
        number: The step's number.
        pool: The pool as it stands.
        problem: What is searched.
        strategy: How.
        seed: Seed of the random streams.
        flying: Steps begun and not yet committed. They count as merges tried and as turns taken.
    """
    validation = len(problem.val_rows)
    merges = _merges_tried(pool) + sum(len(plan.parents) == 2 for plan in flying.values())
    if pool.merge_due and merges < strategy.max_merges:
        rng = stream(seed, number, "merge")
        found = find_merge(pool, rng)
        if found is not None:
            rows = trial_rows(pool, found.first, found.second, strategy.merge_rows, rng)
            need = Spending(rollouts=validation)
            return Plan(merge(found, pool, rows), need, parents=(found.first, found.second))
    parent = pool.members[strategy.choose_parent(pool, stream(seed, number, "parent"))]
    rows = minibatch(seed, number - 1, problem.train_size, strategy.minibatch_size)
    turn = pool.turns[parent.index] + sum(plan.parents == (parent.index,) for plan in flying.values())
    components = strategy.choose_components(problem.components, turn)
    step = mutate(
        parent,
        rows,
        components,
        pool=pool,
        reflector=problem.reflector,
        perfect_score=strategy.perfect_score,
        show_history=strategy.show_history,
    )
    # Each component may be asked for twice, see mutation.py.
    need = Spending(rollouts=2 * len(rows) + validation, reflections=2 * len(components))
    return Plan(step, need, parents=(parent.index,))


def validate_seed(seed: Candidate, val_rows: Sequence[Row]) -> Step:
    """The first step: the seed on the validation set, its first row alone as a pre-flight check.

    Raises:
        MetricError: The metric failed on the pre-flight row, or on every row it was called on.
        ProgramError: The program failed on every row for a reason other than a model's bad output.
    """
    outcomes = yield from rollouts(seed, val_rows[:1])
    _refuse_broken_metric(val_rows, outcomes)
    outcomes += yield from rollouts(seed, val_rows[1:])
    _refuse_broken_metric(val_rows, outcomes)
    if all(_is_broken(outcome) for outcome in outcomes):
        raise ProgramError(
            f"The program raised on each of the {len(outcomes)} validation rows; the first time: "
            f"{outcomes[0].error}. Run it by hand, program(**example.inputs()), and mend that first."
        )
    return Proposal(
        kind="seed",
        parents=(),
        candidate=seed,
        verdict="accepted",
        reason="the program as it was given",
        validation=dict(zip(val_rows, outcomes, strict=True)),
    )


def _refuse_broken_metric(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Once one row was scored, a metric that fails on another row is taken to dislike that output."""
    failures = [(row, o) for row, o in zip(rows, outcomes, strict=False) if o.metric_failed]
    if failures and not any(o.status == "scored" for o in outcomes):
        row, outcome = failures[0]
        error = MetricError(outcome.error)
        error.row = row
        raise error


def _is_broken(outcome: Outcome) -> bool:
    models_fault = ("AdapterParseError", "ContextWindowExceededError", "LMInvalidRequestError")
    return outcome.status == "program_failed" and outcome.cause not in models_fault


def _unusable_in_a_row(before: int, proposal: Proposal) -> int:
    return before + proposal.unusable if proposal.unusable == proposal.reflections else 0


def _merges_tried(pool: Pool) -> int:
    return sum(proposal.kind == "merge" for proposal in pool.proposals)
