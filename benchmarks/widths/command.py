"""The command: run what is missing, then write the report from every result there is."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.harness.choices import chosen
from benchmarks.harness.options import AT_LEAST_ONE, numbers
from benchmarks.peers.cells import OtherParametersError, Size
from benchmarks.peers.runner import run_all
from benchmarks.tasks import WORLD_NAMES
from benchmarks.widths import runner
from benchmarks.widths.cells import cells
from benchmarks.widths.figure import draw
from benchmarks.widths.report import report
from benchmarks.widths.results import read


@click.command()
@click.option("--worlds", default="easy,noisy,defective", show_default=True, help="Names, comma-separated.")
@click.option("--seeds", type=AT_LEAST_ONE, default=4, show_default=True, help="Number of seeds, from 0.")
@click.option(
    "--budgets", callback=numbers(), default="150,300,600,1200", show_default=True, help="Metric calls."
)
@click.option(
    "--widths",
    "wanted",
    callback=numbers(),
    default="1,2,4,8,16",
    show_default=True,
    help="Trials in flight.",
)
@click.option(
    "--threads", type=AT_LEAST_ONE, default=32, show_default=True, help="Workers of the simulated clock."
)
@click.option("--train", type=AT_LEAST_ONE, default=100, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=40, show_default=True, help="Validation rows.")
@click.option("--test", type=AT_LEAST_ONE, default=200, show_default=True, help="Test rows.")
@click.option("--processes", type=AT_LEAST_ONE, default=1, show_default=True)
@click.option("--report-only", is_flag=True, help="Run nothing; the number of threads may be another one.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results/widths"),
    show_default=True,
)
def widths(
    worlds: str,
    seeds: int,
    budgets: tuple[int, ...],
    wanted: tuple[int, ...],
    threads: int,
    train: int,
    val: int,
    test: int,
    processes: int,
    report_only: bool,
    out: Path,
) -> None:
    """Trials in flight: what width costs in test score and saves in (simulated) time."""
    failures: list[str] = []
    if not report_only:
        size = Size((), 0, train, val, test)
        todo = cells(chosen(worlds, WORLD_NAMES, "--worlds"), seeds, budgets, wanted, size)
        try:
            failures = run_all(todo, out, processes, runner.work)
        except OtherParametersError as error:
            raise click.ClickException(str(error)) from error
    found = read(out, threads)
    if not found.runs:
        raise click.ClickException("\n".join([f"There are no results in {out}.", *failures]))
    text = report(found)
    (out / "table.md").write_text(text, encoding="utf-8")
    draw(found, out / "widths.svg")
    click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
