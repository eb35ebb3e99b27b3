"""Searches in a world without any LM, one step after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search import Paper, PlannedStep, Pool, Problem, Strategy
from dspy_gepa.search.strategy import NOTHING_IN_FLIGHT, InFlight
from dspy_gepa.steps import Evaluation, Proposal, Verdict
from dspy_gepa.types import Candidate, Effect, Outcome, Reflect, Rollout, Row
from tests.support import HashWorld, drive, flatten, val_rows

ORIGINAL = Candidate.of({"a": "one", "b": "two"})
PAPER = Paper()


def problem(train: int = 9, val: int = 4) -> Problem:
    return Problem(ORIGINAL, list(ORIGINAL), train, val_rows(val), ReflectionSettings("a and b"))


def next_trial(
    pool: Pool,
    task: Problem,
    strategy: Strategy = PAPER,
    seed: int = 0,
    in_flight: InFlight = NOTHING_IN_FLIGHT,
) -> PlannedStep:
    return strategy.planner(task, seed).trial(pool, in_flight)


def next_evaluation(
    pool: Pool,
    task: Problem,
    strategy: Strategy = PAPER,
    seed: int = 0,
    in_flight: InFlight = NOTHING_IN_FLIGHT,
) -> PlannedStep | None:
    return strategy.planner(task, seed).evaluation(pool, in_flight)


def evolve(
    world: HashWorld, task: Problem, strategy: Strategy = PAPER, *, trials: int = 15
) -> Iterator[tuple[Pool, Proposal, list[Effect]]]:
    """The first trials of a run one after the other, each with the pool it started from and its effects.

    Evaluations that are due come between them; the effects of an accepted trial include its own.
    """
    paid: set[str] = set()
    pool = Pool.of(task.original, task.val_rows, task.train_size)
    pool = evaluate_if_due(pool, task, strategy, world, paid)[0]
    for _ in range(trials):
        before, step = pool, next_trial(pool, task, strategy, world.seed)
        proposal, effects = perform(step, world, paid)
        pool, due = evaluate_if_due(pool.commit(proposal, spent=0), task, strategy, world, paid)
        yield before, proposal, [*effects, *due]


def evaluate_if_due(
    pool: Pool, task: Problem, strategy: Strategy, world: HashWorld, paid: set[str]
) -> tuple[Pool, list[Effect]]:
    step = next_evaluation(pool, task, strategy, world.seed)
    if step is None:
        return pool, []
    evaluation, effects = perform(step, world, paid)
    return pool.evaluated(evaluation), effects


def perform(step: PlannedStep, world: HashWorld, paid: set[str]) -> tuple[Any, list[Effect]]:
    """Run a step; it may ask again for what is paid, and for no more than it reserved beyond that."""
    found, asked = drive(step.work, world)
    effects = list(flatten(asked))
    fresh = {e.key for e in effects if isinstance(e, Rollout)} - paid
    assert len(fresh) <= step.need.rollouts
    assert sum(isinstance(e, Reflect) for e in effects) <= step.need.reflections
    paid |= fresh
    return found, effects


def validated(pool: Pool) -> Pool:
    outcomes = dict.fromkeys(pool.val_rows, Outcome("scored", score=0.5))
    return pool.evaluated(Evaluation(dict.fromkeys(range(len(pool)), outcomes)))


# Pools that know their members by few rows ----------------------------------------------------------------

seeds = st.integers(0, 2**31)


def seeded(known: Mapping[int, float], *, train: int = 9, val: int = 3) -> Pool:
    """A pool of the seed alone, with its scores on train rows."""
    return run(Pool.of(Candidate.of({"a": "seed"}), val_rows(val), train), 0, known)


def run(pool: Pool, member: int, known: Mapping[int, float]) -> Pool:
    outcomes = {Row("train", i): Outcome("scored", score=score) for i, score in known.items()}
    return pool.evaluated(Evaluation({member: outcomes}))


def tried(
    pool: Pool,
    parents: tuple[int, ...],
    rows: Sequence[Row] = (),
    *,
    verdict: Verdict = "accepted",
    score: float = 0.0,
) -> Pool:
    """The pool after a trial whose child was written for rows with this score of its parent."""
    return pool.commit(
        Proposal(
            kind="mutation" if len(parents) == 1 else "merge",
            parents=parents,
            candidate=Candidate.of({"a": f"text {len(pool.proposals)}"}),
            verdict=verdict,
            reason="test",
            rows=tuple(rows),
            before=(score,) * len(rows),
        ),
        spent=0,
    )


some_rows = st.sets(st.integers(0, 9), max_size=6).map(sorted)
some_scores = st.dictionaries(st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0]))


@st.composite
def families(draw: st.DrawFn) -> Pool:
    """Up to six members, each written for some of ten train rows and run on others."""
    pool = seeded(draw(some_scores), train=10)
    for _ in range(draw(st.integers(0, 5))):
        parents = draw(st.sets(st.integers(0, len(pool) - 1), min_size=1, max_size=2))
        rows = [Row("train", i) for i in draw(some_rows)] if len(parents) == 1 else []
        pool = tried(pool, tuple(sorted(parents)), rows)
        pool = run(pool, len(pool) - 1, draw(some_scores))
    return pool
