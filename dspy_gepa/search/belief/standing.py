"""How the members of a pool stand: what each is believed to score, and how sure we are."""

from __future__ import annotations

from dataclasses import dataclass

from dspy_gepa.search.pool import Pool

Interval = tuple[float, float]


@dataclass(frozen=True)
class Standing:
    """What is known of all members at one time.

    Attributes:
        scores: By member, its mean validation score; with a sparse strategy, what it is believed to score on
            rows like these.
        intervals: For each the interval that holds what it is worth with probability 0.9.
        gain: What the best member is expected to score more than the seed.
        gain_interval: The interval that holds this with probability 0.9.
    """

    scores: tuple[float, ...]
    intervals: tuple[Interval, ...]
    gain: float
    gain_interval: Interval


def standing(pool: Pool, best: int, *, sparse: bool) -> Standing:
    """How the members stand when `best` would be returned."""
    belief = pool.belief
    return Standing(
        scores=tuple(belief.mean.tolist()) if sparse else tuple(pool.means),
        intervals=tuple(belief.interval(member) for member in range(len(pool))),
        gain=float(belief.mean[best] - belief.mean[0]),
        gain_interval=belief.gain_interval(best, 0),
    )
