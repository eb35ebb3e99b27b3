"""Widths as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.harness.tables import markdown
from benchmarks.widths.results import Mean, Results, score, seconds, used


def report(results: Results) -> str:
    """All tables."""
    parts = [
        _head(results),
        f"## By budget and width\n\n{_NOTE.format(threads=results.threads)}\n\n{_table(results)}",
        f"## The default\n\n{_DEFAULT}\n\n{_defaults(results)}",
    ]
    return "\n\n".join(parts) + "\n"


_NOTE = (
    "Test score: mean over worlds of the mean over seeds, with its standard error. Minus the narrowest: "
    "paired difference at the same budget, same worlds and seeds. Simulated seconds: nothing was waited for; "
    "the recorded work of each run was laid out afterwards on {threads} workers, first come first served, "
    "steps committed in order. Times faster: by the mean seconds. Workers used: share of their time in which "
    "they had something to do."
)
_DEFAULT = (
    "What `GEPA` takes when no width is given (`search/pricing.py`). Measured beside it: the nearest widths "
    "of the table above."
)


def _head(results: Results) -> str:
    seeds = len({run.seed for run in results.runs})
    made = (
        f"python -m benchmarks widths --worlds {','.join(results.worlds)} --seeds {seeds} "
        f"--budgets {','.join(map(str, results.budgets))} --widths {','.join(map(str, results.widths))} "
        f"--threads {results.threads}"
    )
    versions = "; and ".join(", ".join(f"{k} {v}" for k, v in found.items()) for found in results.versions)
    sizes = "; and ".join(map(_sizes, results.parameters))
    each = results.processor_seconds / len(results.runs)
    return (
        "# Depth and breadth: widths (simulated LM)\n\nSimulated LMs and simulated time: this compares "
        "ways to search, and says nothing about any real model.\n\n"
        f"    {made}\n\nVersions: {versions}.\n\nParameters: {sizes}.\n\n"
        f"{len(results.runs)} runs, {each:.1f} processor seconds each."
    )


def _sizes(found: Mapping[str, Any]) -> str:
    rows = ", ".join(f"{name} {found[name]}" for name in ("train", "val", "test"))
    rollout, reflection = found["latencies"]["rollout"], found["latencies"]["reflection"]
    return (
        f"{rows} rows; a rollout takes {rollout['median']:g} s (median; log-normal, sigma "
        f"{rollout['sigma']:g}; {rollout['straggler_rate']:.0%} take {rollout['straggler_factor']:g} times "
        f"as long), a reflection {reflection['median']:g} s"
    )


def _table(results: Results) -> str:
    lines: list[list[object]] = []
    first = results.widths[0]
    for budget in results.budgets:
        base = results.mean(budget, first, seconds)
        for width in results.widths:
            took = results.mean(budget, width, seconds)
            if took is None:
                continue
            gap = None if width == first else results.paired(budget, width, first, score)
            share = results.mean(budget, width, used)
            lines.append(
                [
                    budget,
                    width,
                    _told(results.mean(budget, width, score)),
                    _told(gap, "+"),
                    f"{took.mean:,.0f}" + (f" ± {took.error:,.0f}" if took.error is not None else ""),
                    f"{base.mean / took.mean:.2f}" if base else "-",
                    f"{share.mean:.0%}" if share else "-",
                    len(results.at(budget, width)),
                ]
            )
    head = ["budget", "width", "test score", f"minus width {first}", "simulated seconds", "times faster"]
    return markdown([*head, "workers used", "runs"], lines)


def _told(found: Mean | None, sign: str = "") -> str:
    if found is None:
        return "-"
    return f"{found.mean:{sign}.3f}" + (f" ± {found.error:.3f}" if found.error is not None else "")


def _defaults(results: Results) -> str:
    lines: list[list[object]] = []
    for budget in results.budgets:
        default = results.default_width(budget)
        below = [width for width in results.widths if width <= default][-1:]
        above = [width for width in results.widths if width >= default][:1]
        near = sorted({*below, *above})
        cells = [
            f"{width}: {_told(results.mean(budget, width, score))}, {_seconds(results, budget, width)}"
            for width in near
        ]
        lines.append([budget, default, "; ".join(cells)])
    return markdown(["budget", "default width", "width: test score, simulated seconds"], lines)


def _seconds(results: Results, budget: int, width: int) -> str:
    took = results.mean(budget, width, seconds)
    return f"{took.mean:,.0f} s" if took else "-"
