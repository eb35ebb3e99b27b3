"""`python -m benchmarks verify`: data, metrics and programs against known cases, before money is spent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from benchmarks.commands.checks import ifbench, known_cases, livebench_math, programs
from benchmarks.commands.checks.check import Check
from benchmarks.commands.checks.files import report_files
from benchmarks.commands.checks.leaks import leaks_of
from benchmarks.harness.tables import markdown
from benchmarks.tasks import load
from benchmarks.tasks.data import ENVIRONMENT, DataNotFound

# One function a task, which takes the data directory.
CHECKS: Mapping[str, Callable[[Path], Iterator[Check]]] = {
    "aime": known_cases.check_aime,
    "hotpotqa": known_cases.check_hotpotqa,
    "hover": known_cases.check_hover,
    "ifbench": ifbench.check,
    "livebench_math": livebench_math.check,
    "pupa": known_cases.check_pupa,
}


@click.command()
@click.argument("tasks", nargs=-1, type=click.Choice(list(CHECKS)))
@click.option("--data", "data_dir", type=click.Path(file_okay=False, path_type=Path), help="Local data sets.")
@click.option("--leaks", is_flag=True, help="Count rows that stand in two splits, or nearly so.")
def verify(tasks: tuple[str, ...], data_dir: Path | None, leaks: bool) -> None:
    """Check the TASKS (default: all) against known cases; exits with 1 when one fails."""
    chosen = data_dir or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is None:
        raise click.UsageError(f"Known cases are made of local data: give --data DIR or set {ENVIRONMENT}.")
    failures = 0
    for task in tasks or CHECKS:
        click.echo(f"## {task}\n")
        try:
            failures += _report(task, chosen, leaks)
        except DataNotFound as error:
            raise click.ClickException(str(error)) from error
    if failures:
        raise click.ClickException(f"{failures} checks failed.")


def _report(task: str, data_dir: Path, leaks: bool) -> int:
    """Print a task's tables; how many of its checks failed."""
    files = [(f.path, f.rows, f.sha256[:16], f.state) for f in report_files(data_dir, task)]
    click.echo(markdown(["file", "rows", "sha256", "state"], files) + "\n")
    checks = [*CHECKS[task](data_dir), *programs.check(load(task, data_dir))]
    lines = [(c.what, c.cases, c.passed, "ok" if c.ok else "FAILED", c.note) for c in checks]
    click.echo(markdown(["check", "cases", "passed", "", "note"], lines) + "\n")
    if leaks:
        found = [(leak.what, leak.rows, leak.of) for leak in leaks_of(data_dir, task)]
        click.echo(markdown(["leak", "rows", "of"], found) + "\n")
    return sum(not check.ok for check in checks)
