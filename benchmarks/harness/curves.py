"""Pictures as SVG, above all test score against metric calls; equal data gives equal files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import IO, TYPE_CHECKING, Any

from benchmarks.harness.estimates import Estimate
from benchmarks.harness.results import Point, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@contextmanager
def figure(file: Path | IO[str] | IO[bytes], name: str, size: tuple[float, float]) -> Iterator[Figure]:
    """Yield an empty figure of this size in inches, and write it to `file` afterwards.

    name: salt of the ids in the file, so that equal pictures are equal files.
    """
    import matplotlib as mpl  # takes half a second, which other commands need not wait for
    from matplotlib.figure import Figure

    # Text as text is small and can be searched.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}
    with mpl.rc_context(settings):
        drawn = Figure(figsize=size, layout="constrained")
        yield drawn
        drawn.savefig(file, format="svg", metadata={"Date": None})


def plain(axes: Axes, across: str, up: str, ticks: list[int] | None = None) -> None:
    """Label the axes, remove the frame, and place the ticks."""
    if ticks is not None:
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)


def draw(results: Results[Point], folder: Path, models: str = "simulated LM") -> None:
    """Write `<world>.svg` for every world and `overview.svg`: test score against metric calls.

    models: name of the models in the headings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for world in results.worlds:
        _draw(results, [world], folder / f"{world}.svg", models)
    if len(results.worlds) > 1:
        _draw(results, results.worlds, folder / "overview.svg", models)


def _draw(results: Results[Point], worlds: list[str], file: Path, models: str) -> None:
    alone = len(worlds) == 1
    columns = min(3, len(worlds))
    rows = math.ceil(len(worlds) / columns)
    with figure(file, "peers", (7.5, 4.5) if alone else (4.0 * columns + 1.5, 3.0 * rows)) as drawn:
        for place, world in enumerate(worlds, 1):
            _panel(drawn.add_subplot(rows, columns, place), results, world, alone=alone)
        drawn.suptitle(f"{worlds[0] if alone else 'Test score by metric calls'} ({models})")
        labelled = dict(
            reversed(pair)
            for axes in drawn.axes
            for pair in zip(*axes.get_legend_handles_labels(), strict=True)
        )
        drawn.legend(labelled.values(), labelled.keys(), loc="outside right upper", frameon=False)


def _panel(axes: Axes, results: Results[Point], world: str, *, alone: bool) -> None:
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
    plain(axes, "metric calls", "test score", [budget for budget in results.budgets() if budget])
    if not alone:
        axes.set_title(world, fontsize=9)


def _curve(results: Results[Point], arm: str, world: str) -> tuple[list[float], list[Estimate]]:
    calls, found = [], []
    for budget in results.budgets(arm):
        points = results.at((arm, budget), world)
        if points:
            calls.append(fmean(p.metric_calls for p in points))
            found.append(Estimate([[p.test for p in points]]))
    return calls, found
