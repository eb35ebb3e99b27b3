"""Test score against metric calls, a picture for each world and one of all."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmarks.peers.figures import Estimate, mean_over_worlds
from benchmarks.peers.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "simulated LM"


def draw(results: Results, folder: Path) -> None:
    """Write `<world>.svg` for every world and `overview.svg`."""
    import matplotlib as mpl  # half a second that other commands need not wait

    folder.mkdir(parents=True, exist_ok=True)
    # Text as text is small and can be searched; the salt makes equal pictures equal files.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "peers", "font.size": 9}
    with mpl.rc_context(settings):
        for world in results.worlds:
            _figure(results, [world], folder / f"{world}.svg")
        if len(results.worlds) > 1:
            _figure(results, results.worlds, folder / "overview.svg")


def _figure(results: Results, worlds: list[str], file: Path) -> None:
    from matplotlib.figure import Figure

    columns = min(3, len(worlds))
    rows = math.ceil(len(worlds) / columns)
    size = (7.5, 4.5) if len(worlds) == 1 else (4.0 * columns + 1.5, 3.0 * rows)
    figure = Figure(figsize=size, layout="constrained")
    for place, world in enumerate(worlds, 1):
        axes = figure.add_subplot(rows, columns, place)
        _panel(axes, results, world, alone=len(worlds) == 1)
    figure.suptitle(f"{worlds[0] if len(worlds) == 1 else 'Test score by metric calls'} ({TITLE})")
    labelled = dict(
        reversed(pair) for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)
    )
    figure.legend(labelled.values(), labelled.keys(), loc="outside right upper", frameon=False)
    figure.savefig(file, metadata={"Date": None})


def _panel(axes: Axes, results: Results, world: str, *, alone: bool) -> None:
    for place, arm in enumerate(results.arms):
        colour, style = f"C{place % 10}", "-" if place < 10 else "--"
        calls, found = _curve(results, arm, world)
        if not calls:
            continue
        means = [estimate.mean for estimate in found]
        spans = [estimate.interval or (estimate.mean, estimate.mean) for estimate in found]
        low, high = zip(*spans, strict=True)
        width = 2.2 if place == 0 else 1.2
        if len(calls) > 1:
            marker = "o" if alone else ""
            axes.plot(
                calls, means, style, color=colour, label=arm, linewidth=width, marker=marker, markersize=3
            )
            if alone:
                axes.fill_between(calls, low, high, color=colour, alpha=0.12, linewidth=0)
        else:
            bars = [[means[0] - low[0]], [high[0] - means[0]]]
            axes.errorbar(calls, means, bars, fmt="s", color=colour, label=arm, markersize=5, capsize=3)
    for scores, name, style in ((results.seed, "seed program", ":"), (results.best, "hand-made", "--")):
        level = fmean(score for pair, score in scores.items() if pair[0] == world)
        axes.axhline(level, color="grey", linestyle=style, linewidth=1, label=name)
    axes.set_xscale("log")
    ticks = sorted({budget for arm in results.arms for budget in results.budgets(arm) if budget})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("metric calls")
    axes.set_ylabel("test score")
    if not alone:
        axes.set_title(world, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(results: Results, arm: str, world: str) -> tuple[list[float], list[Estimate]]:
    calls, found = [], []
    for budget in results.budgets(arm):
        points = results.at(arm, budget, world)
        estimate = mean_over_worlds([[p.test for p in points]] if points else [])
        if estimate is not None:
            calls.append(fmean(p.metric_calls for p in points))
            found.append(estimate)
    return calls, found
