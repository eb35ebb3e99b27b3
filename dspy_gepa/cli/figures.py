"""Two runs' figures as rows of text: each of both, and the difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from dspy_gepa.record.model import Point, RunRecord
from dspy_gepa.texts import length_of_texts
from dspy_gepa.views.words import amount, duration

Row: TypeAlias = tuple[str, ...]
Show: TypeAlias = Callable[[float], str]


class _Figure(NamedTuple):
    name: str
    read: Callable[[RunRecord, Point], float]
    show: Show
    on_the_scale: bool = False  # of the scores, which not all runs share


def fraction(value: float) -> str:
    """A score, or a probability."""
    return f"{value:.3f}"


def signed(gap: float, show: Show) -> str:
    """A difference with its sign, which nothing has that is shown as none."""
    text = show(abs(gap))
    return text if text == show(0) else f"{'-' if gap < 0 else '+'}{text}"


def _length(record: RunRecord) -> int:
    return 0 if record.best is None else length_of_texts(record.members[record.best].texts).characters


_FIGURES = (
    _Figure("score", lambda _, last: last.score, fraction, on_the_scale=True),
    _Figure("at least", lambda _, last: last.interval[0], fraction, on_the_scale=True),
    _Figure("at most", lambda _, last: last.interval[1], fraction, on_the_scale=True),
    _Figure("gain", lambda _, last: last.gain, fraction, on_the_scale=True),
    _Figure("better than seed", lambda _, last: last.better_than_original, fraction),
    _Figure("rollouts", lambda _, last: last.rollouts, partial(amount, "rollouts")),
    _Figure("reflections", lambda _, last: last.reflections, partial(amount, "reflections")),
    _Figure("tokens", lambda _, last: last.tokens, partial(amount, "tokens")),
    _Figure("cost", lambda _, last: last.cost, partial(amount, "cost")),
    _Figure("time", lambda record, _: record.seconds, duration),
    _Figure("members", lambda record, _: len(record.members), partial(amount, "members")),
    _Figure("characters", lambda record, _: _length(record), partial(amount, "characters")),
)


def result_rows(a: RunRecord, b: RunRecord, *, comparable: bool) -> list[Row]:
    """What two runs came to, with a header; no differences of scores where these cannot be compared."""
    rows: list[Row] = [("", "A", "B", "B - A"), ("state", a.state, b.state, "")]
    for name, read, show, on_the_scale in _FIGURES:
        one, other = (None if run.last is None else read(run, run.last) for run in (a, b))
        if name == "cost" and not one and not other:
            continue  # no prices are known
        shown = ["" if value is None else show(value) for value in (one, other)]
        told = one is not None and other is not None and (comparable or not on_the_scale)
        rows.append((name, *shown, signed((other or 0) - (one or 0), show) if told else ""))
    return rows


def score_rows(shared: Sequence[tuple[int, Point, Point]]) -> list[Row]:
    """Scores at equal rollouts, with a header."""
    return [
        ("rollouts", "A", "B", "B - A"),
        *(
            (f"{mark:,}", fraction(a.score), fraction(b.score), signed(b.score - a.score, fraction))
            for mark, a, b in shared
        ),
    ]
