"""`python -m benchmarks score`: the verdicts of a scorer on rows of a file, beside official ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

import click
import dspy

from benchmarks.harness.options import rules_option
from benchmarks.scorers.rows import SCORED, Judged, RowError, judge
from benchmarks.scorers.rules import Rules
from benchmarks.tasks.livebench_math import asking


@click.command()
@click.argument("task", type=click.Choice(list(SCORED)))
@click.argument("file", type=click.File("rb"))
@rules_option
@click.option("--judge-lm", help="Model to be asked where LiveBench asks one today; only with --rules today.")
def score(task: str, file: BinaryIO, rules: Rules, judge_lm: str | None) -> None:
    """Score the rows of FILE, JSON Lines, by the scorer of TASK; "-" reads from standard input.

    Prints a JSON object for each row. If rows have official verdicts, the agreement follows on standard
    error, and the exit code is 1 if it is not complete.
    """
    if judge_lm is not None and (task, rules) != ("livebench_math", "today"):
        raise click.UsageError(
            "--judge-lm is asked for livebench_math with --rules today alone; leave it out."
        )
    ask = None if judge_lm is None else asking(dspy.LM(judge_lm))
    judged = []
    try:
        for row in judge(task, file, rules, ask):
            click.echo(_line(row))
            judged.append(row)
    except RowError as error:
        raise click.ClickException(str(error)) from error
    compared = [row for row in judged if row.official is not None]
    for line in _agreement(compared, rules):
        click.echo(line, err=True)
    if not all(row.agrees for row in compared):
        raise SystemExit(1)


def _line(row: Judged) -> str:
    """The verdict as JSON, readable where it can be printed: half a surrogate pair is escaped."""
    return json.dumps(_shown(row), ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _shown(row: Judged) -> dict[str, object]:
    found = row.verdict.found
    shown: dict[str, object] = {"line": row.line, "of": row.group, "score": row.verdict.score}
    if found is not None:
        shown |= {"read": found.text, "place": found.place}
    if row.verdict.note:
        shown["note"] = row.verdict.note
    if row.official is not None:
        shown |= {"official": row.official, "agrees": row.agrees}
    return shown


def _agreement(compared: Sequence[Judged], rules: Rules) -> list[str]:
    """The rows that agree, and where the others are."""
    if not compared:
        return ["No row has an official verdict to compare with."]
    differing = Counter(row.group for row in compared if not row.agrees)
    agreeing = len(compared) - differing.total()
    told = f"{agreeing} of {len(compared)} rows agree with the official verdict, by the rules {rules}."
    return [told, *(f"{group}: {count} rows differ" for group, count in differing.most_common())]
