"""The search as a loop: ask for a step, run it, tell its result, until the budget ends.

The artifact (the authors' own code) and the reference (`dspy.GEPA`, which wraps the `gepa` package) differ
from the published algorithm in some points. The way taken here:

- *Budget.* They check it at the top of an iteration only and overshoot by up to a validation pass. Here a
  trial is begun only if there is room for the validation it may lead to.
- *Rollouts.* They run a parent again on train rows it has been run on. Here each is run once and reused.
- *Domination* (frontier.py), *padding of minibatches* (choices/rows.py), *order and ties of merges, weights
  of ancestors* (merge.py), *which merges count* (strategy.py): see there.
- *Trace steps* belong to predictors by identity, not by equal signature (program/rollout.py).
- *Failed parses* are shown to the reflection model with the raw text; they drop them by default.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dspy_gepa.errors import ReflectionError
from dspy_gepa.reflection.rules import remedy_for
from dspy_gepa.runtime.budget import UNLIMITED, Budget, Spending
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.search.belief.summary import PoolSummary, means_by_objective, summarize_pool
from dspy_gepa.search.plans import NoPlans, Plan, Plans, next_course
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import Choice, InFlight, PlannedStep, Planner, Problem, Strategy
from dspy_gepa.steps import Evaluation, Proposal, Step
from dspy_gepa.texts import counted
from dspy_gepa.types import PHASES, Effect, Levels, Outcome, Reflection, Result, Rollout, Row, Usage

# Number of empty, cut off or unparsable answers of the reflection model in a row after which the run stops.
UNUSABLE_ANSWERS = 10


@dataclass(frozen=True)
class Committed:
    """A step whose result is in the pool.

    Attributes:
        step: The step.
        result: Its result; a proposal as it was committed.
        spent: Its reflections, and the rollouts that no earlier step was charged for.
        usage: Language model use by phase: `reflection`, `train rollouts` and `validation rollouts`.
        released: Keys of rollouts that no later step will reflect on: those of rejected candidates.
    """

    step: PlannedStep
    result: Proposal | Evaluation
    spent: Spending
    usage: Mapping[str, Usage]
    released: tuple[str, ...] = ()


@dataclass
class Search:
    """A search: `ask` for the next step, run its effects, `tell` its result.

    Attributes:
        problem: The problem.
        strategy: Options of the search.
        seed: Seed of all random streams.
        budget: Limits on rollouts and the rest; counts what was spent.
        width: Maximum number of trials in flight; 1 is the paper's sequential algorithm.
        stop: Called before every trial; returns one sentence to end the search, or None to go on.
        plans: Record of decisions. Those on record are read and not made again.
        pool: All candidates and scores found so far.
        stop_reason: Reason for the end of the search, as one sentence.
        usage: Language model use so far, by phase.
        committed: Number of steps committed so far.
        course: Digest of their results; equal courses lead to equal decisions.
        best_outputs: By validation row the best members with their outputs; None unless requested.
    """

    problem: Problem
    strategy: Strategy
    seed: int
    budget: Budget
    width: int = 1
    stop: Callable[[Search], str | None] = lambda search: None
    plans: Plans = field(default_factory=NoPlans)
    pool: Pool = field(init=False)
    stop_reason: str = ""
    usage: dict[str, Usage] = field(default_factory=dict)
    committed: int = 0
    course: str = ""
    best_outputs: Mapping[Row, list[tuple[int, Any]]] | None = None
    _planner: Planner = field(init=False)
    _in_flight: dict[int, PlannedStep] = field(default_factory=dict)
    _begun: int = 0
    _bound: bool = False
    _closing: deque[Callable[[], PlannedStep | None]] | None = None
    _finalists: tuple[int, ...] = ()
    _used: dict[int, list[tuple[Effect, Result]]] = field(default_factory=dict)
    _charged: set[str] = field(default_factory=set)
    _failed: dict[str, set[Row]] = field(default_factory=dict)
    _rejected: deque[tuple[int, list[str]]] = field(default_factory=deque)
    _trials_without_rollout: int = 0
    _unusable_answers: int = 0
    _last_reason: str = ""
    _last_answer: Reflection = field(default_factory=Reflection)

    def __post_init__(self) -> None:
        problem = self.problem
        # Alg. 1, line 2
        self.pool = Pool.of(
            problem.original,
            problem.val_rows,
            problem.train_size,
            problem.initial,
            problem.row_weights,
            problem.failure_score,
            problem.score_range,
        )
        self._planner = self.strategy.planner(problem, self.seed)

    @property
    def in_flight(self) -> InFlight:
        """Steps that were begun and are not committed yet, by number."""
        return self._in_flight

    @property
    def closing(self) -> bool:
        """True once the last trial has ended: only trim and finals are left."""
        return self._closing is not None

    @property
    def choice(self) -> Choice:
        """The member that would be returned now."""
        return self._planner.choice(self.pool, self._finalists)

    @property
    def summary(self) -> PoolSummary:
        """The scores of all members."""
        return summarize_pool(self.pool, self.choice.member, validates_all=self.strategy.validates_all)

    @property
    def levels(self) -> Levels:
        """The means of all members by objective and by group."""
        measured = self.problem.objectives
        return means_by_objective(self.pool, validates_all=self.strategy.validates_all, measured=measured)

    @property
    def warnings(self) -> dict[str, str]:
        """Warnings, by option, of options that do not fit the scale of the scores so far."""
        found = {}
        perfect = self.strategy.perfect_score
        if perfect is not None and self.pool.is_run(0) and self.strategy.perfect_in(self.pool) is None:
            found["perfect_score"] = (
                f"a score exceeds perfect_score={perfect:g}, so that no row counts as perfect from now on. "
                "Set perfect_score to the highest score of the metric."
            )
        worst = self.pool.failure_score
        if self._failed and worst is not None and worst < (self.problem.failure_score or 0.0):
            found["failure_score"] = (
                f"scores are as low as {worst:g}, so that failed rollouts score this too and not 0. Set "
                "failure_score to the score that a failure is worth."
            )
        return found

    def drafted(self, problem: Problem, results: Sequence[tuple[Effect, Result]]) -> Search:
        """Return the search on a problem whose missing texts were written, and charge their reflections."""
        spent, usage = self._charge(results)
        self.budget.charge(spent)
        return replace(self, problem=problem, usage=usage)

    def ask(self) -> PlannedStep | None:
        """Begin the next step and return it.

        None means that `tell` must get the result of a step in flight first or, if there is none, that the
        search is over.

        Raises:
            ReflectionError: The reflection model gave too many unusable answers in a row.
        """
        if self._unusable_answers >= UNUSABLE_ANSWERS:
            raise ReflectionError(
                f"The reflection model gave {UNUSABLE_ANSWERS} unusable answers in a row, the last: "
                f"{self._last_reason.rstrip('.')}. {remedy_for(self._last_answer)}"
            )
        planned = self._next_step()
        if planned is None:
            return None
        number, self._begun = self._begun, self._begun + 1
        self._used[number] = []
        step = replace(planned, number=number, work=_noting(planned.work, self._used[number]))
        self._in_flight[number] = step
        self.budget.reserve(number, step.need)
        return step

    def tell(self, step: PlannedStep, result: Proposal | Evaluation) -> Committed:
        """Commit a step's result to the pool. `tell` must get earlier steps first."""
        before = self.pool
        del self._in_flight[step.number]
        results = self._used.pop(step.number)
        self._last_answer = next(
            (r for _, r in reversed(results) if isinstance(r, Reflection)), self._last_answer
        )
        spent, usage = self._charge(results)
        self.budget.settle(step.number, spent)
        for phase, used in usage.items():
            self.usage[phase] = self.usage.get(phase, Usage()) + used
        if isinstance(result, Evaluation):
            self.pool = self.pool.evaluated(result)
            self._finalists = step.finalists or self._finalists
        else:
            result = self._commit_trial(self._unless_too_late(result, step), spent)
        self._follow_worst_score(results)
        before.forget()
        self.committed += 1
        self.course = next_course(self.course, step.number, result)
        return Committed(step, result, spent, usage, tuple(self._release(result, results)))

    def _release(self, result: Proposal | Evaluation, used: Sequence[tuple[Effect, Result]]) -> Iterator[str]:
        """Yield keys of rollouts that no later step will reflect on.

        A step that was begun before a candidate was rejected may find the same texts and have them accepted.
        """
        rejected = None
        if isinstance(result, Proposal) and result.verdict != "accepted":
            rejected = result.candidate
        if rejected is not None and not self.pool.holds(rejected):
            own = [e.key for e, _ in used if isinstance(e, Rollout) and e.candidate == rejected]
            self._rejected.append((self._begun, own))
        while self._rejected and self._rejected[0][0] <= self.committed:
            yield from self._rejected.popleft()[1]

    def _next_step(self) -> PlannedStep | None:
        if self._closing is None:
            step = self._search_step()
            if step is not None or self._in_flight:
                return step
            self.plans.record(self._begun, None)
            self._closing = deque([self._trim, self._finals])  # each runs alone
        while self._closing and not self._in_flight:
            if (step := self._closing.popleft()()) is not None:
                return step
        return None

    def _search_step(self) -> PlannedStep | None:
        """Return the next evaluation or trial; None to wait or to end the search."""
        plan = self.plans.recall(self._begun)
        if plan is not None and not plan.bound:  # else it takes the budget to know
            if self.committed < plan.committed:
                return None
            same = (self.committed, self.course) == (plan.committed, plan.course)
            if same and plan.decision.fits(self.pool):
                return self._planner.step(self.pool, plan.decision)
        step = self._decided_step()
        if step is not None and step.decision is not None:
            plan = Plan(step.decision, self.committed, self.course, self._bound)
            self.plans.record(self._begun, plan)
            self._bound = False
        return step

    def _decided_step(self) -> PlannedStep | None:
        evaluation = self._planner.evaluation(self.pool, self._in_flight)
        # Room for the validation of a new member was kept by its trial, unless parallel trials used it up.
        if evaluation is not None:
            if not self._lacks_room(evaluation):
                return evaluation
            self._bound = True
        # Evaluations of new members take places too: with one, they come before the next trial.
        if not self.pool.has_begun or len(self._in_flight) >= self.width:
            return None
        if self._trials_without_rollout >= self._patience:
            self.stop_reason = (
                f"nothing left to try: in {counted(self._patience, 'step')} in a row there was nothing new "
                "to run"
            )
            return None
        trial = self._planner.trial(self.pool, self._in_flight)
        refusal = self._refusal(trial.need + trial.follow_up)  # Alg. 1, line 6
        if refusal is not None:
            self._bound = True
            self.stop_reason = f"budget: {refusal}"
            return None
        if (reason := self.stop(self)) is not None:
            self.stop_reason = reason
            return None
        return trial

    def _lacks_room(self, evaluation: PlannedStep) -> bool:
        if evaluation.optional:
            return self._refusal(evaluation.need) is not None
        return self.pool.has_begun and evaluation.need.rollouts > self.budget.room

    def _refusal(self, need: Spending) -> str | None:
        return self.budget.refusal(need, keep=self.strategy.kept)

    @property
    def _room_at_the_end(self) -> int:
        """Number of rollouts for the steps after the search."""
        if self.budget.limits.rollouts < UNLIMITED:
            return self.budget.room
        share = self.strategy.kept
        return math.ceil(self.budget.spent.rollouts * share / (1 - share))

    def _trim(self) -> PlannedStep | None:
        step = self._planner.trim(self.pool, self._room_at_the_end)
        return step if step is not None and self.budget.refusal(step.need) is None else None

    def _finals(self) -> PlannedStep | None:
        """Return the finals with all rollouts that are left, or as many as the other limits allow."""
        room = self._room_at_the_end
        while room > 0:
            step = self._planner.finals(self.pool, room)
            if step is None or self.budget.refusal(step.need) is None:
                return step
            room = step.need.rollouts // 2
        return None

    @property
    def _patience(self) -> int:
        steps_per_epoch = math.ceil(self.problem.train_size / self.strategy.minibatch_size)
        return max(20, steps_per_epoch)

    def _unless_too_late(self, proposal: Proposal, step: PlannedStep) -> Proposal:
        """Reject an accepted candidate if parallel trials used up the room for its validation."""
        if proposal.verdict != "accepted" or step.follow_up == Spending():
            return proposal
        refusal = self.budget.refusal(step.follow_up)
        if refusal is None:
            return proposal
        return replace(proposal, verdict="rejected", reason=f"{proposal.reason}, but {refusal}")

    def _commit_trial(self, proposal: Proposal, spent: Spending) -> Proposal:
        self.pool = self.pool.commit(
            proposal,
            spent=self.budget.spent.rollouts,
            skips_take_turns=self.strategy.skips_take_turns,
        )
        proposal = self.pool.proposals[-1]
        self._trials_without_rollout = 0 if spent.rollouts else self._trials_without_rollout + 1
        usable = proposal.unusable != proposal.reflections
        self._unusable_answers = 0 if usable else self._unusable_answers + proposal.unusable
        self._last_reason = proposal.reason
        return proposal

    def _follow_worst_score(self, used: Sequence[tuple[Effect, Result]]) -> None:
        """Let no failure score more than the worst score so far, unless the user set its score."""
        outcomes = [(e, r) for e, r in used if isinstance(e, Rollout) and isinstance(r, Outcome)]
        for rollout, outcome in outcomes:
            if outcome.status == "program_failed":
                self._failed.setdefault(rollout.candidate.id, set()).add(rollout.row)
        if self.pool.failure_score is None or self.problem.failure_score is None:
            return
        scored = [outcome.score for _, outcome in outcomes if outcome.status == "scored"]
        worst = min([self.pool.failure_score, *scored])
        if worst < self.problem.failure_score:  # else failures score so already
            self.pool = self.pool.with_failure_score(worst, self._failed)

    def _charge(self, used: Sequence[tuple[Effect, Result]]) -> tuple[Spending, dict[str, Usage]]:
        """Return the spending of a step and its language model use by phase; no rollout is charged twice.

        Every rollout that was executed counts. In the artifact those of perfect minibatches do not.
        """
        rollouts = reflections = 0
        usage: dict[str, Usage] = {}
        for effect, result in used:
            if isinstance(effect, Rollout):
                if effect.key in self._charged:
                    continue
                self._charged.add(effect.key)
                rollouts += 1
                phase = PHASES[effect.row.split]
            else:
                reflections += 1
                phase = "reflection"
            usage[phase] = usage.get(phase, Usage()) + result.usage
        tokens, cost = sum(u.spent_tokens for u in usage.values()), sum(u.cost for u in usage.values())
        return Spending(rollouts, reflections, tokens, cost), usage


def _noting(work: Step, used: list[tuple[Effect, Result]]) -> Step:
    """Pass the effects and results of a step through and note them in `used`."""
    results: Sequence[Any] | None = None
    while True:
        try:
            effects = work.send(results)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            result: Proposal | Evaluation = end.value
            return result
        results = yield effects
        used += zip(effects, results, strict=True)


def run(
    search: Search,
    scheduler: Scheduler,
    *,
    begin: Callable[[PlannedStep], None] = lambda step: None,
    listen: Callable[[Committed], None] = lambda committed: None,
) -> Pool:
    """Run a search to its end.

    Args:
        search: The search.
        scheduler: Runs the steps.
        begin: Called with every step before it starts.
        listen: Called after every commit.
    """
    while True:
        while (step := search.ask()) is not None:
            begin(step)
            scheduler.start(step.number, step.work)
        if not search.in_flight:
            return search.pool
        finished = scheduler.finish()
        committed = search.tell(search.in_flight[finished.step], finished.result)
        scheduler.release(committed.released)
        listen(committed)
