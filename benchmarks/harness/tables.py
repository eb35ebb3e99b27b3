"""Markdown: tables of results, and pages made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from benchmarks.harness.estimates import estimate
from benchmarks.harness.results import NO_HEADROOM, Place, Point, Results, coverage

SHARES = (0.3, 0.5, 0.7)  # of the way from the original program's score to the hand-made one's
Curve: TypeAlias = list[tuple[float, float]]


@dataclass(frozen=True)
class Table:
    """A table with a title and a note."""

    title: str
    note: str
    head: Sequence[str]
    lines: Sequence[Sequence[object]]

    def __str__(self) -> str:
        return f"## {self.title}\n\n{self.note}\n\n{markdown(self.head, self.lines)}"


def page(parts: Iterable[object]) -> str:
    """Return a page of paragraphs and tables."""
    return "\n\n".join(map(str, parts)) + "\n"


def markdown(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a table; floats with three significant digits."""
    shown = [[_cell(value) for value in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), ["---"] * len(head), *shown])


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def scores_table(results: Results[Point]) -> Table:
    """Return the mean test score of each arm at each budget, over all worlds with headroom and in each."""
    flat = [world for world in results.worlds if world in NO_HEADROOM]
    worlds = [*results.gaining, *flat]
    lines: list[list[object]] = []
    for name, scores in (("seed program", results.seed), ("hand-made program", results.best)):
        means = {world: _level(scores, world) for world in worlds}
        whole = f"{fmean(means[world] for world in results.gaining):.3f}" if results.gaining else "-"
        lines.append([name, "-", whole, *(f"{means[world]:.3f}" for world in worlds)])
    for place in results.places:
        calls = fmean(p.metric_calls for p in results.at(place))
        found = results.mean(place, lambda p: p.test)
        cells = [[p.test for p in results.at(place, world)] for world in worlds]
        by_world = [f"{fmean(values):.3f}" if values else "-" for values in cells]
        lines.append([label(place), f"{calls:.0f}", found.text(".3f") if found else "-", *by_world])
    note = (
        "Mean test score over seeds. Mean: over the worlds other than headroom0, with a 95 % interval. "
        "`own`: the optimizer has a budget of its own; what it took is in the second column. dspy.GEPA and "
        "the paper's strategy ran once, at the largest budget, and are read off at the smaller ones: the "
        "best validation mean among candidates whose validation the budget pays."
    )
    return Table("Test scores", note, ["arm @ budget", "metric calls", "mean", *worlds], lines)


def differences_table(results: Results[Point], ours: str) -> Table:
    """Return the paired differences of test scores between an arm and each other."""
    budgets = results.budgets(ours)

    def difference(budget: int | None, other: Place) -> str:
        if other[1] is not None and (budget or 0) > other[1]:
            return ""
        return str(results.difference((ours, budget), other) or "-")

    lines = [
        [label(other), *(difference(budget, other) for budget in budgets)]
        for other in results.places
        if other[0] != ours
    ]
    note = (
        "Same world, seed, rows and simulated models; headroom0 left out; 95 % bootstrap intervals over "
        "seeds within worlds. Columns are our budgets, at most the other's."
    )
    head = ["minus", *(label((ours, budget)) for budget in budgets)]
    return Table(f"Paired differences: {ours} minus each", note, head, lines)


def targets_table(results: Results[Point]) -> Table:
    """Return the metric calls that each arm takes to reach a score."""
    groups = {world: [world] for world in results.gaining}
    if len(groups) > 1:
        groups["mean over worlds"] = results.gaining
    lines: list[list[object]] = []
    for name, worlds in groups.items():
        for share in SHARES:
            target = target_of(results, worlds, share)
            curves = (curve_of(results, arm, worlds) for arm in results.arms)
            calls = (reached(curve, target) if curve else "-" for curve in curves)
            lines.append([name, f"{share:g}: {target:.3f}", *calls])
    note = (
        f"Targets are {', '.join(f'{share:g}' for share in SHARES)} of the way from the seed program's to "
        "the hand-made program's score. Mean curves over seeds, straight between budgets on a log "
        "scale; `<=`: the smallest budget has it already."
    )
    return Table("Metric calls to a target", note, ["world", "target", *results.arms], lines)


def optimism_table(results: Results[Point]) -> Table:
    """Return how far the scores that optimizers report are from the test scores."""
    lines: list[list[object]] = []
    for place in results.places:
        kept = [p.returned_seed for world in NO_HEADROOM for p in results.at(place, world)]
        held = coverage(results.at(place))
        lines.append(
            [
                label(place),
                str(results.optimism(place) or "-"),
                f"{held:.0%}" if held is not None else "-",
                f"{fmean(kept):.0%}" if kept else "-",
            ]
        )
    note = (
        "Reported minus test score, over all worlds, with a 95 % interval. Interval: share of runs whose "
        "reported 90 % interval, widened by the test score's own error, holds the test score. Seed kept: "
        "share of runs in headroom0 that return the seed."
    )
    return Table("Optimism", note, ["arm @ budget", "reported - test", "interval", "seed kept"], lines)


def lengths_table(results: Results[Point]) -> Table:
    """Return the length of the prompts, and the reflections and rollouts spent on them."""
    lines: list[list[object]] = []
    for place in results.places:
        columns = (
            results.by_world(place, lambda p: p.instruction_chars),
            results.by_world(place, lambda p: p.demo_chars),
            results.by_world(place, lambda p: p.reflection_calls),
            results.by_world(place, lambda p: p.reflection_tokens),
            results.by_world(place, lambda p: p.total_metric_calls),
        )
        means = (estimate(column) for column in columns)
        lines.append([label(place), *(f"{found.mean:,.0f}" if found else "-" for found in means)])
    note = (
        "Characters of the returned program's instructions, and of its demonstrations; reflections and "
        "their tokens up to the budget (prompt and completion, as the simulated LM counts them: a quarter of "
        "the characters); and the rollouts of the whole run. Means over all worlds but headroom0."
    )
    head = ["arm @ budget", "instructions", "demonstrations", "reflections", "their tokens", "run's rollouts"]
    return Table("Prompt length and reflections", note, head, lines)


def label(place: Place) -> str:
    """Return the name of an arm at a budget."""
    arm, budget = place
    return f"{arm} @ {budget or 'own'}"


def reached(curve: Curve, target: float) -> str:
    """Return the metric calls at which a curve first has the target score, or "never".

    curve: metric calls and score, by metric calls; straight between two points on a log scale. If the first
        point has the target already, fewer calls may have sufficed, and the text says so.
    """
    for place, (calls, score) in enumerate(curve):
        if score < target:
            continue
        if place == 0:
            return f"<= {calls:.0f}"
        before, low = curve[place - 1]
        share = (target - low) / (score - low)
        return f"{math.exp(math.log(before) + share * (math.log(calls) - math.log(before))):.0f}"
    return "never"


def curve_of(results: Results[Point], arm: str, worlds: Sequence[str]) -> Curve:
    """Return metric calls and mean test score of an arm at its budgets, where it has all the worlds."""
    points = []
    for budget in results.budgets(arm):
        cells = [results.at((arm, budget), world) for world in worlds]
        if all(cells):
            calls = fmean(fmean(p.metric_calls for p in found) for found in cells)
            points.append((calls, fmean(fmean(p.test for p in found) for found in cells)))
    return points


def target_of(results: Results[Point], worlds: Sequence[str], share: float) -> float:
    """Return the score that is `share` of the way from the original program to the hand-made one."""
    first, best = (
        fmean(_level(scores, world) for world in worlds) for scores in (results.seed, results.best)
    )
    return first + share * (best - first)


def _level(scores: Mapping[tuple[str, int], float], world: str) -> float:
    return fmean(score for pair, score in scores.items() if pair[0] == world)
