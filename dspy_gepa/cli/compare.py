"""``dspy-gepa compare RUN RUN``: two runs beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click

from dspy_gepa.cli.comparison import differences, equal_rollouts, obstacles, paired
from dspy_gepa.cli.run_argument import RunPath
from dspy_gepa.cli.terminal import clean, facts, heading, paragraph, say, table
from dspy_gepa.observe.wording import amount, duration
from dspy_gepa.record.model import Point, RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.render import diff_texts, length_of_texts

Row: TypeAlias = tuple[str, ...]


@click.command()
@click.argument("first", type=RunPath(), metavar="RUN")
@click.argument("second", type=RunPath(), metavar="RUN")
@click.option(
    "--texts/--no-texts", default=True, help="Whether to show how the best texts differ. [default: yes]"
)
def compare(first: Path, second: Path, *, texts: bool) -> None:
    """Set two runs beside each other: scores, costs, settings, and the texts of their best members.

    Scores are compared only where data and metric are the same; a metric is known by its name.
    """
    records = read_run(first), read_run(second)
    settings = read_settings(first), read_settings(second)
    reasons = obstacles(*settings)
    for line in facts([("A", str(first)), ("B", str(second))]):
        say(line)
    _section("Result", _figures(*records, comparable=not reasons))
    if reasons:
        say(paragraph(f"Their scores cannot be compared: {'; '.join(reasons)}."))
    else:
        _compare_scores(*records)
    _section("Settings that differ", [("setting", "A", "B"), *differences(*settings)], right=frozenset())
    if texts:
        _show_texts(*records)


def _section(title: str, rows: list[Row], right: frozenset[int] = frozenset({1, 2, 3})) -> None:
    """A table under a title; its first row is the header."""
    say()
    say(heading(title))
    header, *cells = rows
    for line in table(header, cells, right=right) if cells else ["none"]:
        say(line)


def _figures(a: RunRecord, b: RunRecord, *, comparable: bool) -> list[Row]:
    rows: list[Row] = [("", "A", "B", "B - A"), ("state", a.state, b.state, "")]
    for name, read, show, same_scale in _FIGURES:
        values = [None if record.last is None else read(record, record.last) for record in (a, b)]
        gap = ""
        if values[0] is not None and values[1] is not None and (comparable or not same_scale):
            gap = _signed(values[1] - values[0], show)
        rows.append((name, *("" if value is None else show(value) for value in values), gap))
    return rows


def _signed(gap: float, show: Callable[[float], str]) -> str:
    return f"{'-' if gap < 0 else '+'}{show(abs(gap))}"


def _fraction(value: float) -> str:
    return f"{value:.3f}"


def _counted(name: str) -> Callable[[float], str]:
    return lambda value: amount(name, value)


_Read: TypeAlias = Callable[[RunRecord, Point], float]
# Name, where it is read, how it is shown, and whether it is on the scale of the scores.
_FIGURES: tuple[tuple[str, _Read, Callable[[float], str], bool], ...] = (
    ("score", lambda _, last: last.score, _fraction, True),
    ("  at least", lambda _, last: last.interval[0], _fraction, True),
    ("  at most", lambda _, last: last.interval[1], _fraction, True),
    ("gain", lambda _, last: last.gain, _fraction, True),
    ("better than seed", lambda _, last: last.better_than_seed, _fraction, False),
    ("rollouts", lambda _, last: last.rollouts, _counted("rollouts"), False),
    ("reflections", lambda _, last: last.reflections, _counted("reflections"), False),
    ("tokens", lambda _, last: last.tokens, _counted("tokens"), False),
    ("cost", lambda _, last: last.cost, _counted("cost"), False),
    ("time", lambda record, _: record.seconds, duration, False),
    ("members", lambda record, _: len(record.members), _counted("members"), False),
    (
        "characters",
        lambda record, _: length_of_texts(_best_texts(record)).characters,
        _counted("characters"),
        False,
    ),
)


def _compare_scores(a: RunRecord, b: RunRecord) -> None:
    pair = paired(a, b)
    if pair is not None:
        error = "" if pair.error is None else f", standard error {pair.error:.3f}"
        gap = _signed(pair.second - pair.first, _fraction)
        say()
        say(
            paragraph(
                f"On the {pair.rows} validation rows that the best of both were run on: "
                f"A {pair.first:.3f}, B {pair.second:.3f}, difference {gap}{error}."
            )
        )
    shared = equal_rollouts(a, b)
    if shared:
        lines = [
            (
                f"{mark:,}",
                _fraction(one.score),
                _fraction(other.score),
                _signed(other.score - one.score, _fraction),
            )
            for mark, one, other in shared
        ]
        _section(
            "Best score at equal rollouts", [("rollouts", "A", "B", "B - A"), *lines], frozenset({0, 1, 2, 3})
        )


def _show_texts(a: RunRecord, b: RunRecord) -> None:
    say()
    say(heading("Texts of the best, from A (-) to B (+)"))
    for line in _painted(clean(diff_texts(_best_texts(a), _best_texts(b)))):
        say(line)


def _best_texts(record: RunRecord) -> Mapping[str, Any]:
    return {} if record.best is None else record.members[record.best].texts


def _painted(diff: str) -> Iterator[str]:
    colors = {"- ": "red", "+ ": "green"}
    for line in diff.split("\n"):
        yield click.style(line, fg=colors[line[:2]]) if line[:2] in colors else line
