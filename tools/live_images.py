"""Draws docs/images/live*.svg: a run with simulated LMs on a pseudo-terminal, read by a terminal emulator.

python -m tools.live_images
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from io import StringIO
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dspy
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from benchmarks.tasks import load
from dspy_gepa import GEPA
from dspy_gepa.events import StepCommitted
from tests.views.support_screen import Screen, on

IMAGES = Path(__file__).parent.parent / "docs" / "images"
COLUMNS, ROWS = 100, 26
BUDGET, SHOT_AT = 400, 250
TITLE = "python optimize.py (simulated LMs)"
# rich asks a server for a font; the pictures must work without a network.
_FONT = re.compile(r"@font-face \{.*?\}", flags=re.DOTALL)


class Photographer:
    """Callback that keeps the screen at `SHOT_AT` rollouts."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.shot: list[Text] = []

    def on_step_committed(self, event: StepCommitted) -> None:
        """Look at the screen after the next drawing of the panel."""
        if not self.shot and event.spent.rollouts >= SHOT_AT:
            time.sleep(1.2)
            self.shot = photograph(self.screen)


def photograph(screen: Screen) -> list[Text]:
    """Return the lines of the screen with their colours."""
    screen.settle()
    lines = [line_of(row) for row in screen.rows]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def line_of(row: list[Char]) -> Text:
    """Return one row of a terminal as text."""
    line = Text()
    for (fg, bold), chars in groupby(row, key=lambda char: (char.fg, char.bold)):
        color = {"default": None, "brown": "yellow"}.get(fg, fg)
        line.append("".join(char.data for char in chars), Style(color=color, bold=bold))
    line.rstrip()
    return line


def draw(lines: list[Text], path: Path) -> None:
    """Write a picture of a terminal."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    svg = console.export_svg(title=TITLE, theme=DIMMED_MONOKAI, unique_id=path.stem)
    path.write_text(_FONT.sub("", svg).replace("Fira Code, monospace", "monospace"), encoding="utf-8")


def run(screen: Screen) -> list[Text]:
    """Run on the screen, and return its lines in the middle of the run."""
    task = load("bundled")
    photographer = Photographer(screen)

    def metric(gold: Any, pred: Any, trace: Any = None) -> Any:
        time.sleep(0.1)  # as long as a quick model takes
        return task.metric(gold, pred)

    with on(screen), dspy.context(lm=task.task_lm()):
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
        for name in ("httpx", "LiteLLM", "dspy"):
            logging.getLogger(name).setLevel(logging.ERROR)
        gepa = GEPA(
            metric,
            reflection_lm=task.reflection_lm(),
            max_metric_calls=BUDGET,
            max_seconds=600,
            num_threads=4,
            log_dir="runs/one",
            resume="never",
            callbacks=[photographer],
        )
        gepa.compile(task.program(), trainset=task.train, valset=task.val[:50])
    return photographer.shot


def main() -> None:
    """Draw the pictures."""
    screen = Screen(COLUMNS, ROWS)
    before = Path.cwd()
    with TemporaryDirectory() as place:
        os.chdir(place)
        try:
            middle = run(screen)
        finally:
            os.chdir(before)
    end = photograph(screen)
    screen.close()
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw(middle, IMAGES / "live.svg")
    draw(end, IMAGES / "live-end.svg")


if __name__ == "__main__":
    os.environ["TERM"] = "xterm-256color"
    main()
