"""Rows that a returned candidate must pass: which are guarded, who fails one, and who may be returned.

A row is guarded if the original reaches its threshold. A candidate that falls below it there has a
regression; only one that is known to pass every guarded row may be returned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from dspy_gepa.program.media import elide, with_media
from dspy_gepa.search.pool import Pool
from dspy_gepa.types import Candidate, Effect, Outcome, Rollout, Row, not_passed, passed

MustPass: TypeAlias = Mapping[Row, float]
"""Rows that must pass, each with the lowest score that passes."""
NOTHING_GUARDED: MustPass = MappingProxyType({})
# Maximum number of characters of the original's output that the reflection model is shown of a regression.
OUTPUT_CHARS = 1_000


def guarded_rows(pool: Pool, must_pass: MustPass) -> MustPass:
    """Return the rows that the original passes."""
    return passed(must_pass, _scores(pool, 0, must_pass))


def regressions(pool: Pool, must_pass: MustPass, member: int) -> tuple[Row, ...]:
    """Return the guarded rows that a member is known to fail."""
    guarded = guarded_rows(pool, must_pass)
    return not_passed(guarded, _scores(pool, member, guarded))


def unchecked(pool: Pool, must_pass: MustPass, member: int) -> tuple[Row, ...]:
    """Return the guarded rows that a member still has to be run on."""
    return tuple(
        row
        for row, score in _scores(pool, member, guarded_rows(pool, must_pass)).items()
        if math.isnan(score) and (member, pool.column(row)) not in pool.unavailable
    )


def holds(pool: Pool, must_pass: MustPass, member: int) -> bool:
    """Return True if a member is known to pass every guarded row, so that it may be returned."""
    if not must_pass or member == 0:
        return True
    guarded = guarded_rows(pool, must_pass)
    return passed(guarded, _scores(pool, member, guarded)) == guarded


def failing(pool: Pool, must_pass: MustPass) -> set[int]:
    """Return the members that have a regression."""
    if not must_pass:
        return set()
    return {member.index for member in pool.members if regressions(pool, must_pass, member.index)}


def best_not_failing(pool: Pool, must_pass: MustPass) -> int:
    """Return the member with the highest expected score among those without a known regression."""
    mean = pool.belief.mean.copy()
    mean[[*failing(pool, must_pass)]] = -np.inf
    return int(mean.argmax())


def with_regressions(pool: Pool, must_pass: MustPass, parent: int, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return as many rows to reflect on, up to half of them the parent's regressions on train rows."""
    found = [row for row in regressions(pool, must_pass, parent) if row.split == "train"]
    return tuple(dict.fromkeys([*found[: -(-len(rows) // 2)], *rows]))[: len(rows)]


def show_regressions(
    pool: Pool, must_pass: MustPass, rows: Sequence[Row], outcomes: Sequence[Outcome]
) -> Generator[Sequence[Effect], Sequence[Any], tuple[Outcome, ...]]:
    """Return a parent's outcomes with each regression marked as such, within a step.

    The feedback says that the row must pass, and how the original answered it, which is on record.
    """
    guarded = guarded_rows(pool, must_pass)
    scores = {row: outcome.score for row, outcome in zip(rows, outcomes, strict=True)}
    lost = not_passed({row: guarded[row] for row in rows if row in guarded}, scores)
    if not lost:
        return tuple(outcomes)
    original: Candidate = pool.members[0].candidate
    results = yield [Rollout(original, row) for row in lost]
    notes = {row: _note(result) for row, result in zip(lost, results, strict=True)}
    return tuple(
        _noted(outcome, notes[row]) if row in notes else outcome
        for row, outcome in zip(rows, outcomes, strict=True)
    )


def _scores(pool: Pool, member: int, rows: Collection[Row]) -> dict[Row, float]:
    scores: list[float] = pool.table.at(member, pool.columns(tuple(rows))).tolist()
    return dict(zip(rows, scores, strict=True))


def _note(original: Outcome) -> str:
    output = json.dumps(dict(original.output), ensure_ascii=False, default=str)
    return (
        "This is a regression. This example must pass: it did with the program's original texts, and fails "
        "with the current ones. The new text must mend it and keep what else was gained. With the original "
        f"texts the output was: {elide(with_media(output, 0), OUTPUT_CHARS)}\n"
    )


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(
        outcome,
        feedback=note + outcome.feedback,
        component_feedback={name: note + text for name, text in outcome.component_feedback.items()},
    )
