"""Score against rollouts: what the best candidate so far has in validation, and the final test score."""

from __future__ import annotations

import io
from itertools import accumulate
from typing import Any

from benchmarks.paper.results import Group, Run


def draw(group: Group, task: str) -> str | None:
    """An SVG of one task, a line for each run; None when no optimizer told its course."""
    runs = [run for run in group.runs if run.task == task and run.curve]
    if not runs:
        return None
    import matplotlib as mpl  # half a second that other commands need not wait
    from matplotlib.figure import Figure

    # The salt makes equal pictures equal files.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "report", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for place, optimizer in enumerate(group.optimizers):
            label: str | None = optimizer
            for run in runs:
                if run.optimizer != optimizer:
                    continue
                calls, best = course(run)
                colour = f"C{place % 10}"
                axes.step(calls, best, where="post", color=colour, linewidth=1.2, label=label)
                axes.plot([calls[-1]], [run.mean], "o", color=colour, markersize=4)
                label = None
        axes.set_xlabel("rollouts")
        axes.set_ylabel("score")
        axes.set_title(f"{task} ({'simulated LM' if group.simulated else group.models[0]})")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right upper", frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def course(run: Run) -> tuple[list[float], list[float]]:
    """Rollouts, and the best validation score by then; drawn on to the last rollout of the run."""
    calls = [point[0] for point in run.curve]
    best = list(accumulate((point[1] for point in run.curve), max))
    end = max(calls[-1], float(run.metric_calls))
    return [*calls, end], [*best, best[-1]]
