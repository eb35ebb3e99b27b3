"""Draws docs/images/report-*.png: the report of a run with simulated LMs, on a desktop and on a phone.

python -m tools.report_images
"""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import dspy
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.harness.cell import Rows
from benchmarks.paper.rows import PaperCell, run_cell
from dspy_gepa import GEPAResult
from tests.support_browser import chromium, wait_until_drawn

IMAGES = Path(__file__).parent.parent / "docs" / "images"
BUDGET = 600
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENS = {"desktop": (1280, 900, 1), "phone": (360, 740, 2)}
# Sections that get a picture of their own.
PARTS = ("lineage", "rows", "texts")
# Enough for a page with few colours, and a third of the bytes.
COLOURS = 64


def run() -> GEPAResult:
    """The bundled program, optimized with simulated LMs."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    cell = PaperCell("bundled", "gepa", 0, BUDGET, Rows(100, 50, None))
    result = run_cell(cell, data_dir=None, threads=4)["result"]
    assert isinstance(result, GEPAResult)
    return result


def show(browser: Browser, path: Path, device: str, scheme: Literal["light", "dark"]) -> Page:
    """The page on a screen."""
    width, height, scale = SCREENS[device]
    page = browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme
    )
    page.goto(path.as_uri())
    wait_until_drawn(page)
    return page


def save(picture: bytes, name: str) -> None:
    """Write a picture with few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    image.save(IMAGES / f"report-{name}.png", optimize=True)


def main() -> None:
    """Draw the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    report = run().report(title="Two-hop questions (simulated LM)")
    with TemporaryDirectory() as place, chromium() as browser:
        path = report.save(Path(place) / "report.html")
        for device in SCREENS:
            for scheme in SCHEMES:
                save(show(browser, path, device, scheme).screenshot(), f"{device}-{scheme}")
        page = show(browser, path, "desktop", "light")
        page.evaluate("document.querySelector('.bar').style.position = 'static'")
        for part in PARTS:
            save(page.locator(f"#{part}").screenshot(), part)


if __name__ == "__main__":
    main()
