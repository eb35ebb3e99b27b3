"""Small tasks for real models on a processor: answers are a few tokens long, rollouts take seconds.

`python -m benchmarks real --headroom` measures the seed and the hand-written instructions of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from random import Random

import dspy

from benchmarks.tasks.small import cards, lines, queues, splits
from benchmarks.tasks.small.program import Judge, SmallMetric, SmallProgram
from benchmarks.tasks.task import Task

TRAIN, VAL, TEST = 60, 40, 100
_SIZE = TRAIN + VAL + TEST


@dataclass(frozen=True)
class _Kind:
    """The texts of a task and what judges the output of each predictor."""

    seeds: Mapping[str, str]
    signatures: Mapping[str, str]
    best: dict[str, str]
    judges: Mapping[str, tuple[str, Judge]]


_KINDS: Mapping[str, _Kind] = {
    "queues": _Kind(queues.SEEDS, queues.SIGNATURES, queues.BEST, {"sort": ("queue", queues.judge)}),
    "cards": _Kind(cards.SEEDS, cards.SIGNATURES, cards.BEST, {"write": ("card", cards.judge)}),
    "splits": _Kind(
        splits.SEEDS,
        splits.SIGNATURES,
        splits.BEST,
        {name: (field, splits.judge_of(field)) for name, field in (("sort", "matter"), ("rank", "haste"))},
    ),
    "lines": _Kind(lines.SEEDS, lines.SIGNATURES, lines.BEST, {"write": ("line", lines.judge)}),
}
SMALL_NAMES = tuple(_KINDS)


def load(name: str, data_dir: str | Path | None = None, seed: int = 0) -> Task:
    """Load the task called `name`, one of `SMALL_NAMES`.

    Test rows are the same for every seed; train and validation rows are pooled and cut by the seed.
    """
    kind, found = _KINDS[name], _rows(name, data_dir)
    rest = found[TEST:]
    Random(f"{name}/{seed}").shuffle(rest)
    return Task(
        name=name,
        program=partial(SmallProgram, dict(kind.seeds), dict(kind.signatures)),
        metric=SmallMetric(kind.judges),
        train=rest[:TRAIN],
        val=rest[TRAIN : TRAIN + VAL],
        test=found[:TEST],
        task_role=None,
        reflection_role=None,
        best_instructions=kind.best,
    )


def _rows(name: str, data_dir: str | Path | None) -> list[dspy.Example]:
    rng = Random(f"{name}/rows")
    if name == "queues":
        found = queues.rows(data_dir)
        rng.shuffle(found)
        return _balanced(found)
    made = {"cards": cards.rows, "splits": splits.rows, "lines": lines.rows}
    return made[name](rng, _SIZE)


def _balanced(found: list[dspy.Example]) -> list[dspy.Example]:
    """Return rows with the queues in turn, as long as a queue has some."""
    by_queue = [[row for row in found if row.queue == queue] for queue in queues.QUEUES]
    return [row for turn in zip_longest(*by_queue) for row in turn if row is not None][:_SIZE]
