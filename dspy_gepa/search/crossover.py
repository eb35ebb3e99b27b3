"""Crossover: mix two members that differ in several components, component by component.

This replaces Algorithm 4 in strategies that rewrite all components at once, where that finds no pair: hardly
ever did only one of two members change a component. Where both did, chance decides; selection does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from dspy_gepa.search.merge import Merge, differences
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal, Step, available, objectives_of, rollouts
from dspy_gepa.texts import counted
from dspy_gepa.types import Row


def find_crossover(pool: Pool, draw: Callable[[], int], rng: Random, attempts: int = 10) -> Merge | None:
    """Return a mixture of two drawn members whose texts are not known, or None.

    Args:
        pool: The current pool.
        draw: Draws a parent.
        rng: The step's random stream.
        attempts: Maximum number of pairs to draw.
    """
    for _ in range(attempts):
        first, second = sorted((draw(), draw()))
        shared = pool.ancestors(first) & pool.ancestors(second)
        if first == second or not shared:
            continue
        ancestor = max(shared)
        texts = {i: pool.members[i].candidate for i in (first, second, ancestor)}
        origin = texts[ancestor]
        sources = [
            rng.choice([i for i in (first, second) if texts[i][name] != origin[name]] or [ancestor])
            for name in origin
        ]
        found = Merge.of(pool, first, second, ancestor, sources)
        if not pool.knows(found.candidate):
            return found
    return None


def cross(found: Merge, pool: Pool, rows: Sequence[Row]) -> Step:
    """Run a crossover's child on the rows of its trial and accept it."""
    outcomes = yield from rollouts(found.candidate, rows)
    rows, outcomes = available(rows, outcomes)
    after = pool.scores_of(outcomes)
    return Proposal(
        kind="merge",
        parents=(found.first, found.second),
        ancestor=found.ancestor,
        candidate=found.candidate,
        verdict="accepted" if after else "rejected",
        reason=f"merge of {found.first} and {found.second} scored {math.fsum(after):g} on "
        f"{counted(len(after), 'row')}",
        changed=differences(pool.members[found.first].candidate, found.candidate),
        trial_rows=tuple(rows),
        after=after,
        after_objectives=objectives_of(outcomes),
    )
