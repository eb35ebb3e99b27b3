"""``dspy-gepa compare RUN RUN``: results, settings and texts of two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypeAlias

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean, fact_lines, heading, paragraph, say, table
from dspy_gepa.record.model import Interval, Point, RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.texts import counted, diff_texts
from dspy_gepa.types import HeldOut
from dspy_gepa.views.words import amount, duration

Settings: TypeAlias = Mapping[str, Any]
# Settings that a score depends on besides the program.
_MEASURES = {
    "metric": "the metric differs",
    "weights": "the weights differ",
    "failure_score": "the failure score differs",
}
# Settings that are too large to be read side by side.
_LARGE = frozenset({"program", "instructions"})
_LONGEST_VALUE = 48
_MARKS = 8
_NUMBERS = frozenset({1, 2, 3})


@click.command(epilog=explained("dspy-gepa compare runs/one runs/two --no-texts"))
@run_argument("first")
@run_argument("second")
@click.option("--no-texts", is_flag=True, help="Leave out how the best texts differ.")
def compare(first: Path, second: Path, *, no_texts: bool) -> None:
    """Compare two runs: scores, costs, texts.

    Scores are compared only where data and metric are the same; a metric is known by its name.
    """
    a, b = read_run(first), read_run(second)
    settings = read_settings(first), read_settings(second)
    reasons = obstacles(*settings)
    same_test = settings[0].get("test rows") == settings[1].get("test rows")
    _lines(fact_lines([("A", str(first)), ("B", str(second))]))
    results = list(_results(a, b, scores=not reasons, same_test=same_test))
    _section("Result", table(("", "A", "B", "B - A"), results, right=_NUMBERS))
    say()
    say(
        paragraph(
            f"Their scores cannot be compared: {'; '.join(reasons)}." if reasons else on_shared_rows(a, b)
        )
    )
    if a.test is not None and b.test is not None and not same_test:
        say(paragraph("Their test scores cannot be compared: the test rows differ."))
    shared = [] if reasons else equal_rollouts(a, b)
    if shared:
        rows = [(f"{mark:,}", *_pair(one.score, other.score, _fraction)) for mark, one, other in shared]
        header = ("rollouts", "A", "B", "B - A")
        _section("Best score at equal rollouts", table(header, rows, right=_NUMBERS | {0}))
    differ = changed_settings(*settings)
    _section("Settings that differ", table(("setting", "A", "B"), differ) if differ else ["none"])
    if not no_texts:
        diff = clean(diff_texts(_best_texts(a), _best_texts(b)))
        _section("Texts of the best, from A (-) to B (+)", map(_painted, diff.split("\n")))


def obstacles(first: Settings, second: Settings) -> list[str]:
    """Return the reasons why scores of the two runs cannot be compared."""
    reasons = [
        f"{label} ({_as_text(first.get(name))} and {_as_text(second.get(name))})"
        for name, label in _MEASURES.items()
        if first.get(name) != second.get(name)
    ]
    one, other = _scored_rows(first), _scored_rows(second)
    return reasons if one == other else [*reasons, f"they were scored on different rows ({one} and {other})"]


def _scored_rows(settings: Settings) -> str:
    rows = settings.get("validation rows", "unknown")
    return str(settings.get("train rows") if rows == "the train rows" else rows)


def changed_settings(first: Settings, second: Settings) -> list[tuple[str, str, str]]:
    """Return name and both values of every setting that differs, in the order of the first run."""
    one, other = dict(_flat(first)), dict(_flat(second))
    return [
        (name, _as_text(one.get(name)), _as_text(other.get(name)))
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


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def equal_rollouts(first: RunRecord, second: RunRecord) -> list[tuple[int, Point, Point]]:
    """Return numbers of rollouts that both runs reached, each with the last commit of both by then."""
    if not first.curve or not second.curve:
        return []
    begin = max(first.curve[0].rollouts, second.curve[0].rollouts)
    end = min(first.curve[-1].rollouts, second.curve[-1].rollouts)
    if end < begin:
        return []
    marks = sorted({begin + round((end - begin) * place / (_MARKS - 1)) for place in range(_MARKS)})
    return [(mark, _at(first.curve, mark), _at(second.curve, mark)) for mark in marks]


def _at(curve: Sequence[Point], rollouts: int) -> Point:
    return [point for point in curve if point.rollouts <= rollouts][-1]


def paired_scores(first: RunRecord, second: RunRecord) -> list[tuple[float, float]]:
    """Return the scores of both best members on each validation row that both were run on."""
    if first.best is None or second.best is None:
        return []
    one, other = first.members[first.best].scores, second.members[second.best].scores
    return [(one[row], other[row]) for row in first.val_rows if row in one and row in other]


def on_shared_rows(a: RunRecord, b: RunRecord) -> str:
    """Return the comparison of both best members on the validation rows that they share."""
    pairs = paired_scores(a, b)
    if not pairs:
        return "There is no validation row that the best of both were run on."
    gaps = [other - one for one, other in pairs]
    error = f", standard error {stdev(gaps) / len(gaps) ** 0.5:.3f}" if len(gaps) > 1 else ""
    one, other, gap = _pair(fmean(one for one, _ in pairs), fmean(other for _, other in pairs), _fraction)
    means = f"A {one}, B {other}, difference {gap}{error}"
    return f"On the {counted(len(pairs), 'validation row')} that the best of both were run on: {means}."


def _results(a: RunRecord, b: RunRecord, *, scores: bool, same_test: bool) -> Iterator[tuple[str, ...]]:
    yield "state", a.state, b.state, ""
    if a.last is None or b.last is None:
        return
    yield "score", *_pair(a.last.score, b.last.score, _fraction, compared=scores)
    yield "score, 90 %", _span(a.last.interval), _span(b.last.interval), ""
    yield "gain", *_pair(a.last.gain, b.last.gain, _fraction, compared=scores)
    yield from _test_results(a.test, b.test, compared=scores and same_test)
    for name in vars(a.spent):
        one, other = getattr(a.spent, name), getattr(b.spent, name)
        if name != "cost" or one or other:  # without prices the cost is 0
            yield name, *_pair(one, other, partial(amount, name))
    yield "time", *_pair(a.seconds, b.seconds, duration)
    yield "candidates", *_pair(len(a.members), len(b.members), partial(amount, "candidates"))


def _test_results(a: HeldOut | None, b: HeldOut | None, *, compared: bool) -> Iterator[tuple[str, ...]]:
    """Return the scores of the returned programs on the test sets; nothing if neither run has one."""
    if a is None and b is None:
        return
    yield (
        "test score",
        *_pair(None if a is None else a.score, None if b is None else b.score, _fraction, compared=compared),
    )
    yield "test, 90 %", *("none" if test is None else _span(test.interval) for test in (a, b)), ""
    yield (
        "test gain",
        *_pair(None if a is None else a.gain, None if b is None else b.gain, _fraction, compared=compared),
    )


def _pair(
    one: float | None, other: float | None, show: Callable[[float], str], *, compared: bool = True
) -> tuple[str, str, str]:
    """Return both values and their difference, which has a sign unless it is shown as 0."""
    if one is None or other is None:
        first, second = ("none" if value is None else show(value) for value in (one, other))
        return first, second, ""
    gap = show(abs(other - one))
    sign = "" if gap == show(0) else "-" if other < one else "+"
    return show(one), show(other), f"{sign}{gap}" if compared else ""


def _fraction(value: float) -> str:
    return f"{value:.3f}"


def _span(interval: Interval) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _best_texts(record: RunRecord) -> Mapping[str, str]:
    return {} if record.best is None else record.members[record.best].texts


def _painted(line: str) -> str:
    color = {"- ": "red", "+ ": "green"}.get(line[:2])
    return click.style(line, fg=color) if color else line


def _section(title: str, lines: Iterator[str] | list[str]) -> None:
    say()
    say(heading(title))
    _lines(lines)


def _lines(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        say(line)
