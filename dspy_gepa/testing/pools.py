"""Pools as a search meets them, to try choices on: from a lone seed to 200 members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Literal

import numpy as np

from dspy_gepa.search.belief.rows import EVEN, RowWeights
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal, objectives_of
from dspy_gepa.types import Candidate, Outcome, Row

StrategyName = Literal["adaptive", "paper"]
STRATEGY_NAMES: tuple[StrategyName, ...] = ("adaptive", "paper")

FIRST_ROWS = 8
TRIAL_ROWS = 6
MINIBATCH = 3


@dataclass(frozen=True)
class Recipe:
    """How a pool is grown.

    Attributes:
        members: How many it has in the end.
        val: Validation rows.
        train: Train rows.
        levels: The scores there are.
        sparse: Whether members are run on a few rows only, none of them on the whole validation set.
        in_sample: Whether the validation rows are the train rows.
        objectives: Whether the metric gives objectives.
        pending: Whether the last member's validation is still under way.
        weighted: Whether rows have weights, and belong to two groups.
        components: Names of the program's components.
    """

    members: int
    val: int = 8
    train: int = 12
    levels: tuple[float, ...] = (0.0, 0.5, 1.0)
    sparse: bool = False
    in_sample: bool = False
    objectives: bool = False
    pending: bool = False
    weighted: bool = False
    components: tuple[str, ...] = ("search", "answer")


_PAPER = {
    "the seed alone, with one row": Recipe(1, val=1, train=1),
    "two members that are equal on every row": Recipe(2, levels=(1.0,)),
    "seven members, two of them merged, with objectives": Recipe(7, objectives=True),
    "five members, the last of which is not validated yet": Recipe(5, pending=True),
    "six members with scores below zero": Recipe(6, levels=(-3.0, -2.0, -0.5)),
    "six members, the validation rows being the train rows": Recipe(6, val=12, in_sample=True),
    "five members on rows of other weights, in two groups": Recipe(5, weighted=True),
    "200 members on 100 rows": Recipe(200, val=100, train=60),
}
_ADAPTIVE = {
    "the seed alone, with one row": Recipe(1, val=1, train=1, sparse=True),
    "two members that are equal on every row": Recipe(2, levels=(1.0,), sparse=True),
    "seven members, none of them validated, with objectives": Recipe(7, objectives=True, sparse=True),
    "six members with scores below zero": Recipe(6, levels=(-3.0, -2.0, -0.5), sparse=True),
    "six members, the validation rows being the train rows": Recipe(6, val=12, in_sample=True, sparse=True),
    "five members on rows of other weights, in two groups": Recipe(5, weighted=True, sparse=True),
    "200 members on 100 rows": Recipe(200, val=100, train=60, sparse=True),
}


def example_pools(strategy: StrategyName = "adaptive") -> dict[str, Pool]:
    """Pools by what is special about them, new ones at each call, always the same.

    With ``"paper"`` members are run on all validation rows, but for one whose validation is under way. With
    ``"adaptive"`` every member is run on a few rows, and on no more than that: `Pool.means` are NaN, and what
    members are worth is in `Pool.belief`. Either way there are rejected proposals, children of children and
    merges, and NaN in `Pool.scores` where a member was not run.
    """
    return {
        name: grow_pool(recipe) for name, recipe in (_PAPER if strategy == "paper" else _ADAPTIVE).items()
    }


def grow_pool(recipe: Recipe) -> Pool:
    """The pool that follows a recipe, always the same; its arrays are its own."""
    pool = _grown(recipe)
    return replace(
        pool,
        scores=pool.scores.copy(),
        exposure=pool.exposure.copy(),
        all_objectives={name: scores.copy() for name, scores in pool.all_objectives.items()},
    )


@cache
def _grown(recipe: Recipe) -> Pool:
    rng = Random(repr(recipe))
    train = [Row("train", i) for i in range(recipe.train)]
    val = train if recipe.in_sample else [Row("val", i) for i in range(recipe.val)]
    row_weights = _traits(len({*val, *train})) if recipe.weighted else EVEN
    pool = Pool.of(_candidate(recipe, 0), tuple(val), recipe.train, row_weights=row_weights)
    first = train[:FIRST_ROWS] if recipe.sparse else val
    pool = pool.evaluated(Evaluation({0: dict(zip(first, _outcomes(first, recipe, rng), strict=True))}))
    for index in range(1, recipe.members):
        if index % 3 == 0:
            pool = pool.commit(_proposal(pool, -index, train, recipe, rng), spent=10 * index)
        pool = pool.commit(_proposal(pool, index, train, recipe, rng), spent=10 * index)
        if not recipe.sparse and not (recipe.pending and index == recipe.members - 1):
            scores = dict(zip(val, _outcomes(val, recipe, rng), strict=True))
            pool = pool.evaluated(Evaluation({index: scores}))
    return pool


def _proposal(pool: Pool, number: int, train: Sequence[Row], recipe: Recipe, rng: Random) -> Proposal:
    """A mutation, every third one a merge; rejected where the number is below zero."""
    merges = number % 3 == 2 and len(pool) > 1 and number > 0
    parents = tuple(sorted(rng.sample(range(len(pool)), 2 if merges else 1)))
    rows = tuple(rng.sample(train, min(MINIBATCH, len(train))))
    others = [row for row in train if row not in rows] or list(train)
    trial = tuple(others[:TRIAL_ROWS]) if recipe.sparse else rows
    before, after = _outcomes(rows, recipe, rng), _outcomes(trial, recipe, rng)
    return Proposal(
        kind="merge" if merges else "mutation",
        parents=parents,
        candidate=_candidate(recipe, number),
        verdict="accepted" if number > 0 else "rejected",
        reason="an example",
        changed=recipe.components[:1],
        rows=trial if merges else rows,
        before=tuple(outcome.score for outcome in (after if merges else before)),
        trial_rows=trial,
        after=tuple(outcome.score for outcome in after),
        before_objectives=() if merges else objectives_of(before),
        after_objectives=objectives_of(after),
    )


def _traits(rows: int) -> RowWeights:
    weights = 0.5 + np.arange(rows) / max(1, rows - 1)  # 1 on average
    return RowWeights(weights, tuple("ab"[row % 2] for row in range(rows)))


def _candidate(recipe: Recipe, version: int) -> Candidate:
    return Candidate.of({name: f"Do the part of {name}, version {version}." for name in recipe.components})


def _outcomes(rows: Sequence[Row], recipe: Recipe, rng: Random) -> list[Outcome]:
    scores = [rng.choice(recipe.levels) for _ in rows]
    if not recipe.objectives:
        return [Outcome("scored", score=score) for score in scores]
    return [
        Outcome("scored", score=score, objectives={"right": score, "brief": rng.random()}) for score in scores
    ]
