"""Choosing the train rows that a mutation reflects on, and the rows that its child is tried on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search.belief.rows import interleaved
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import RowOrder, spread
from dspy_gepa.types import Row

RowChoice = Callable[[Pool, int, int, Random], Sequence[int]]
"""Called with the pool, the parent's index, `minibatch_size` and the step's own random stream; returns the
positions of train rows."""


def chosen_rows(choose: RowChoice, pool: Pool, parent: int, size: int, rng: Random) -> tuple[Row, ...]:
    """Return the chosen train rows, each once.

    Raises:
        ConfigurationError: No row was chosen, or one that does not exist.
    """
    positions = list(dict.fromkeys(choose(pool, parent, size, rng)))
    wrong = [i for i in positions if i not in range(len(pool.train_rows))]
    if wrong or not positions:
        what = f"train row {wrong[0]!r}" if wrong else "no row"
        raise ConfigurationError(
            f"batch_sampler chose {what}; give positions from 0 to {len(pool.train_rows) - 1}, one or more."
        )
    return tuple(pool.train_rows[i] for i in positions)


def minibatch(
    seed: int, step: int, train_size: int, size: int, groups: Sequence[str] = ()
) -> tuple[Row, ...]:
    """Return the train rows of a step: consecutive slices of a freshly shuffled epoch (paper, section 3).

    The last slice of an epoch is filled up from the epoch's beginning. The artifact pads with the rows
    used least, which can put a row twice into one minibatch, and pads by a whole minibatch when the rows
    divide evenly; both are slips that change nothing but cost rollouts, so they are not repeated here.

    Args:
        seed: The run's seed.
        step: Number of the step, from 0.
        train_size: Number of train rows.
        size: Number of rows in a minibatch; all rows if there are fewer.
        groups: Group of each train row; groups are spread evenly over the epoch. Empty without groups.
    """
    size = min(size, train_size)
    per_epoch = math.ceil(train_size / size)
    epoch, position = divmod(step, per_epoch)
    order = Random(f"{seed}/epoch/{epoch}").sample(range(train_size), train_size)
    if groups:
        order = interleaved(order, groups.__getitem__)
    padded = order + order[: per_epoch * size - train_size]
    return tuple(Row("train", i) for i in padded[position * size : (position + 1) * size])


def failures_first(
    pool: Pool, parent: int, size: int, perfect_score: float, rng: Random, successes: int = 0
) -> tuple[Row, ...]:
    """Return rows the parent is known to fail, or else half as many rows it was not run on.

    Known rows cost nothing. Beside failures, rows that it passes show what works. Those shown least often
    come first. Of the unknown rows, those on which two members or more were perfect and none was not are left
    out, and the hardest come first. If rows have groups, all this holds within a group, and each group has
    its share of the rows.

    Args:
        pool: The current pool.
        parent: Index of the member to improve.
        size: Maximum number of rows.
        perfect_score: Score from which a row counts as passed.
        rng: The step's random stream; it breaks ties.
        successes: Maximum number of passed rows beside failures.
    """
    mine = pool.train_line(parent)
    chance = [rng.random() for _ in pool.train_rows]
    failed = np.flatnonzero(mine < perfect_score).tolist()
    if failed:
        shown = _times_shown(pool, parent)

        def least_shown(places: list[int], most: int) -> list[Row]:
            ordered = sorted(places, key=lambda i: (shown[pool.train_rows[i]], chance[i]))
            return spread(pool, [pool.train_rows[i] for i in ordered])[:most]

        passed = np.flatnonzero(mine >= perfect_score).tolist()
        return (*least_shown(failed, size), *least_shown(passed, successes))
    unknown = np.flatnonzero(np.isnan(mine)).tolist()
    useful = _useful(pool, unknown, perfect_score, chance)
    return tuple(spread(pool, [pool.train_rows[i] for i in useful])[: math.ceil(size / 2)])


def trial_rows(
    pool: Pool, parents: Sequence[int], reflected: Sequence[Row], size: int, order: RowOrder
) -> tuple[Row, ...]:
    """Return rows to try a child on: those that fewest members of its lineage were run on.

    As long as there are such rows, the child is tried on rows that none of its lineage was run on. On the
    others its lineage failed, and the reflector saw it, or passed, so that they are easy for this child:
    children tried on these alone looked 0.05 to 0.2 too good in simulated runs. Validation rows are left for
    the finals and are used only if there are too few train rows.
    """
    exposure = pool.exposure_of(parents)
    exposure[pool.columns(reflected)] += 1
    return order.least(exposure, size)


def _useful(pool: Pool, unknown: Sequence[int], perfect_score: float, chance: Sequence[float]) -> list[int]:
    """Return those of the train rows that may teach something, the hardest first."""
    train = pool.train_scores
    seen = (~np.isnan(train)).sum(axis=0)
    passes = (train >= perfect_score).sum(axis=0) / np.maximum(1, seen)
    useful = [i for i in unknown if not (seen[i] > 1 and passes[i] == 1.0)] or list(unknown)
    return sorted(useful, key=lambda i: (passes[i] if seen[i] else 0.5, chance[i]))


def _times_shown(pool: Pool, parent: int) -> Counter[Row]:
    return Counter(row for p in pool.proposals if p.parents == (parent,) for row in p.rows)
