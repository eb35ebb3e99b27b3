"""Small tasks for real models on a processor: answers are a few tokens long, rollouts take seconds.

`python -m benchmarks real --headroom` measures the seed and the hand-written instructions of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import dspy

from benchmarks.tasks.small import cards, hops, lines, queues, splits
from benchmarks.tasks.small.program import SmallMetric, SmallProgram
from benchmarks.tasks.task import Metric, Task

TRAIN, VAL, TEST = 60, 40, 100
_SIZE = TRAIN + VAL + TEST
_Data = str | Path | None


@dataclass(frozen=True)
class _Kind:
    """The texts of a task, what gives its rows, and what scores a prediction.

    search: makes what the program searches in, for a task that searches.
    """

    seeds: Mapping[str, str]
    signatures: Mapping[str, str]
    best: dict[str, str]
    rows: Callable[[Random, int, _Data], list[dspy.Example]]
    metric: Metric
    search: Callable[[_Data], hops.Search] | None = None


def _made(rows: Callable[[Random, int], list[dspy.Example]]) -> Callable[..., list[dspy.Example]]:
    return lambda rng, size, _: rows(rng, size)


_KINDS: Mapping[str, _Kind] = {
    "queues": _Kind(
        queues.SEEDS,
        queues.SIGNATURES,
        queues.BEST,
        queues.rows,
        SmallMetric({"sort": ("queue", queues.judge)}),
    ),
    "cards": _Kind(
        cards.SEEDS,
        cards.SIGNATURES,
        cards.BEST,
        _made(cards.rows),
        SmallMetric({"write": ("card", cards.judge)}),
    ),
    "splits": _Kind(
        splits.SEEDS,
        splits.SIGNATURES,
        splits.BEST,
        _made(splits.rows),
        SmallMetric(
            {name: (field, splits.judge_of(field)) for name, field in (("sort", "matter"), ("rank", "haste"))}
        ),
    ),
    "lines": _Kind(
        lines.SEEDS,
        lines.SIGNATURES,
        lines.BEST,
        _made(lines.rows),
        SmallMetric({"write": ("line", lines.judge)}),
    ),
    "hops": _Kind(hops.SEEDS, hops.SIGNATURES, hops.BEST, hops.rows, hops.metric, hops.search),
}
SMALL_NAMES = tuple(_KINDS)


def load(name: str, data_dir: str | Path | None = None, seed: int = 0) -> Task:
    """Load the task called `name`, one of `SMALL_NAMES`.

    Test rows are the same for every seed; train and validation rows are pooled and cut by the seed.
    Raises DataNotFound when a directory of data is named that lacks the task's files.
    """
    kind = _KINDS[name]
    found = kind.rows(Random(f"{name}/rows"), _SIZE, data_dir)
    search = kind.search(data_dir) if kind.search else None
    rest = found[TEST:]
    Random(f"{name}/{seed}").shuffle(rest)
    return Task(
        name=name,
        program=partial(
            SmallProgram, dict(kind.seeds), dict(kind.signatures), search.follows if search else None
        ),
        metric=kind.metric,
        train=rest[:TRAIN],
        val=rest[TRAIN : TRAIN + VAL],
        test=found[:TEST],
        task_role=None,
        reflection_role=None,
        best_instructions=kind.best,
        searched=search.retriever.identity if search else "",
    )
