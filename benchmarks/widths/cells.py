"""One run of our optimizer at a width and a budget: its test score and its work, and its file."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import dspy
import numpy as np

from benchmarks.harness import cell as experiment
from benchmarks.harness.models import Models
from benchmarks.peers.arms import Bench, Meters, Outcome
from benchmarks.peers.cells import VERSIONS, Cell, Size, Tester, parameters
from benchmarks.tasks import load
from benchmarks.widths.clockwork import StepWork, Work
from benchmarks.widths.recording import REFLECTION, ROLLOUT, RecordedGEPA
from dspy_gepa.program.build import build_program


@dataclass(frozen=True)
class WidthCell(Cell):
    """What is run; the budget is the size's largest."""

    width: int

    @classmethod
    def of(cls, world: str, seed: int, width: int, size: Size) -> WidthCell:
        return cls(f"budget{size.largest}-width{width}", world, seed, size, width)


def cells(
    worlds: Iterable[str], seeds: int, budgets: Iterable[int], widths: Iterable[int], size: Size
) -> list[WidthCell]:
    """All of them, seeds outermost, so that an interrupted run has whole seeds."""
    return [
        WidthCell.of(world, seed, width, replace(size, budgets=(budget,), largest=budget))
        for seed, world, budget, width in product(range(seeds), worlds, budgets, widths)
    ]


def run_cell(cell: WidthCell) -> dict[str, Any]:
    """Run a cell; gives what its file holds."""
    random.seed(cell.seed)
    np.random.seed(cell.seed)
    size, models, started = cell.size, Models(), time.process_time()
    loaded = load(cell.world, None, cell.seed)
    rows = experiment.Cell(cell.world, cell.arm, size.largest, cell.seed, size.train, size.val, models)
    task = replace(experiment.cut(loaded, rows), test=loaded.test[: size.test])
    with dspy.context(lm=models.task_lm(task, cell.seed)):
        outcome, work = measure(Bench(task, cell.seed, size.budgets, size.largest), cell.width)
        point = Tester(task).point(outcome)
    return {
        "world": cell.world,
        "seed": cell.seed,
        "width": cell.width,
        "models": models.label,
        "parameters": parameters(cell),
        "versions": VERSIONS,
        "latencies": {"rollout": asdict(ROLLOUT), "reflection": asdict(REFLECTION)},
        "processor_seconds": round(time.process_time() - started, 2),
        **point,
        "work": to_plain(work),
    }


def measure(bench: Bench, width: int) -> tuple[Outcome, Work]:
    """Run our optimizer; what it returned and what it did for it."""
    meters = Meters(bench)
    optimizer = RecordedGEPA(
        meters.metric,
        max_metric_calls=bench.largest,
        reflection_lm=meters.lm,
        num_threads=1,
        width=width,
        seed=bench.seed,
        progress="off",
    )
    student = bench.task.program()
    search, work = optimizer.record(student, bench.task.train, bench.task.val)
    found, calls = search.choice, meters.metric.calls
    program = build_program(student, search.pool.members[found.member].candidate)
    outcome = Outcome(
        program, bench.largest, calls, calls, found.score, found.interval, *meters.tally.until()
    )
    return outcome, work


def to_plain(work: Work) -> dict[str, Any]:
    """For a file; a step is a line of text, which takes a tenth of the lines that lists would take."""
    return {
        "seconds": " ".join(f"{seconds:g}" for seconds in work.seconds),
        "steps": [
            f"{step.after}: {'; '.join(' '.join(map(str, batch)) for batch in step.batches)}"
            for step in work.steps
        ],
    }


def from_data(data: dict[str, Any]) -> Work:
    """The work in a file."""
    return Work(tuple(map(_step, data["steps"])), tuple(map(float, data["seconds"].split())))


def _step(line: str) -> StepWork:
    after, _, batches = line.partition(": ")
    split = batches.split("; ") if batches else []
    return StepWork(int(after), tuple(tuple(map(int, batch.split())) for batch in split))
