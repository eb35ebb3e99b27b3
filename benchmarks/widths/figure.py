"""Score and simulated seconds against width, a line for each budget."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.widths.results import Mean, Results, Run, score, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(results: Results, file: Path) -> None:
    """Write the figure as SVG."""
    import matplotlib as mpl  # half a second that other commands need not wait

    # Text as text is small and can be searched; the salt makes equal pictures equal files.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "widths", "font.size": 9}
    with mpl.rc_context(settings):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.5, 4.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        _panel(left, results, score, "test score")
        _panel(right, results, seconds, f"simulated seconds, {results.threads} workers")
        right.set_yscale("log")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", frameon=False, title="metric calls")
        figure.suptitle(f"Trials in flight, mean over {', '.join(results.worlds)} (simulated LM)")
        figure.savefig(file, metadata={"Date": None})


def _panel(axes: Axes, results: Results, value: Callable[[Run], float], name: str) -> None:
    for place, budget in enumerate(results.budgets):
        found = [(width, results.mean(budget, width, value)) for width in results.widths]
        line = [(width, mean) for width, mean in found if mean is not None]
        if not line:
            continue
        widths = [width for width, _ in line]
        means = [mean.mean for _, mean in line]
        errors = [mean.error or 0.0 for _, mean in line]
        colour = f"C{place}"
        axes.errorbar(
            widths, means, errors, color=colour, label=str(budget), marker="o", markersize=4, capsize=2
        )
        default = results.default_width(budget)
        height = between(line, default)
        if height is not None:
            axes.plot([default], [height], "D", markersize=9, markerfacecolor="none", color=colour)
    # Without points it draws nothing but its entry in the legend.
    axes.plot([], [], "D", markersize=9, markerfacecolor="none", color="grey", label="default width")
    axes.set_xscale("log", base=2)
    axes.set_xticks(results.widths, [str(width) for width in results.widths])
    axes.minorticks_off()
    axes.set_xlabel("width (trials in flight)")
    axes.set_ylabel(name)
    axes.spines[["top", "right"]].set_visible(False)


def between(line: list[tuple[int, Mean]], width: int) -> float | None:
    """The height of a line at a width, straight between its points on a log scale; None beside it."""
    for (low, first), (high, second) in itertools.pairwise(line):
        if low <= width <= high:
            share = math.log(width / low) / math.log(high / low)
            return first.mean + share * (second.mean - first.mean)
    return line[0][1].mean if width == line[0][0] else None
