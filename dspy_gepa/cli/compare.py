"""``dspy-gepa compare RUN RUN``: two runs beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from dspy_gepa.cli.comparison import differences, equal_rollouts, obstacles, paired
from dspy_gepa.cli.figures import fraction, result_rows, score_rows, signed
from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean, facts, heading, paragraph, say, table
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.texts import diff_texts


@click.command(epilog=explained("dspy-gepa compare runs/one runs/two --no-texts"))
@run_argument("first")
@run_argument("second")
@click.option("--no-texts", is_flag=True, help="Leave out how the best texts differ.")
def compare(first: Path, second: Path, *, no_texts: bool) -> None:
    """Set two runs beside each other: scores, costs, texts.

    Scores are compared only where data and metric are the same; a metric is known by its name.
    """
    a, b = read_run(first), read_run(second)
    settings = read_settings(first), read_settings(second)
    reasons = obstacles(*settings)
    for line in facts([("A", str(first)), ("B", str(second))]):
        say(line)
    _section("Result")
    header, *rows = result_rows(a, b, comparable=not reasons)
    _lines(table(header, rows, right=frozenset({1, 2, 3})))
    say()
    if reasons:
        say(paragraph(f"Their scores cannot be compared: {'; '.join(reasons)}."))
    else:
        _compare_scores(a, b)
    _section("Settings that differ")
    differ = differences(*settings)
    _lines(table(("setting", "A", "B"), differ) if differ else ["none"])
    if not no_texts:
        _section("Texts of the best, from A (-) to B (+)")
        _lines(_painted(clean(diff_texts(_best_texts(a), _best_texts(b)))))


def _section(title: str) -> None:
    say()
    say(heading(title))


def _lines(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        say(line)


def _compare_scores(a: RunRecord, b: RunRecord) -> None:
    pair = paired(a, b)
    if pair is None:
        say(paragraph("There is no validation row that the best of both were run on."))
    else:
        error = "" if pair.error is None else f", standard error {pair.error:.3f}"
        gap = signed(pair.second - pair.first, fraction)
        means = f"A {pair.first:.3f}, B {pair.second:.3f}, difference {gap}{error}"
        say(paragraph(f"On the {pair.rows} validation rows that the best of both were run on: {means}."))
    shared = equal_rollouts(a, b)
    if shared:
        _section("Best score at equal rollouts")
        header, *rows = score_rows(shared)
        _lines(table(header, rows, right=frozenset({0, 1, 2, 3})))


def _best_texts(record: RunRecord) -> Mapping[str, str]:
    return {} if record.best is None else record.members[record.best].texts


def _painted(diff: str) -> Iterator[str]:
    colors = {"- ": "red", "+ ": "green"}
    for line in diff.split("\n"):
        yield click.style(line, fg=colors[line[:2]]) if line[:2] in colors else line
