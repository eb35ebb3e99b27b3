"""Which rows and which components a step works on. Pure functions of the pool, the seed and the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import numpy as np

from dspy_gepa.search.belief.rows import interleaved
from dspy_gepa.search.pool import Pool
from dspy_gepa.types import Row


def stream(seed: int, step: int, purpose: str) -> Random:
    """A random stream of its own for one purpose of one step.

    Steps draw nothing from each other, so that what a step does cannot depend on which steps were
    planned, finished or resumed before it. Seeding with text does not depend on Python's hash seed.
    """
    return Random(f"{seed}/{step}/{purpose}")


def minibatch(
    seed: int, step: int, train_size: int, size: int, groups: Sequence[str] = ()
) -> tuple[Row, ...]:
    """The train rows of a step: consecutive slices of a freshly shuffled epoch (paper, section 3).

    The last slice of an epoch is filled up from the epoch's beginning. The artifact pads with the rows
    used least, which can put a row twice into one minibatch, and pads by a whole minibatch when the rows
    divide evenly; both are slips that change nothing but cost rollouts, so they are not repeated here.

    Args:
        seed: The run's seed.
        step: The step's number, from 0.
        train_size: How many train rows there are.
        size: Rows in a minibatch; with fewer train rows than that, all of them are taken.
        groups: Of each train row; they are spread evenly over the epoch. Empty where there are none.
    """
    size = min(size, train_size)
    per_epoch = -(-train_size // size)
    epoch, position = divmod(step, per_epoch)
    order = Random(f"{seed}/epoch/{epoch}").sample(range(train_size), train_size)
    if groups:
        order = interleaved(order, groups.__getitem__)
    padded = order + order[: per_epoch * size - train_size]
    return tuple(Row("train", i) for i in padded[position * size : (position + 1) * size])


def failures_first(pool: Pool, parent: int, size: int, perfect_score: float, rng: Random) -> tuple[Row, ...]:
    """Rows to reflect on: what the parent is known to fail at, or else half as many that it was not run on.

    Known failures cost nothing. Those shown least often come first. Of the rows that are not known, those
    are left out at which two members or more were perfect and none was not, and the hardest come first.
    Where rows have groups, all this holds within a group, and each group has its share of the rows.

    Args:
        pool: The pool as it stands.
        parent: The member to improve on.
        size: Rows at most.
        perfect_score: What a score must reach to have nothing to teach.
        rng: The step's random stream; it breaks ties.
    """
    train = pool.train_scores
    mine = train[parent]
    shown = _times_shown(pool, parent)
    chance = [rng.random() for _ in pool.train_rows]
    failed = [i for i in range(len(mine)) if mine[i] < perfect_score]
    failed.sort(key=lambda i: (shown[pool.train_rows[i]], chance[i]))
    seen = ~np.isnan(train)
    passes = (seen & (train >= perfect_score)).sum(axis=0) / np.maximum(1, seen.sum(axis=0))
    unknown = [i for i in range(len(mine)) if np.isnan(mine[i])]
    useful = [i for i in unknown if not (seen[:, i].sum() > 1 and passes[i] == 1.0)] or unknown
    useful.sort(key=lambda i: (passes[i] if seen[:, i].any() else 0.5, chance[i]))
    chosen = [[pool.train_rows[i] for i in rows] for rows in (failed, useful)]
    return tuple(_spread(pool, chosen[0])[:size] or _spread(pool, chosen[1])[: -(-size // 2)])


def _spread(pool: Pool, rows: Sequence[Row]) -> list[Row]:
    """The rows, each group's spread evenly over them."""
    return interleaved(rows, lambda row: pool.row_weights.group(pool.column(row)))


def _times_shown(pool: Pool, parent: int) -> Counter[Row]:
    return Counter(row for p in pool.proposals if p.parents == (parent,) for row in p.rows)


def shared_order(pool: Pool, seed: int) -> list[Row]:
    """All rows in the order in which members are run on them: train rows, then validation rows, shuffled.

    One order for all, so that members have many rows in common, and groups spread evenly over it.
    """
    return training_order(pool, seed) + ([] if pool.in_sample else validation_order(pool, seed))


def training_order(pool: Pool, seed: int) -> list[Row]:
    """The train rows in the order in which members are run on them."""
    return _spread(pool, Random(f"{seed}/train order").sample(pool.train_rows, len(pool.train_rows)))


def validation_order(pool: Pool, seed: int) -> list[Row]:
    """The validation rows in the order in which members are run on them."""
    return _spread(pool, Random(f"{seed}/validation order").sample(pool.val_rows, len(pool.val_rows)))


def trial_rows(
    pool: Pool, parents: Sequence[int], reflected: Sequence[Row], size: int, seed: int
) -> tuple[Row, ...]:
    """Rows to try a child on: those that fewest members of its line were run on, in the shared order.

    While there are rows that none of them was run on, the child is tried on these. Of the others its line
    failed at some, which the reflector was shown, and passed the rest, which are easy for its like: a child
    tried on these alone looked 0.05 to 0.2 too good in simulated runs. Validation rows are left for the
    finals; they come when there are too few train rows.
    """
    exposure = pool.exposure_of(parents)
    exposure[pool.columns(reflected)] += 1
    order = sorted(shared_order(pool, seed), key=lambda row: (row.split, exposure[pool.column(row)]))
    return tuple(order[:size])
