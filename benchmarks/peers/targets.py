"""How many metric calls it takes to reach a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from benchmarks.peers.results import Results

SHARES = (0.3, 0.5, 0.7)  # of the way from the seed program's score to the hand-made one's
Curve = list[tuple[float, float]]


def reached(curve: Sequence[tuple[float, float]], target: float) -> tuple[float, bool] | None:
    """The metric calls at which a curve first has the target score; None when it never has.

    curve: metric calls and score, by metric calls. Between two points it is straight on a log scale.
    Returns the calls, and whether the first point has it already, so that fewer may have sufficed.
    """
    for place, (calls, score) in enumerate(curve):
        if score < target:
            continue
        if place == 0:
            return calls, True
        before, low = curve[place - 1]
        share = (target - low) / (score - low)
        return math.exp(math.log(before) + share * (math.log(calls) - math.log(before))), False
    return None


def curve_of(results: Results, arm: str, worlds: Sequence[str]) -> Curve:
    """Metric calls and mean test score of an arm at its budgets, where it has all the worlds."""
    points = []
    for budget in results.budgets(arm):
        cells = [results.at(arm, budget, world) for world in worlds]
        if all(cells):
            calls = fmean(fmean(p.metric_calls for p in found) for found in cells)
            points.append((calls, fmean(fmean(p.test for p in found) for found in cells)))
    return points


def target_of(results: Results, worlds: Sequence[str], share: float) -> float:
    """The score that is `share` of the way from the seed program to the hand-made one."""
    seed, best = (
        fmean(fmean(score for pair, score in scores.items() if pair[0] == world) for world in worlds)
        for scores in (results.seed, results.best)
    )
    return seed + share * (best - seed)


def told(found: tuple[float, bool] | None) -> str:
    """For a table."""
    if found is None:
        return "never"
    return f"{'<= ' if found[1] else ''}{found[0]:.0f}"
