"""The live view on a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel
from dspy_gepa.views.passage import Passage
from dspy_gepa.views.region import Region


def can_be_drawn_on(stream: TextIO) -> bool:
    """Whether a terminal can move its cursor."""
    console = Console(file=stream, force_jupyter=False)
    return not console.is_dumb_terminal and not console.legacy_windows


class TerminalCanvas:
    """Draws a panel at the bottom of a terminal, in as many colours as it has; none with ``NO_COLOR``.

    Args:
        stream: The terminal.
        region: Its bottom.
        passages: What others write to the terminal; unfinished lines of theirs are drawn above the panel.
    """

    def __init__(self, stream: TextIO, region: Region, passages: Sequence[Passage] = ()) -> None:
        self._region = region
        self._passages = passages
        self._encoding = stream.encoding or "ascii"
        self._colors = None if os.environ.get("NO_COLOR") else Console(file=stream).color_system

    def draw(self, progress: Progress, now: float) -> None:
        """Draw it over what was drawn before."""
        sheet = self._sheet()
        pending = [line for passage in self._passages for line in passage.pending]
        bars = [Text.from_ansi(line, no_wrap=True, overflow="crop", end="") for line in pending]
        lines = [line for bar in bars for line in lines_of(bar, sheet)]
        self._region.draw([*lines, *lines_of(panel(progress, now, sheet.width), sheet)])

    def end(self, progress: Progress, now: float) -> None:
        """Draw it so that it stays, below all that others have written."""
        for passage in self._passages:
            passage.release()
        sheet = self._sheet()
        self._region.end(lines_of(panel(progress, now, sheet.width), sheet))

    def _sheet(self) -> Sheet:
        return Sheet(self._region.size.columns, self._encoding, self._colors)
