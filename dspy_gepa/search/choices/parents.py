"""Choosing the member to improve."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search.belief.frontier import FrontierType, drawn_winner, observed_tracks, track_weights
from dspy_gepa.search.frontier import best_on_average, sample_parent
from dspy_gepa.search.pool import Member, Pool

ParentChoice = Callable[[Pool, Random], int]
"""Called with the pool and the step's own random stream; returns the index of a member."""


def pareto(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """Draw a member of the frontier in proportion to the validation rows, or other tracks, it wins.

    This is Algorithm 2.
    """
    return sample_parent(observed_tracks(pool, kind), rng, track_weights(pool, kind))


def current_best(pool: Pool, rng: Random) -> int:
    """Return the member with the best validation mean (the paper's SelectBestCandidate ablation)."""
    return best_on_average(pool.comparable_scores)


def thompson(pool: Pool, rng: Random) -> int:
    """Return the best member in one draw from the posterior."""
    return int(pool.belief.draw(rng).argmax())


def robust_frontier(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """Draw a member in proportion to the rows, or other tracks, it is expected to win without noise."""
    return drawn_winner(pool, kind, rng)


def believed_best(pool: Pool, rng: Random) -> int:
    """Return the member with the highest posterior mean."""
    return int(pool.belief.mean.argmax())


def mixed(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """Use Thompson sampling or the robust frontier, each half of the time."""
    return thompson(pool, rng) if rng.random() < 0.5 else robust_frontier(pool, rng, kind)


PARENT_CHOICES: dict[str, ParentChoice] = {
    "pareto": pareto,
    "current_best": current_best,
    "thompson": thompson,
    "robust_frontier": robust_frontier,
    "mixed": mixed,
}


def on_frontier(choice: ParentChoice, kind: FrontierType) -> ParentChoice:
    """Return the choice made on the frontier of this kind, if it goes by a frontier."""
    by_frontier = {pareto, robust_frontier, mixed}
    return partial(choice, kind=kind) if kind != "instance" and choice in by_frontier else choice


def chosen_parent(choose: ParentChoice, pool: Pool, rng: Random) -> Member:
    """Return the chosen member.

    Raises:
        ConfigurationError: The pool has no such member.
    """
    index = choose(pool, rng)
    if not 0 <= index < len(pool):
        raise ConfigurationError(
            f"candidate_selection_strategy chose candidate {index!r}; candidates are 0 to {len(pool) - 1}."
        )
    return pool.members[index]
