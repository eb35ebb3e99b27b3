"""Our verdicts beside those of the official scorers, on answers that were made up for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.commands.checks.check import Check
from benchmarks.scorers.rows import judge
from benchmarks.scorers.rules import Rules

VERDICTS = Path(__file__).parents[2] / "scorers" / "verdicts"


def agreement(task: str, rule_sets: Sequence[Rules], most: int | None = None) -> Iterator[Check]:
    """A check for each rule set: the rows on which our scorer and the official one agree.

    most: rows that are tried, spread over the file; None for all.
    """
    lines = (VERDICTS / f"{task}.jsonl").read_bytes().splitlines()
    step = 1 if most is None else max(1, len(lines) // most)
    for rules in rule_sets:
        judged = list(judge(task, lines[::step], rules))
        differing = [row.line for row in judged if not row.agrees]
        note = f"differing rows: {', '.join(map(str, differing[:5]))}" if differing else ""
        yield Check(
            f"verdicts of the official scorer, rules {rules}", len(judged), len(judged) - len(differing), note
        )
