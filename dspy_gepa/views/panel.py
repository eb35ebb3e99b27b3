"""A run's progress as a panel of lines, drawn with rich: for terminals of any width, and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from rich.console import Console, ConsoleRenderable, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.words import (
    Meter,
    activity,
    best_text,
    change_text,
    contender_text,
    duration,
    error_text,
    left_text,
    meters,
    next_step,
    rejection_text,
    score_text,
    seed_text,
    steps_text,
    stop_text,
    trials_text,
    trouble_text,
    wait_text,
)

FULL, EMPTY = "━", "─"
# What stands for our signs where the terminal knows ASCII only.
_IN_ASCII = str.maketrans({FULL: "#", EMPTY: "-", "…": "~"})
# Below this width there are no bars, and the labels are all that is left of the form.
_NARROW = 60
_WIDEST = 110
_BAR = 20
_LABEL = 14
_STYLES = {"finished": "bold green", "interrupted": "bold yellow", "failed": "bold red"}


@dataclass(frozen=True)
class Sheet:
    """The surface of a drawing.

    Attributes:
        width: Number of columns.
        encoding: Encoding of the stream; characters that it lacks are replaced by ASCII.
        colors: Color system of the terminal, as rich names it: ``"standard"``, ``"256"``, ``"truecolor"``, or
            None for no colour.
    """

    width: int = 80
    encoding: str = "utf-8"
    colors: str | None = None


def panel(progress: Progress, now: float, width: int = 80) -> ConsoleRenderable:
    """Return a run's progress for rich to print; texts of models are not read as markup.

    Args:
        progress: The progress.
        now: The time, on the clock that the progress was folded with.
        width: Number of columns; below a minimum the form is simpler.
    """
    style = "bold yellow" if progress.wait else _STYLES.get(progress.phase, "bold cyan")
    title = Text.assemble(("GEPA ", "bold"), (activity(progress), style))
    grid = Table.grid()
    grid.add_column(style="dim", no_wrap=True, width=_LABEL)
    room = max(1, min(width, _WIDEST) - _LABEL)
    overflow: Literal["fold", "ellipsis"] = "fold" if progress.over else "ellipsis"
    grid.add_column(overflow=overflow, no_wrap=not progress.over, max_width=room)
    for label, value in _rows(progress, now, wide=width >= _NARROW):
        grid.add_row(label, value)
    return Group(Rule(title, style="dim", align="left"), grid, Rule(style="dim"))


def lines_of(renderable: RenderableType, sheet: Sheet) -> list[str]:
    """Return the text to send to a terminal, line by line; no line is wider than the sheet."""
    console = Console(
        file=StringIO(),
        force_terminal=True,
        color_system=sheet.colors,  # type: ignore[arg-type]  # one of its literals
        width=min(sheet.width, _WIDEST),
        height=100,
        legacy_windows=False,
        force_jupyter=False,
    )
    with console.capture() as capture:
        console.print(renderable, end="")
    return [_encodable(line.rstrip(), sheet.encoding) for line in capture.get().rstrip("\n").split("\n")]


def _rows(progress: Progress, now: float, *, wide: bool) -> list[tuple[str, Text]]:
    # First, so that it is to be seen in the lowest window, and whole, however narrow that is.
    rows = [("waiting", Text(wait_text(progress, now), no_wrap=False, overflow="fold"))]
    rows += [(meter.name, _meter(meter, wide=wide)) for meter in meters(progress, now)]
    if "seconds" not in progress.limits:
        rows.append(("elapsed", Text(duration(progress.elapsed(now)))))
    rows.append(("time left", Text(left_text(progress, now))))
    if progress.record.last is not None:
        rows.append(("score", Text.assemble((score_text(progress), "bold"))))
        rows += [("your program", Text(seed_text(progress))), ("best", Text(best_text(progress)))]
        rows.append(("maybe better", Text(contender_text(progress))))
    rows += _listed("running", steps_text(progress))
    rows.append(("trials", Text(trials_text(progress.record))))
    rows += _listed("last change", change_text(progress))
    said = {
        "last rejected": "" if progress.over else rejection_text(progress),
        "failures": trouble_text(progress),
        "stopped": stop_text(progress),
        "error": error_text(progress),
        "next": next_step(progress) if progress.over else "",
    }
    rows += [(label, Text(text)) for label, text in said.items()]
    return [(label, text) for label, text in rows if text]


def _listed(label: str, lines: Sequence[str]) -> list[tuple[str, Text]]:
    return [("" if place else label, Text(line)) for place, line in enumerate(lines)]


def _meter(meter: Meter, *, wide: bool) -> Text:
    if meter.share is None or not wide:
        return Text(meter.text)
    full = round(_BAR * meter.share)
    bar = ((FULL * full, "cyan"), (EMPTY * (_BAR - full), "dim"))
    return Text.assemble(*bar, f"  {meter.text}")


def _encodable(line: str, encoding: str) -> str:
    if encoding.lower().startswith("utf"):
        return line
    return line.translate(_IN_ASCII).encode(encoding, "replace").decode(encoding)
