"""`python -m benchmarks`: try the optimizer offline, and compare it with others."""

from __future__ import annotations

import logging
import os

# The reference draws a progress bar of its own on every run; here the table is the output.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import click
import dspy

from benchmarks import present
from benchmarks.counts import AT_LEAST_ONE
from benchmarks.durability import durability
from benchmarks.experiment import Cell, run_cell
from benchmarks.faults import faults
from benchmarks.forecasts import forecasts
from benchmarks.matrix.command import run
from benchmarks.models import Models
from benchmarks.overhead import overhead
from benchmarks.peers.command import peers
from benchmarks.report.command import report
from benchmarks.report_page import report_size
from benchmarks.retrieval_figures import retrieval
from benchmarks.serve import serve
from benchmarks.speed import speed
from benchmarks.verify import verify
from benchmarks.widths.command import widths
from benchmarks.wikipedia import wikipedia


@click.group()
def main() -> None:
    """Benchmarks of dspy_gepa."""
    logging.getLogger("dspy").setLevel(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


@main.command()
@click.option(
    "--budget", type=AT_LEAST_ONE, default=600, show_default=True, help="Rollouts the optimizer may spend."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
def demo(budget: int, seed: int, threads: int) -> None:
    """Optimize a bundled four-predictor program against simulated LMs: offline, in seconds."""
    cell = Cell("bundled", "gepa", budget, seed, train=100, val=50, models=Models())
    out = present.console()
    out.print("Optimizing a two-hop question answering program on an invented world (simulated LMs)...\n")
    report = run_cell(cell, data_dir=None, threads=threads)
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


main.add_command(run)
main.add_command(report)
main.add_command(report_size)
main.add_command(serve)
main.add_command(speed)
main.add_command(overhead)
main.add_command(forecasts)
main.add_command(durability)
main.add_command(faults)
main.add_command(peers)
main.add_command(widths)
main.add_command(verify)
main.add_command(retrieval)
main.add_command(wikipedia)


if __name__ == "__main__":
    main()
