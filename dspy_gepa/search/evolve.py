"""Algorithm 1: plan a step, run it, commit it, until the budget ends.

The algorithm as published, where the artifact (the authors' own code) or the reference (`dspy.GEPA`, which
wraps the `gepa` package) differ, and which way this code goes:

- *Budget.* They look at it at the top of an iteration only and overshoot by up to a validation pass. Here a
  step that could overshoot is not begun.
- *Rollouts.* They run a parent again on train rows it has been run on. Here each is run once and reused.
- *Domination* (frontier.py), *padding of minibatches* (sampling.py), *order and ties of merges, weights of
  ancestors* (merge.py), *what counts as a merge* (strategy.py): see there.
- *Trace steps* belong to predictors by identity, not by equal signature (rollouts.py).
- *Failed parses* are shown to the reflector with the raw text; they drop them unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dspy_gepa.errors import ReflectionError
from dspy_gepa.runtime.budget import Budget
from dspy_gepa.runtime.scheduler import Finished, Scheduler
from dspy_gepa.search.plan import Plan, Problem, plan_seed, plan_step
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Proposal, Usage

Listener = Callable[[Pool, Finished], None]

# Empty, cut off or unparsable answers of the reflection model in a row after which the run stops.
UNUSABLE_ANSWERS = 10


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
        usage: Language model use so far, by phase.
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
    usage: dict[str, Usage] = field(default_factory=dict)
    _steps_without_rollout: int = 0
    _unusable_answers: int = 0
    _flying: dict[int, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = Pool(self.problem.val_rows)

    def run(self) -> Pool:
        """Search until the budget ends or nothing is left to try. The pool grows in place of `self.pool`."""
        self._start(plan_seed(self.problem), 0)
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
        for phase, used in finished.usage.items():
            self.usage[phase] = self.usage.get(phase, Usage()) + used
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


def _unusable_in_a_row(before: int, proposal: Proposal) -> int:
    return before + proposal.unusable if proposal.unusable == proposal.reflections else 0
