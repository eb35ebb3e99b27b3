"""What two runs have in common and what not: pure functions over their records and settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from dspy_gepa.record.model import Point, RunRecord
from dspy_gepa.runtime.budget import UNLIMITED

Settings = Mapping[str, Any]
# What a score depends on beside the program: what differs here makes scores incomparable.
_MEASURES = {
    "metric": "the metric differs",
    "weights": "the weights differ",
    "failure_score": "the failure score differs",
}
# Structures that nobody reads side by side.
_LARGE = frozenset({"program", "instructions"})
_LONGEST_VALUE = 48
_POINTS = 8


class Difference(NamedTuple):
    """A setting that is not the same, as text."""

    name: str
    first: str
    second: str


class Paired(NamedTuple):
    """Two members on the validation rows that both were run on.

    Attributes:
        rows: How many.
        first: Mean score of the one; likewise `second`.
        second: See `first`.
        error: Standard error of the mean difference; None for fewer than two rows.
    """

    rows: int
    first: float
    second: float
    error: float | None


def obstacles(first: Settings, second: Settings) -> list[str]:
    """Why scores of the two runs cannot be compared; empty where they can."""
    reasons = [
        f"{words} ({_told(first.get(name))} and {_told(second.get(name))})"
        for name, words in _MEASURES.items()
        if first.get(name) != second.get(name)
    ]
    rows = [_judged_on(settings) for settings in (first, second)]
    if rows[0] != rows[1]:
        reasons.append(f"they were judged on different rows ({rows[0]} and {rows[1]})")
    return reasons


def _judged_on(settings: Settings) -> str:
    rows = settings.get("validation rows", "unknown")
    return str(settings.get("train rows") if rows == "the train rows" else rows)


def differences(first: Settings, second: Settings) -> list[Difference]:
    """Settings that are not the same, in the order of the first run's."""
    one, other = dict(_flat(first)), dict(_flat(second))
    return [
        Difference(name, _told(one.get(name)), _told(other.get(name)))
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]


def _flat(settings: Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        label = f"{prefix}{name}"
        if isinstance(value, Mapping) and label not in _LARGE:
            yield from _flat(value, f"{label}.")
        else:
            yield label, None if label == "budget.rollouts" and value and value >= UNLIMITED else value


def _told(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def equal_rollouts(first: RunRecord, second: RunRecord) -> list[tuple[int, Point, Point]]:
    """How both runs stood after equal rollouts: these, and the last commit of each by then."""
    begin = max((record.curve[0].rollouts for record in (first, second) if record.curve), default=0)
    end = min(record.curve[-1].rollouts if record.curve else -1 for record in (first, second))
    if end < begin:
        return []
    marks = sorted({begin + round((end - begin) * place / (_POINTS - 1)) for place in range(_POINTS)})
    return [(mark, _at(first.curve, mark), _at(second.curve, mark)) for mark in marks]


def _at(curve: Sequence[Point], rollouts: int) -> Point:
    return [point for point in curve if point.rollouts <= rollouts][-1]


def paired(first: RunRecord, second: RunRecord) -> Paired | None:
    """The best members on the validation rows that both were run on; None without such rows."""
    if first.best is None or second.best is None:
        return None
    one, other = first.members[first.best].scores, second.members[second.best].scores
    rows = [row for row in first.val_rows if row in one and row in other]
    if not rows:
        return None
    gaps = [other[row] - one[row] for row in rows]
    error = stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else None
    return Paired(len(rows), fmean(one[row] for row in rows), fmean(other[row] for row in rows), error)
