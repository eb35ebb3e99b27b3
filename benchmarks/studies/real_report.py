"""The tables of `python -m benchmarks real`: every figure with the models that it is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

import numpy as np

from benchmarks.harness.arms import BASELINE
from benchmarks.harness.results import LEVEL, Place, Point, Results, cells_in, coverage, read
from benchmarks.harness.tables import Table, label, page

OURS = "gepa"
RESAMPLES = 4000


@dataclass(frozen=True)
class About:
    """What the figures are of: the models, their files, and the record's calls by model with their hash."""

    models: str
    hashes: str
    record: Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class RealResults(Results[Point]):
    """Results with the score of every test row, and what became of reflections.

    rows: scores by task, arm, budget and seed; the seed program's as arm `baseline` at budget 0.
    proposals: counts of our optimizer's reflections, by arm and budget.
    """

    rows: Mapping[tuple[str, str, int, int], Sequence[float]]
    proposals: Mapping[Place, Sequence[Mapping[str, int]]]


def read_real(out: Path, arms: Iterable[str], tasks: Iterable[str]) -> RealResults:
    """Read the results in a directory."""
    found, data = read(out, arms, tasks), cells_in(out)
    rows = {
        (cell["world"], cell["arm"], _budget(cell), cell["seed"]): cell.get("rows") or cell["seed_rows"]
        for cell in data
    }
    proposals: dict[Place, list[Mapping[str, int]]] = {}
    for cell in data:
        if cell.get("proposals"):
            proposals.setdefault((cell["arm"], _budget(cell)), []).append(cell["proposals"])
    return RealResults(**vars(found), rows=rows, proposals=proposals)


def _budget(cell: Mapping[str, Any]) -> int:
    return int(cell["points"][0]["budget"]) if "points" in cell else 0


def report(results: RealResults, about: About) -> str:
    """Return all tables."""
    parts: list[object] = [_head(results, about), _headroom(results)]
    if results.points:
        parts += [_scores(results), _differences(results), _honesty(results), _reflections(results)]
    return page(parts)


def _head(results: RealResults, about: About) -> str:
    hours = sum(sum(seconds) for seconds in results.seconds.values()) / 3600
    sizes = "; and ".join(", ".join(f"{k} {v}" for k, v in p.items()) for p in results.parameters)
    calls = "; ".join(f"{model}: {count} calls, {digest}" for model, (count, digest) in about.record.items())
    budgets = ",".join(str(budget) for budget in results.budgets() if budget)
    arms = f" --arms {','.join(results.arms)} --budgets {budgets}" if results.arms else " --headroom"
    first = results.parameters[0]
    seeds = 1 + max((point.seed for point in results.points), default=0)  # baselines have one
    made = (
        f"python -m benchmarks real --task-lm {first['task model']} --reflection-lm "
        f"{first['reflection model']} --api-base URL --tasks {','.join(results.worlds)}{arms} "
        f"--seeds {seeds} --train {first['train']} --val {first['val']} --test {first['test']}"
    )
    return (
        f"# Real models: {about.models}\n\n    {made}\n\nFiles of the models: {about.hashes or '-'}.\n\n"
        f"Recorded prompts and answers (kept outside the repository): {calls or '-'}.\n\n"
        f"Versions: {results.made_with}.\n\nParameters: {sizes}.\n\nHours of cells, waits for the reflection "
        f"model included: {hours:.1f}."
    )


def _headroom(results: RealResults) -> Table:
    size = {task: len(rows) for (task, arm, _, _), rows in results.rows.items() if arm == BASELINE}
    lines = [
        [task, size.get(task, "-"), f"{low:.3f}", f"{best:.3f}", f"{best - low:+.3f}"]
        for (task, _), low in results.seed.items()
        for best in [results.best[task, 0]]
    ]
    note = "Test scores of the seed program and of the hand-written instructions, under the same model."
    return Table("Headroom", note, ["task", "test rows", "seed", "hand-written", "difference"], lines)


def _scores(results: RealResults) -> Table:
    lines: list[list[object]] = []
    means = [fmean(results.seed[task, 0] for task in results.worlds)]
    lines.append(
        ["seed", "-", "-", f"{means[0]:.3f}", *(f"{results.seed[task, 0]:.3f}" for task in results.worlds)]
    )
    for place in results.places:
        points = results.at(place)
        found = results.mean(place, lambda point: point.test)
        by_task = [_told([p.test for p in results.at(place, task)]) for task in results.worlds]
        calls = fmean(point.metric_calls for point in points)
        lines.append(
            [label(place), len(points), f"{calls:.0f}", f"{found.mean:.3f}" if found else "-", *by_task]
        )
    note = (
        "Mean test score over seeds, with the number of seeds where there is more than one. Mean: over all "
        "tasks, only where an arm has all. Metric calls: those up to the returned program."
    )
    return Table(
        "Test scores", note, ["arm @ budget", "cells", "metric calls", "mean", *results.worlds], lines
    )


def _told(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{fmean(values):.3f}" + (f" ({len(values)})" if len(values) > 1 else "")


def _differences(results: RealResults) -> Table:
    lines: list[list[object]] = []
    for place in [(BASELINE, 0), *results.places]:
        for budget in results.budgets(OURS):
            ours: Place = (OURS, budget)
            if place == ours:
                continue
            pairs = _pairs(results, ours, place)
            if pairs:
                lines.append(
                    [label(ours), label(place) if place[1] else "seed", len(pairs), _interval(pairs)]
                )
    note = (
        f"Test score of {OURS} minus the other's, same task, seed and test rows; mean over tasks of the "
        f"mean over seeds. {LEVEL:.0%} bootstrap interval over seeds and, within them, test rows: the tasks "
        "are fixed. With one seed it is of the test rows alone."
    )
    return Table("Paired differences", note, ["ours", "minus", "pairs of cells", "difference"], lines)


Pairs = Mapping[tuple[str, int], "np.ndarray[Any, np.dtype[np.float64]]"]


def _pairs(results: RealResults, ours: Place, other: Place) -> Pairs:
    """Return differences of test rows by task and seed, where both have a result."""
    found = {}
    name, at = other
    for (task, arm, budget, seed), rows in results.rows.items():
        against = (task, name, at or 0, 0 if name == BASELINE else seed)
        if (arm, budget) == ours and against in results.rows:
            found[task, seed] = np.subtract(rows, results.rows[against])
    return found


def _interval(pairs: Pairs) -> str:
    rng = np.random.default_rng(0)
    tasks = sorted({task for task, _ in pairs})
    by_task = [[rows for (name, _), rows in pairs.items() if name == task] for task in tasks]
    centre = fmean(fmean(float(rows.mean()) for rows in cells) for cells in by_task)
    draws = np.zeros(RESAMPLES)
    for cells in by_task:
        picked = rng.integers(len(cells), size=(RESAMPLES, len(cells)))
        resampled = np.empty((RESAMPLES, len(cells)))
        for place, rows in enumerate(cells):
            means = rows[rng.integers(len(rows), size=(RESAMPLES, len(cells), len(rows)))].mean(axis=2)
            resampled = np.where(picked == place, means, resampled)
        draws += resampled.mean(axis=1) / len(by_task)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return f"{centre:+.3f} [{low:+.3f}, {high:+.3f}]"


def _honesty(results: RealResults) -> Table:
    lines: list[list[object]] = []
    for place in results.places:
        points = results.at(place)
        told = [point for point in points if point.reported is not None]
        gap = fmean(abs(float(p.reported or 0) - p.test) for p in told) if told else None
        bias = fmean(float(p.reported or 0) - p.test for p in told) if told else None
        held = coverage(points)
        lines.append(
            [
                label(place),
                len(points),
                f"{gap:.3f}" if gap is not None else "-",
                f"{bias:+.3f}" if bias is not None else "-",
                f"{held:.0%}" if held is not None else "-",
                sum(point.returned_seed for point in points),
                sum(_worse(results, place, point) for point in points),
            ]
        )
    note = (
        "Reported minus test score, as mean distance and mean; share of reported 90 % intervals that hold "
        "the test score, widened by its own error; cells that returned the seed; and cells that tested worse "
        "than the seed by more than the 90 % interval of the paired difference over test rows."
    )
    head = [
        "arm @ budget",
        "cells",
        "distance",
        "reported - test",
        "coverage",
        "returned seed",
        "worse",
    ]
    return Table("Honesty", note, head, lines)


def _worse(results: RealResults, place: Place, point: Point) -> bool:
    rows = results.rows[point.world, place[0], place[1] or 0, point.seed]
    apart = np.subtract(rows, results.rows[point.world, BASELINE, 0, 0])
    error = float(apart.std(ddof=1)) / len(apart) ** 0.5
    return bool(apart.mean() < -NormalDist().inv_cdf((1 + LEVEL) / 2) * error)


def _reflections(results: RealResults) -> Table:
    lines: list[list[object]] = []
    for place in results.places:
        points, counts = results.at(place), results.proposals.get(place, ())
        asked = sum(count["reflections"] for count in counts)
        proposed, same = (
            sum(count.get(name, 0) for count in counts) for name in ("proposed", "near duplicates")
        )
        lines.append(
            [
                label(place),
                f"{fmean(p.reflection_calls for p in points):.1f}",
                f"{fmean(p.reflection_tokens for p in points):,.0f}",
                f"{1 - sum(count['unusable'] for count in counts) / asked:.0%}" if asked else "-",
                f"{same / proposed:.0%}" if proposed else "-",
                f"{fmean(p.instruction_chars for p in points):.0f}",
                f"{fmean(p.demo_chars for p in points):.0f}",
            ]
        )
    note = (
        "Means over cells of the reflection model's answers and tokens (as its server counts them), and of "
        "the characters of the returned instructions and demonstrations. Usable answers and "
        "proposals like an earlier one by 95 % of the characters: of our "
        "optimizer only, which tells them."
    )
    head = [
        "arm @ budget",
        "answers",
        "tokens",
        "usable",
        "near-duplicates",
        "instructions",
        "demonstrations",
    ]
    return Table("Reflections and lengths", note, head, lines)
