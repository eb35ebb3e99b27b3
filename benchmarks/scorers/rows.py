"""Rows to be scored, one JSON object a line, and their verdicts beside official ones.

IFBench and IFEval: `constraint`, `kwargs`, `answer`, which is judged as it stands (the strict rule).
LiveBench-Math: `task`, `subtask`, `truth`, `answer`, and the `question` where options are read from it. An
official verdict stands under the name of the rule set, else under `official`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.scorers.ifbench import check
from benchmarks.scorers.livebench.expression import Ask
from benchmarks.scorers.livebench.score import kind_of, score
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError, Verdict

SAME = 1e-6


@dataclass(frozen=True)
class Judged:
    """The verdict on a row.

    Attributes:
        line: Number of the row's line, from 1.
        group: The constraint, or the kind of question.
        verdict: By our scorer.
        official: The official score, 0 to 1; None if the row has none.
    """

    line: int
    group: str
    verdict: Verdict
    official: float | None

    @property
    def agrees(self) -> bool:
        """True unless there is an official verdict that differs."""
        return self.official is None or abs(self.verdict.score - self.official) < SAME


class RowError(ValueError):
    """A line is no row that can be scored; the message names it."""


def judge(task: str, lines: Iterable[bytes], rules: Rules, ask: Ask | None = None) -> Iterator[Judged]:
    """Score the rows of a file; blank lines are passed over.

    Args:
        task: One of `SCORED`.
        lines: JSON objects in UTF-8.
        rules: The rule set.
        ask: See `benchmarks.scorers.livebench.expression.score_expression`.

    Raises:
        RowError: A line is not UTF-8 or not JSON, or lacks something, or has a value that it cannot have.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
            group, verdict = SCORED[task](row, rules, ask)
            yield Judged(number, group, verdict, _official(row.get(rules, row.get("official"))))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise RowError(f"Line {number} is no row of {task}: {what.rstrip('.')}.") from error


def _official(value: Any) -> float | None:
    if value is None:
        return None
    score = float(value)
    if not 0 <= score <= 1:
        raise ValueError(f"its official verdict is {value!r}, and a score is from 0 to 1")
    return score


def _ifbench(row: Mapping[str, Any], rules: Rules, ask: Ask | None) -> tuple[str, Verdict]:
    id = row["constraint"]
    try:
        return id, Verdict(float(check(id, row["answer"], row["kwargs"], rules)), None)
    except StopsError as stop:
        return id, Verdict(0.0, None, f"the official checker raises on it, because {stop}")


def _livebench(row: Mapping[str, Any], rules: Rules, ask: Ask | None) -> tuple[str, Verdict]:
    kind = kind_of(row["task"], row["subtask"])
    return kind, score(
        kind,
        truth=row["truth"],
        answer=row["answer"],
        question=row.get("question", ""),
        ask=ask if rules == "today" else None,
    )


SCORED: Mapping[str, Callable[[Mapping[str, Any], Rules, Ask | None], tuple[str, Verdict]]] = {
    "ifbench": _ifbench,
    "livebench_math": _livebench,
}
