"""Algorithm 1: plan a step, run it, commit it, until the budget ends.

The algorithm as published, where the artifact (the authors' own code) or the reference (`dspy.GEPA`, which
wraps the `gepa` package) differ, and which way this code goes:

- *Budget.* They look at it at the top of an iteration only and overshoot by up to a validation pass. Here a
  trial is begun only if there is room for the validation it may lead to.
- *Rollouts.* They run a parent again on train rows it has been run on. Here each is run once and reused.
- *Domination* (frontier.py), *padding of minibatches* (sampling.py), *order and ties of merges, weights of
  ancestors* (merge.py), *what counts as a merge* (strategy.py): see there.
- *Trace steps* belong to predictors by identity, not by equal signature (rollouts.py).
- *Failed parses* are shown to the reflector with the raw text; they drop them unless told otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dspy_gepa.errors import ReflectionError
from dspy_gepa.runtime.budget import UNLIMITED, Budget, Spending
from dspy_gepa.runtime.scheduler import FinishedStep, Scheduler
from dspy_gepa.search.finals import Choice, best_by_belief, best_by_mean
from dspy_gepa.search.plan import Plan, Problem, plan_evaluation, plan_finals, plan_trial, plan_trim
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Row, Usage

Listener = Callable[[Pool, FinishedStep], None]
StepListener = Callable[[int, Plan], None]

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
        width: Trials in flight; 1 is the paper's sequential algorithm.
        listen: Called after every commit with the new pool and the finished step.
        begin: Called with the number and the plan of every step before it starts.
        stop: Asked before every trial: why the search should end, as one sentence, or None to go on.
        pool: Everything found so far.
        stop_reason: Why the search ended, as one sentence.
        usage: Language model use so far, by phase.
        best_outputs: By validation row the best members with their outputs; None where nobody asked.
    """

    problem: Problem
    strategy: Strategy
    seed: int
    scheduler: Scheduler
    budget: Budget
    width: int = 1
    listen: Listener = lambda pool, finished: None
    begin: StepListener = lambda number, plan: None
    stop: Callable[[Search], str | None] = lambda search: None
    pool: Pool = field(init=False)
    stop_reason: str = ""
    usage: dict[str, Usage] = field(default_factory=dict)
    best_outputs: Mapping[Row, list[tuple[int, Any]]] | None = None
    _finalists: tuple[int, ...] = ()
    _started: int = 0
    _trials_without_rollout: int = 0
    _unusable_answers: int = 0
    _flying: dict[int, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = self.problem
        self.pool = Pool.of(
            problem.original, problem.val_rows, problem.train_size, problem.initial, problem.row_weights
        )

    def run(self) -> Pool:
        """Search until the budget ends or nothing is left to try. The pool grows in place of `self.pool`."""
        while True:
            while (plan := self._plan()) is not None:
                self._start(plan)
            if not self._flying:
                break
            self._commit(self.scheduler.finish())
        if (deletion := self._plan_deletion()) is not None:
            self._perform(deletion)
        if (final := self._plan_finals()) is not None:
            self._perform(final)
            self._finalists = final.finalists
        return self.pool

    @property
    def choice(self) -> Choice:
        """The member to return, as far as the search has come."""
        if not self.strategy.sparse:
            return best_by_mean(self.pool)
        return best_by_belief(self.pool, self.strategy.tie, self._finalists)

    def _plan(self) -> Plan | None:
        """The next step from the pool as it stands; None when it is time to wait, or to end the search."""
        evaluation = plan_evaluation(self.pool, self.problem, self.strategy, self.seed, self._flying)
        if evaluation is not None and self._has_room(evaluation):
            return evaluation
        # Evaluations of new members take places too: with one, they come before the next trial.
        if not self.pool.has_begun or len(self._flying) >= self.width:
            return None
        if self._trials_without_rollout >= self._patience:
            self.stop_reason = f"nothing left to try: {self._patience} trials in a row led to no new rollout"
            return None
        plan = plan_trial(self.pool, self.problem, self.strategy, self.seed, self._flying)
        refusal = self.budget.refusal(plan.need + plan.follow_up, keep=self.strategy.finals_share)
        if refusal is not None:
            self.stop_reason = f"budget: {refusal}"
            return None
        if (reason := self.stop(self)) is not None:
            self.stop_reason = reason
            return None
        return plan

    def _has_room(self, evaluation: Plan) -> bool:
        # What the pool began with has to be run, and room for a validation was kept by its trial.
        optional = self.strategy.sparse and self.pool.has_begun
        keep = self.strategy.finals_share
        return not optional or self.budget.refusal(evaluation.need, keep=keep) is None

    @property
    def _room_at_the_end(self) -> int:
        """Rollouts for what comes after the search."""
        if self.budget.limits.rollouts < UNLIMITED:
            return self.budget.room
        share = self.strategy.finals_share
        return math.ceil(self.budget.spent.rollouts * share / (1 - share))

    def _plan_deletion(self) -> Plan | None:
        plan = plan_trim(self.pool, self.problem, self.strategy, self.seed, self._room_at_the_end)
        return plan if plan is not None and self.budget.refusal(plan.need) is None else None

    def _plan_finals(self) -> Plan | None:
        """The finals, with all rollouts that are left, or as many of them as the other limits allow."""
        room = self._room_at_the_end
        while room > 0:
            plan = plan_finals(self.pool, self.strategy, self.seed, room)
            if plan is None or self.budget.refusal(plan.need) is None:
                return plan
            room = plan.need.rollouts // 2
        return None

    @property
    def _patience(self) -> int:
        steps_per_epoch = -(-self.problem.train_size // self.strategy.minibatch_size)
        return max(20, steps_per_epoch)

    def _perform(self, plan: Plan) -> None:
        """Run a step alone, from its start to its commit."""
        self._start(plan)
        self._commit(self.scheduler.finish())

    def _start(self, plan: Plan) -> None:
        number, self._started = self._started, self._started + 1
        self._flying[number] = plan
        self.budget.reserve(number, plan.need)
        self.begin(number, plan)
        self.scheduler.start(number, plan.step)

    def _commit(self, finished: FinishedStep) -> None:
        plan = self._flying.pop(finished.step)
        self.budget.settle(finished.step, finished.spent)
        for phase, used in finished.usage.items():
            self.usage[phase] = self.usage.get(phase, Usage()) + used
        if isinstance(finished.result, Evaluation):
            self.pool = self.pool.evaluated(finished.result)
            self.listen(self.pool, finished)
        else:
            self._commit_trial(finished, self._unless_too_late(finished.result, plan))

    def _unless_too_late(self, proposal: Proposal, plan: Plan) -> Proposal:
        """Trials beside each other share the room for one validation: who comes late may find none."""
        if proposal.verdict != "accepted" or plan.follow_up == Spending():
            return proposal
        refusal = self.budget.refusal(plan.follow_up)
        if refusal is None:
            return proposal
        return replace(proposal, verdict="rejected", reason=f"{proposal.reason}, but {refusal}")

    def _commit_trial(self, finished: FinishedStep, proposal: Proposal) -> None:
        self.pool = self.pool.commit(proposal, spent=self.budget.spent.rollouts)
        proposal = self.pool.proposals[-1]
        self._trials_without_rollout = 0 if finished.spent.rollouts else self._trials_without_rollout + 1
        self._unusable_answers = _unusable_in_a_row(self._unusable_answers, proposal)
        self.listen(self.pool, replace(finished, result=proposal))
        if self._unusable_answers >= UNUSABLE_ANSWERS:
            raise ReflectionError(
                f"The reflection model gave {self._unusable_answers} unusable answers in a row, the last: "
                f"{proposal.reason.rstrip('.')}. Try a stronger model or a larger max_tokens."
            )


def _unusable_in_a_row(before: int, proposal: Proposal) -> int:
    return before + proposal.unusable if proposal.unusable == proposal.reflections else 0
