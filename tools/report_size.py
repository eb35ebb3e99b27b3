"""`python -m tools.report_size`: size of the HTML report of a long run, and the time it takes to load."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.harness.options import AT_LEAST_ONE, NOT_NEGATIVE
from dspy_gepa.record.model import RunRecord
from dspy_gepa.report.page import write_report
from tests.support_browser import chromium, wait_until_drawn
from tests.support_reports import made_up_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPEATS = 3


@click.command()
@click.option("--members", type=AT_LEAST_ONE, default=200, show_default=True, help="Members.")
@click.option("--rows", type=AT_LEAST_ONE, default=300, show_default=True, help="Validation rows.")
@click.option(
    "--rejected",
    type=NOT_NEGATIVE,
    default=1,
    show_default=True,
    help="Rejected proposals for each member.",
)
def report_size(members: int, rows: int, rejected: int) -> None:
    """Size of a made-up run's HTML report, and the seconds to build it and to load it in Chromium."""
    run = made_up_run(members=members, rows=rows, rejected=rejected)
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        path = Path(directory) / "report.html"
        built = [_seconds_to_build(run, path) for _ in range(REPEATS)]
        loaded = [_seconds_to_load(browser, path) for _ in range(REPEATS)]
        click.echo(
            f"{members} members x {rows} rows, {len(run.trials)} trials: "
            f"{path.stat().st_size / 1e6:.2f} MB, {statistics.median(built):.2f} s to build, "
            f"{statistics.median(loaded):.2f} s to load "
            f"(medians of {REPEATS})"
        )


def _seconds_to_build(run: RunRecord, path: Path) -> float:
    started = time.perf_counter()
    write_report(run, path)
    return time.perf_counter() - started


def _seconds_to_load(browser: Browser, path: Path) -> float:
    with browser.new_context() as context:
        page = context.new_page()
        started = time.perf_counter()
        page.goto(path.as_uri())
        wait_until_drawn(page)
        return time.perf_counter() - started


if __name__ == "__main__":
    report_size()
