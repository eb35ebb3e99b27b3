"""A Chromium that is installed on this machine, driven by Playwright, which brings none of its own here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def wait_until_drawn(page: Page) -> None:
    """Wait until a report has loaded: the chosen candidate is written, and the heat map is painted."""
    # By selectors: to wait for an expression it would have to be evaluated, which the page's policy forbids.
    for drawn in ("#card h3", "#heat[style*='width']"):
        page.wait_for_selector(drawn, state="attached")


def find_chromium() -> Path | None:
    """Where Chromium or Chrome is, or None; the environment variable ``CHROMIUM`` goes first."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        FileNotFoundError: There is no Chromium.
    """
    from playwright.sync_api import sync_playwright  # no other benchmark needs it, and it takes a while

    path = find_chromium()
    if path is None:
        raise FileNotFoundError(
            "No Chromium or Chrome is on the PATH. Install one (Debian: apt install chromium), or name it in "
            "the environment variable CHROMIUM."
        )
    # In a container root is all there is, and its sandbox does not start; the pages are our own.
    arguments = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
