"""`python -m benchmarks`: try the optimizer offline, and compare it with others."""

from __future__ import annotations

import logging
import os
import statistics
from itertools import product
from pathlib import Path

# The reference draws a progress bar of its own on every run; here the table is the output.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import click
import dspy
from rich.console import Console

from benchmarks import present
from benchmarks.durability import durability
from benchmarks.experiment import Cell, run_cell, save
from benchmarks.faults import faults
from benchmarks.forecasts import forecasts
from benchmarks.models import SIMULATED, Models
from benchmarks.optimizers import OPTIMIZERS
from benchmarks.overhead import overhead
from benchmarks.peers.command import peers
from benchmarks.speed import speed
from benchmarks.tasks import NAMES, DataNotFound
from benchmarks.verify import verify
from benchmarks.widths.command import widths
from benchmarks.wikipedia import wikipedia
from dspy_gepa import GEPAError


@click.group()
def main() -> None:
    """Benchmarks of dspy_gepa."""
    logging.getLogger("dspy").setLevel(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


@main.command()
@click.option("--budget", default=600, show_default=True, help="Rollouts the optimizer may spend.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=8, show_default=True)
def demo(budget: int, seed: int, threads: int) -> None:
    """Optimize a bundled four-predictor program against simulated LMs: offline, in seconds."""
    cell = Cell("bundled", "gepa", budget, seed, train=100, val=50, models=Models())
    out = present.console()
    out.print("Optimizing a two-hop question answering program on an invented world (simulated LMs)...\n")
    report = run_cell(cell, data_dir=None, threads=threads)
    result = report["result"]
    for panel in present.accepted_steps(result):
        out.print(panel)
    out.print("\nLineage (validation scores):")
    out.print(present.lineage(result))
    rows = len(report["test_scores_after"])
    out.print(
        f"\nOn {rows} unseen rows: {report['test_before']:.1%} before, {report['test_after']:.1%} after.\n"
        f"{result.total_metric_calls} rollouts of {budget}, {result.reflection_calls} reflections, "
        f"{report['seconds']:.1f} s. Figures of simulated LMs say nothing about any real model."
    )


@main.command()
@click.argument("tasks", nargs=-1, required=True, type=click.Choice(NAMES))
@click.option("--optimizer", "optimizers", default="gepa", show_default=True, help="Names, comma-separated.")
@click.option("--lm", default=SIMULATED, show_default=True, help="Model for both roles.")
@click.option("--task-lm", help="Model that runs the program, e.g. openai/gpt-4.1-mini.")
@click.option("--reflection-lm", help="Model that rewrites instructions.")
@click.option("--judge-lm", help="Model that judges, and the outside one of pupa; default that of --task-lm.")
@click.option("--data", "data_dir", type=click.Path(file_okay=False), help="Directory with local data sets.")
@click.option("--budget", default=600, show_default=True, help="Rollouts each optimizer may spend.")
@click.option("--seed", "--seeds", "seeds", default="0", show_default=True, help="E.g. 0 or 0,1,2 or 0-19.")
@click.option("--train", default=150, show_default=True, help="Train rows used, at most.")
@click.option("--val", type=int, help="Validation rows used, at most; default a twelfth of the budget.")
@click.option("--threads", default=8, show_default=True)
@click.option("--out", "out_dir", default="results", show_default=True, type=click.Path(file_okay=False))
@click.option("--show-step", is_flag=True, help="Print one accepted step in full.")
def run(
    tasks: tuple[str, ...],
    optimizers: str,
    lm: str,
    task_lm: str | None,
    reflection_lm: str | None,
    judge_lm: str | None,
    data_dir: str | None,
    budget: int,
    seeds: str,
    train: int,
    val: int | None,
    threads: int,
    out_dir: str,
    show_step: bool,
) -> None:
    """Run TASKS with one or more optimizers and seeds; write one JSON each and print a table."""
    models = Models(task=task_lm or lm, reflection=reflection_lm or lm, judge=judge_lm)
    out = present.console()
    out.print(f"Models: {models.label}\n")
    lines: list[tuple[str, int, float, float, int, int]] = []
    for task, seed, optimizer in product(tasks, _seeds(seeds), _optimizers(optimizers)):
        cell = Cell(task, optimizer, budget, seed, train, val or max(10, budget // 12), models)
        try:
            report = run_cell(cell, data_dir=data_dir, threads=threads)
        except (DataNotFound, GEPAError) as error:
            raise click.ClickException(str(error)) from error
        path = save(report, Path(out_dir), cell)
        before, after = report["test_before"], report["test_after"]
        lines.append((optimizer, seed, before, after, budget, report["metric_calls"]))
        out.print(f"{cell.name}: {before:.1%} -> {after:.1%}, {report['metric_calls']} metric calls, {path}")
        story = present.step_story(report["result"]) if show_step and "result" in report else None
        if story is not None:
            out.print(story)
    out.print(present.scores_table(lines))
    _print_means(out, lines)


main.add_command(speed)
main.add_command(overhead)
main.add_command(forecasts)
main.add_command(durability)
main.add_command(faults)
main.add_command(peers)
main.add_command(widths)
main.add_command(verify)
main.add_command(wikipedia)


def _print_means(out: Console, lines: list[tuple[str, int, float, float, int, int]]) -> None:
    for optimizer in dict.fromkeys(line[0] for line in lines):
        scores = [line[3] for line in lines if line[0] == optimizer]
        error = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else 0.0
        out.print(f"{optimizer}: mean test score {statistics.fmean(scores):.1%} (standard error {error:.1%})")


def _seeds(text: str) -> list[int]:
    try:
        first, dash, last = text.partition("-")
        if dash:
            return list(range(int(first), int(last) + 1))
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: write 0, 0,1,2 or 0-19", param_hint="--seeds") from error


def _optimizers(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in OPTIMIZERS]
    if unknown:
        raise click.BadParameter(
            f"{unknown[0]!r}; known are {', '.join(OPTIMIZERS)}", param_hint="--optimizer"
        )
    return names


if __name__ == "__main__":
    main()
