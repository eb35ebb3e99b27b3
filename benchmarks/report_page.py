"""`report-size` and `report-pictures`: what the HTML report of a long run weighs, and how one looks."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from PIL import Image

from benchmarks.browser import chromium
from benchmarks.experiment import Cell, run_cell
from benchmarks.made_up_run import made_up_run
from benchmarks.models import Models
from dspy_gepa import GEPAResult
from dspy_gepa.record.model import RunRecord
from dspy_gepa.report.page import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REPEATS = 3
# What a visitor sees when a page has loaded: the chosen candidate is written, and the heat map is painted.
READY = "document.querySelector('#card h3') !== null && document.querySelector('#heat').width > 300"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PARTS = ("lineage", "rows", "texts")
SCREENS = {"desktop": (1280, 900, 1), "phone": (360, 740, 2)}
# Colours of a picture: enough for a page with few, and a third of the bytes.
COLOURS = 64


@click.command("report-size")
@click.option("--members", default=200, show_default=True, help="Candidates.")
@click.option("--rows", default=300, show_default=True, help="Validation rows.")
@click.option("--rejected", default=1, show_default=True, help="Rejected proposals for each candidate.")
def report_size(members: int, rows: int, rejected: int) -> None:
    """Size of a made-up run's HTML report, and the seconds to build it and to load it in Chromium."""
    run = made_up_run(members=members, rows=rows, rejected=rejected)
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        path = Path(directory) / "report.html"
        built = [_seconds_to_build(run, path) for _ in range(REPEATS)]
        loaded = [_seconds_to_load(browser, path) for _ in range(REPEATS)]
        click.echo(
            f"{members} candidates x {rows} rows, {len(run.trials)} trials: "
            f"{path.stat().st_size / 1e6:.2f} MB, {statistics.median(built):.2f} s to build, "
            f"{statistics.median(loaded):.2f} s to load "
            f"(medians of {REPEATS})"
        )


@click.command("report-pictures")
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/images"), show_default=True)
@click.option("--budget", default=600, show_default=True, help="Rollouts of the run.")
def report_pictures(out: Path, budget: int) -> None:
    """Pictures of a run's HTML report: the bundled program with a simulated LM, on desktop and phone."""
    cell = Cell("bundled", "gepa", budget, 0, train=100, val=50, models=Models())
    result = run_cell(cell, data_dir=None, threads=4)["result"]
    assert isinstance(result, GEPAResult)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        path = result.report(title="Two-hop questions (simulated LM)").save(Path(directory) / "report.html")
        for device in SCREENS:
            for scheme in SCHEMES:
                page = _open(browser, path, device, scheme)
                _save(page.screenshot(), out / f"report-{device}-{scheme}.png")
        page = _open(browser, path, "desktop", "light")
        page.evaluate("document.querySelector('.bar').style.position = 'static'")
        for part in PARTS:
            _save(page.locator(f"#{part}").screenshot(), out / f"report-{part}.png")
    for picture in sorted(out.glob("report-*.png")):
        click.echo(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def _seconds_to_build(run: RunRecord, path: Path) -> float:
    started = time.perf_counter()
    write_report(run, path)
    return time.perf_counter() - started


def _seconds_to_load(browser: Browser, path: Path) -> float:
    with browser.new_context() as context:
        page = context.new_page()
        started = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function(READY)
        return time.perf_counter() - started


def _open(browser: Browser, path: Path, device: str, scheme: Literal["light", "dark"]) -> Page:
    width, height, scale = SCREENS[device]
    page = browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme
    )
    page.goto(path.as_uri())
    page.wait_for_function(READY)
    return page


def _save(picture: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    image.save(path, optimize=True)
