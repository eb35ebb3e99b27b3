"""Which train rows and which components a step works on. Pure functions of the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from dspy_gepa.types import Row


def stream(seed: int, step: int, purpose: str) -> Random:
    """A random stream of its own for one purpose of one step.

    Steps draw nothing from each other, so that what a step does cannot depend on which steps were
    planned, finished or resumed before it. Seeding with text does not depend on Python's hash seed.
    """
    return Random(f"{seed}/{step}/{purpose}")


def minibatch(seed: int, step: int, train_size: int, size: int) -> tuple[Row, ...]:
    """The train rows of a step: consecutive slices of a freshly shuffled epoch (paper, section 3).

    The last slice of an epoch is filled up from the epoch's beginning. The artifact pads with the rows
    used least, which can put a row twice into one minibatch, and pads by a whole minibatch when the rows
    divide evenly; both are slips that change nothing but cost rollouts, so they are not repeated here.

    Args:
        seed: The run's seed.
        step: The step's number, from 0.
        train_size: How many train rows there are.
        size: Rows in a minibatch; with fewer train rows than that, all of them are taken.
    """
    size = min(size, train_size)
    per_epoch = -(-train_size // size)
    epoch, position = divmod(step, per_epoch)
    order = Random(f"{seed}/epoch/{epoch}").sample(range(train_size), train_size)
    padded = order + order[: per_epoch * size - train_size]
    return tuple(Row("train", i) for i in padded[position * size : (position + 1) * size])


def round_robin(components: Sequence[str], turn: int) -> tuple[str, ...]:
    """One component, each in its turn; a child goes on where its parent stood (Algorithm 1)."""
    return (components[turn % len(components)],)


def all_components(components: Sequence[str], turn: int) -> tuple[str, ...]:
    """Every component, each time."""
    return tuple(components)
