"""The score against the rollouts spent, as coordinates in percent of the plot: it fits any width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dspy_gepa.record.model import RunRecord


@dataclass(frozen=True)
class Tick:
    """A label on an axis.

    Attributes:
        at: Position in percent from the left or the top.
        label: Text of the label.
    """

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A member: when it was found, and its expected score now.

    Attributes:
        x: Position in percent from the left.
        y: Position in percent from the top.
        member: Index of the member.
        leading: True if it was the best member at some time.
    """

    x: float
    y: float
    member: int
    leading: bool


@dataclass(frozen=True)
class Chart:
    """Coordinates of the drawing; paths are SVG paths in a box of 100 by 100.

    Attributes:
        line: Path of the best member's score.
        band: Path of the interval around it.
        original: Height of the original's line, in percent from the top; None before it was run.
        dots: The members.
        x_ticks: Labels of the rollouts.
        y_ticks: Labels of the scores.
        x_most: Number of rollouts at the right edge.
        y_range: Scores at the bottom and at the top edge.
        finals: Position of the beginning of the finals, in percent from the left; None without finals.
        end: Height of the score at the end of the finals, in percent from the top; None without finals.
    """

    line: str
    band: str
    original: float | None
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_most: int
    y_range: tuple[float, float]
    finals: float | None = None
    end: float | None = None


def draw(record: RunRecord) -> Chart | None:
    """Return the chart of a run; None before its first commit."""
    if not record.curve:
        return None
    believed = {m.index: m.believed for m in record.members if m.believed is not None}
    scores = list(believed.values())
    low, high = _range(record, scores)
    most = max(1, record.curve[-1].rollouts)

    def x(rollouts: float) -> float:
        return round(100 * rollouts / most, 2)

    def y(score: float) -> float:
        return round(100 * (high - score) / (high - low), 2)

    leading = {point.best for point in record.curve}
    ends = (x(before.rollouts) for before, after in pairwise(record.curve) if after.kind == "finals")
    finals = next(ends, None)
    return Chart(
        line="M"
        + " L".join(f"{a} {b}" for a, b in _steps([(x(p.rollouts), y(p.score)) for p in record.curve])),
        band=_band(
            [(x(p.rollouts), y(p.interval[0])) for p in record.curve],
            [(x(p.rollouts), y(p.interval[1])) for p in record.curve],
        ),
        original=y(believed[0]) if 0 in believed else None,
        dots=tuple(
            Dot(x(record.members[index].found_at), y(score), index, index in leading)
            for index, score in believed.items()
        ),
        x_ticks=tuple(Tick(x(value), f"{value:,.0f}") for value in ticks(0, most, 6)),
        y_ticks=tuple(Tick(y(value), f"{value:.4g}") for value in ticks(low, high, 6)),
        x_most=most,
        y_range=(low, high),
        finals=finals,
        end=None if finals is None else y(record.curve[-1].score),
    )


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return about `most` round numbers between two others: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(record: RunRecord, scores: Sequence[float]) -> tuple[float, float]:
    """Return the scores at both edges, with some room; within 0 and 1 if every score is."""
    levels = [*scores, *(level for p in record.curve for level in (p.score, *p.interval))]
    low, high = min(levels), max(levels)
    room = (high - low) * 0.05 or max(0.05, abs(high) * 0.05)  # a large number takes no notice of 0.05
    low, high = low - room, high + room
    seen = [score for member in record.members for score in member.scores.values()]
    if all(0 <= score <= 1 for score in (*seen, *scores)):
        return max(0.0, low), min(1.0, high)
    return low, high


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a line that keeps each value until the next one."""
    corners = [corner for (_, y0), (x1, y1) in pairwise(points) for corner in ((x1, y0), (x1, y1))]
    return [points[0], *corners]


def _band(low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> str:
    around = [*_steps(high), *reversed(_steps(low))]
    return "M" + " L".join(f"{x} {y}" for x, y in around) + " Z"
