"""Which cells a command asks for, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from benchmarks.harness.arms import BASELINE, TRANSFER
from benchmarks.harness.cell import Cell
from benchmarks.harness.models import Models

EVERYTHING = 1_000_000  # rows, where all are asked for


@dataclass(frozen=True)
class Rows:
    """Rows used, at most; None for all test rows, and for validation rows that fit the budget."""

    train: int
    val: int | None
    test: int | None


def cells(
    tasks: Sequence[str],
    optimizers: Iterable[str],
    seeds: Iterable[int],
    *,
    models: Models,
    rows: Rows,
    budget: int | None,
    paper_budget: Callable[[str], int],
    prompts: str | None = None,
) -> list[Cell]:
    """All cells, seeds outermost, so that an interrupted run has whole seeds.

    The seed program's test is a cell of its own, the first of its task and seed: the others need not pay it.

    budget: rollouts of every optimizer; None for the paper's, which `paper_budget` gives by task.
    prompts: another model's results, for the optimizer that takes over its instructions.
    """
    names = dict.fromkeys([BASELINE, *optimizers])
    found = []
    for seed, task, optimizer in product(seeds, tasks, names):
        rollouts = paper_budget(task) if budget is None else budget
        val = rows.val or (EVERYTHING if budget is None else max(10, rollouts // 12))
        cell = Cell(task, optimizer, rollouts, seed, rows.train, val, models, rows.test, paper=budget is None)
        found.append(replace(cell, prompts=prompts) if optimizer == TRANSFER else cell)
    return found
