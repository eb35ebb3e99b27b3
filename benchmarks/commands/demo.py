"""`python -m benchmarks demo`: watch the optimizer work."""

from __future__ import annotations

import click

from benchmarks.harness import present
from benchmarks.harness.cell import Rows
from benchmarks.harness.options import AT_LEAST_ONE
from benchmarks.paper.rows import PaperCell, run_cell


@click.command()
@click.option(
    "--budget", type=AT_LEAST_ONE, default=600, show_default=True, help="Rollouts the optimizer may spend."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
def demo(budget: int, seed: int, threads: int) -> None:
    """Optimize a bundled four-predictor program against simulated LMs: offline, in seconds."""
    cell = PaperCell("bundled", "gepa", seed, budget, Rows(100, 50, None))
    out = present.console()
    out.print("Optimizing a two-hop question answering program on an invented world (simulated LMs)...\n")
    report = run_cell(cell, data_dir=None, threads=threads, progress="auto")
    result = report["result"]
    for panel in present.steps_to_the_best(result):
        out.print(panel)
    out.print("\nAll candidates (validation scores):")
    out.print(present.lineage(result))
    rows = len(report["test_scores_after"])
    out.print(
        f"\nOn {rows} unseen rows: {report['test_before']:.1%} before, {report['test_after']:.1%} after.\n"
        f"{result.total_metric_calls} rollouts of {budget}, {result.reflection_calls} reflections, "
        f"{report['seconds']:.1f} s. Figures of simulated LMs say nothing about any real model."
    )
