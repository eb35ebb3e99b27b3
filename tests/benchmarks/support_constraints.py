"""Parameters of every constraint, and answers that follow it with these: some by the official verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.commands.checks.official import VERDICTS
from benchmarks.scorers.ifbench.cases import CASES

_ROWS = [json.loads(line) for line in (VERDICTS / "ifbench.jsonl").read_text(encoding="utf-8").splitlines()]
KWARGS: Mapping[str, Mapping[str, Any]] = {
    **{row["constraint"]: row["kwargs"] for row in reversed(_ROWS)},
    **{id: cases.kwargs for id, cases in CASES.items()},
}


def following(id: str) -> list[str]:
    """Answers that follow the constraint `id` with `KWARGS[id]`, by the rules of the paper."""
    if id in CASES:
        return list(CASES[id].follow)
    rows = [row for row in _ROWS if row["constraint"] == id and row["kwargs"] == KWARGS[id]]
    return [row["answer"] for row in rows if row["paper"]]
