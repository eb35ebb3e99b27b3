"""IFBench's checkers: their verdicts against the official ones, and the rows that they will judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import dspy

from benchmarks.commands.checks.check import Check
from benchmarks.commands.checks.official import agreement
from benchmarks.scorers.ifbench import describe
from benchmarks.scorers.ifbench.verify import verify
from benchmarks.scorers.rules import RULES
from benchmarks.simulated.worlds.writing.crafts import craft
from benchmarks.simulated.worlds.writing.drafts import draft
from benchmarks.tasks import ifbench

SIZES = (150, 300, 294)
REACHED = 0.95


def check(data_dir: Path) -> Iterator[Check]:
    """Verdicts, cases, sizes, parameters; made answers that follow, and empty ones that do not."""
    yield from agreement("ifbench", RULES)
    reports = verify()
    count, wrong = sum(r.count for r in reports), sum(len(r.failures) for r in reports)
    note = f"words:start_verb and the {len(reports) - 1} constraints of IFTrain"
    yield Check("cases of the checkers without official verdicts", count, count - wrong, note)
    task = ifbench.load(data_dir)
    sizes = (len(task.train), len(task.val), len(task.test))
    yield Check(f"train, validation and test have {SIZES} rows", 1, int(sizes == SIZES), f"{sizes}")
    everything = [*task.train, *task.val, *task.test]
    asked = [pair for row in everything for pair in row.constraints]
    known = [id for id, kwargs in asked if _has_checker(id, kwargs)]
    yield Check("constraints with a checker and the parameters it takes", len(asked), len(known))
    rows = [row for row in everything if all(_has_checker(id, kwargs) for id, kwargs in row.constraints)]
    empty = [ifbench.metric(row, dspy.Prediction(final_response=" ")).score for row in rows]
    yield Check("an empty response scores 0", len(rows), empty.count(0.0))
    single = [row for row in rows if len(row.constraints) == 1]
    reached = [ifbench.metric(row, dspy.Prediction(final_response=_made(row))).score for row in single]
    share = sum(reached) / max(1, len(single))
    what = f"answers made to follow the one constraint of a row do so, in at least {REACHED:.0%} of rows"
    yield Check(what, 1, int(share >= REACHED), f"{share:.1%} of {len(single)}")


def _has_checker(id: str, kwargs: Mapping[str, object]) -> bool:
    try:
        describe(id, kwargs)
    except ValueError:
        return False
    return True


def _made(row: dspy.Example) -> str:
    id, kwargs = row.constraints[0]
    return craft(id, kwargs, draft(row.query, 5, row.query))
