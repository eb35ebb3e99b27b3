"""What the optimizer is meant to achieve beside its peers, a line each: how it stands."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from benchmarks.peers.arms import DEFAULTS, OURS, TUNED
from benchmarks.peers.figures import difference, differences, optimism
from benchmarks.peers.results import NO_HEADROOM, Point, Results

SCORES = ((150, TUNED, 600), (300, TUNED, 1200), (60, DEFAULTS, 600))
OPTIMISM, SEED_KEPT, LENGTH = 0.02, 0.95, 0.8


def goals(results: Results) -> list[str]:
    """A line per goal of which there are results."""
    lines = [_score(results, budget, peer, theirs) for budget, peer, theirs in SCORES]
    for budget in results.budgets(OURS):
        lines += [_optimism(results, budget), _seed_kept(results, budget)]
    lines += [_length(results, budget, theirs) for budget, peer, theirs in SCORES if peer == TUNED]
    return [line for line in lines if line]


def _score(results: Results, budget: int, peer: str, theirs: int) -> str:
    found = difference(results, (OURS, budget), (peer, theirs))
    if found is None:
        return ""
    worlds = differences(results, (OURS, budget), (peer, theirs))
    won = sum(fmean(values) >= 0 for values in worlds.values())
    return (
        f"{OURS}@{budget} >= {peer}@{theirs}: {_verdict(found.mean >= 0)}; difference {found}, "
        f"at least as good in {won} of {len(worlds)} worlds"
    )


def _optimism(results: Results, budget: int | None) -> str:
    found = optimism(results, OURS, budget)
    if found is None:
        return ""
    return f"optimism of {OURS}@{budget} <= {OPTIMISM}: {_verdict(found.mean <= OPTIMISM)}; {found}"


def _seed_kept(results: Results, budget: int | None) -> str:
    points = [p for world in NO_HEADROOM for p in results.at(OURS, budget, world)]
    if not points:
        return ""
    share = fmean(point.returned_seed for point in points)
    return (
        f"{OURS}@{budget} returns the seed without headroom in >= {SEED_KEPT:.0%} of runs: "
        f"{_verdict(share >= SEED_KEPT)}; {share:.0%} of {len(points)}"
    )


def _length(results: Results, budget: int, theirs: int) -> str:
    def mean(arm: str, at: int, value: Callable[[Point], float]) -> float | None:
        values = results.by_world(arm, at, value)
        return fmean(map(fmean, values)) if values else None

    ours, peer = (mean(a, at, lambda p: p.chars) for a, at in ((OURS, budget), (TUNED, theirs)))
    if ours is None or peer is None:
        return ""
    return (
        f"prompts of {OURS}@{budget} at most {LENGTH} of {TUNED}@{theirs}: "
        f"{_verdict(ours <= LENGTH * peer)}; {ours:.0f} and {peer:.0f} characters, ratio {ours / peer:.2f}"
    )


def _verdict(met: bool) -> str:
    return "met" if met else "NOT met"
