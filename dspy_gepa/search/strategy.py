"""The interface between a search and its strategy: the problem, a planned step, and the strategy's answers.

Two strategies implement it: `dspy_gepa.search.paper`, Algorithms 1 to 4 of the paper, and
`dspy_gepa.search.adaptive`, the default.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.search.belief.rows import EVEN, RowWeights
from dspy_gepa.search.choices.components import ComponentChoice
from dspy_gepa.search.choices.parents import PARENT_CHOICES, ParentChoice, on_frontier
from dspy_gepa.search.choices.rows import RowChoice
from dspy_gepa.search.plans import Decision
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal, Step, StepKind, perform
from dspy_gepa.types import SCORE_SLACK, Candidate, Effect, Result, Row

# Average share of steps after which a candidate is run on the rows that must pass: one that is validated with
# the published algorithm, else one that has become the best (benchmarks/results/history.md).
CHECKED = {True: 0.3, False: 0.1}

AUTO_SIZES = ("light", "medium", "heavy")


@dataclass(frozen=True)
class Problem:
    """The texts to optimize and the rows to optimize them on.

    Attributes:
        original: The program's texts as the user wrote them.
        components: Names of the components to rewrite, in the program's order.
        train_size: Number of train rows.
        val_rows: The validation rows; the train rows if the two sets are equal.
        reflection: Settings of the requests to the reflection model.
        initial: Further candidates that the pool begins with.
        objectives: Names of ready objectives that the first rollouts must yield.
        row_weights: Weights and groups of the rows, by the pool's columns.
        failure_score: Score of failed rollouts as long as no score is worse; None if the user set one.
        score_range: Lowest and highest possible score by the user's account. It is not relied on once a score
            lies outside.
        examples: Returns the inputs of each train row as text; called only to look for quotes in texts.
        must_pass: Rows that a returned candidate must not fail if the original passes them, each with the
            lowest score that passes.
    """

    original: Candidate
    components: Sequence[str]
    train_size: int
    val_rows: tuple[Row, ...]
    reflection: ReflectionSettings
    initial: tuple[Candidate, ...] = ()
    objectives: tuple[str, ...] = ()
    row_weights: RowWeights = EVEN
    failure_score: float | None = None
    score_range: Range = UNBOUNDED
    examples: Callable[[], Sequence[str]] = tuple
    must_pass: Mapping[Row, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedStep:
    """A step that is ready to start.

    Attributes:
        kind: Kind of the step.
        work: Generator that yields the step's effects, receives their results and returns its own result.
        need: Maximum spending of the step.
        follow_up: Further spending if the candidate is accepted: the validation of the new member.
        parents: Members that a trial starts from.
        evaluates: Member that an evaluation runs.
        finalists: Members in the finals.
        optional: True if the search goes on without the step when the budget has no room for it.
        number: Number of the step in its search, from 0; set when the step is begun.
        decision: The decision behind it; None for the steps after the search, which are never read back.
    """

    kind: StepKind
    work: Step
    need: Spending
    follow_up: Spending = field(default_factory=Spending)
    parents: tuple[int, ...] = ()
    evaluates: int | None = None
    finalists: tuple[int, ...] = ()
    optional: bool = False
    number: int = -1
    decision: Decision | None = None

    def run(self, execute: Callable[[Effect], Result]) -> Proposal | Evaluation:
        """Run the step to its end, one effect after the other, and return its result."""
        return perform(self.work, execute)


InFlight = Mapping[int, PlannedStep]
"""Steps that were begun and are not committed yet, by number."""
NOTHING_IN_FLIGHT: InFlight = MappingProxyType({})


def trials_in_flight(in_flight: InFlight) -> list[PlannedStep]:
    """Return the trials in flight. They count as merges tried and as turns taken."""
    return [step for step in in_flight.values() if step.evaluates is None]


@dataclass(frozen=True)
class Choice:
    """The member to return, and the confidence in it.

    Attributes:
        member: Its index in the pool.
        score: Expected score on rows like these.
        interval: Central interval that holds this score with probability 0.9.
        better_than_original: Probability that it is better than the original; 0.5 for the original itself.
        reason: One sentence for people.
    """

    member: int
    score: float
    interval: tuple[float, float]
    better_than_original: float
    reason: str


@dataclass(frozen=True)
class Price:
    """Cost of a run in rollouts.

    Attributes:
        first: Number of rows that the original is run on first.
        early: Rollouts of each of the first steps, which cost less than later ones.
        step: Average rollouts of every later step.
        kept: Share of the budget kept for the end of the search.
    """

    first: int
    early: tuple[float, ...]
    step: float
    kept: float

    def with_must_pass(self, first: int, step: float) -> Price:
        """Return the price of a run that also runs rows that must pass.

        Args:
            first: Further rows that the original is run on.
            step: Average number of further rollouts of a step.
        """
        early = tuple(cost + step for cost in self.early)
        return replace(self, first=self.first + first, early=early, step=self.step + step)

    def steps(self, rollouts: float) -> float:
        """Return the number of steps that fit into this many rollouts."""
        left = max(0.0, rollouts * (1 - self.kept) - self.first)
        for number, cost in enumerate(self.early):
            if left < cost:
                return number + left / cost
            left -= cost
        return len(self.early) + left / self.step

    def rollouts(self, steps: int) -> int:
        """Return the number of rollouts that this many steps cost."""
        late = max(0, steps - len(self.early)) * self.step
        return math.ceil((self.first + sum(self.early[:steps]) + late) / (1 - self.kept))

    def average(self, rollouts: float) -> float:
        """Return the average cost of a step in a run of this many rollouts."""
        steps = self.steps(rollouts)
        return (rollouts * (1 - self.kept) - self.first) / steps if steps else self.step


class Planner(Protocol):
    """The decisions of a search on one problem: pure functions of the pool and the steps in flight."""

    def step(self, pool: Pool, decision: Decision) -> PlannedStep:
        """Return the step that was decided on, at the same pool; nothing is decided here."""

    def evaluation(self, pool: Pool, in_flight: InFlight) -> PlannedStep | None:
        """Return the next evaluation of a member that is due, or None. It precedes trials."""

    def trial(self, pool: Pool, in_flight: InFlight) -> PlannedStep:
        """Return the next trial of a new candidate."""

    def trim(self, pool: Pool, room: int) -> PlannedStep | None:
        """Return the trial of a shorter best member after the last trial, or None.

        Args:
            pool: The pool after all trials.
            room: Number of rollouts left for this step and the finals.
        """

    def finals(self, pool: Pool, room: int) -> PlannedStep | None:
        """Return the final comparison on up to `room` rollouts, or None."""

    def choice(self, pool: Pool, finalists: Sequence[int] = ()) -> Choice:
        """Return the member to return; `finalists` are the members that were in the finals.

        Only one for which `must_pass.holds`; the original always does.
        """


@dataclass(frozen=True, kw_only=True)
class Strategy(ABC):
    """Options of a search, and the answers that depend on nothing else.

    Attributes:
        name: Name under which the strategy is recorded.
        minibatch_size: Number of train rows that one mutation reflects on.
        choose_parent: Chooses the member to improve.
        choose_components: Chooses the components to rewrite.
        choose_rows: Chooses the train rows to reflect on; None for the strategy's own rule.
        perfect_score: A minibatch on which every row reaches it is skipped; None never skips.
        max_merges: Maximum number of merges; 0 turns merging off. `Paper` counts those that are accepted, as
            the artifact does, `Adaptive` keeps whatever it tries.
        show_history: True if the reflection model sees earlier edits of the component.
        validates_all: True if every member is run on all validation rows, so that means are comparable.
        skips_take_turns: True if a skipped minibatch uses up the turn of the component that was next.
    """

    name: str
    minibatch_size: int
    choose_parent: ParentChoice
    choose_components: ComponentChoice
    choose_rows: RowChoice | None = None
    perfect_score: float | None = 1.0
    max_merges: int
    show_history: bool
    validates_all: bool = field(init=False)
    skips_take_turns: bool = field(init=False, default=False)

    def perfect_in(self, pool: Pool, scores: Sequence[float] = ()) -> float | None:
        """Return `perfect_score`; None if it is not set, or if a score in the pool or `scores` exceeds it."""
        if self.perfect_score is None:
            return None
        best = max([pool.table.highest, *scores])
        return None if best > self.perfect_score + SCORE_SLACK else self.perfect_score

    @abstractmethod
    def planner(self, problem: Problem, seed: int) -> Planner:
        """Return the decisions of a search on `problem`; `seed` starts all its random streams."""

    @property
    def kept(self) -> float:
        """Share of the budget kept for the end of the search."""
        return 0.0

    @abstractmethod
    def price(self, train_size: int, val_size: int) -> Price:
        """Return the price of a run with this many rows for training alone and for validation."""

    def guarded_price(self, train_size: int, val_size: int, must_pass: Sequence[Row]) -> Price:
        """Return the price of a run with rows that must pass.

        With the published algorithm those among the validation rows cost nothing more.
        """
        in_sample = train_size == 0
        beside = [] if in_sample else [row for row in must_pass if row.split == "train"]
        rows = beside if self.validates_all else must_pass
        return self.price(train_size, val_size).with_must_pass(
            len(rows), CHECKED[self.validates_all] * len(rows)
        )

    @abstractmethod
    def auto_rollouts(self, size: str, train_size: int, val_size: int, components: int) -> int:
        """Return the budget that ``auto="light"`` and the like stand for."""

    @abstractmethod
    def default_width(self, rollouts: int, train_size: int, val_size: int) -> int:
        """Return the number of trials in flight for a budget."""

    @abstractmethod
    def rounds(self, val_size: int, threads: int) -> float:
        """Return the average number of rounds of `threads` effects that a step waits for."""

    def parents(self, kind: FrontierType = "instance") -> dict[str, ParentChoice]:
        """Return the choices of a parent by name, on the frontier of this kind."""
        return {name: on_frontier(choice, kind) for name, choice in self.parent_choices().items()}

    def parent_choices(self) -> Mapping[str, ParentChoice]:
        """Return the choices of a parent by name."""
        return PARENT_CHOICES
