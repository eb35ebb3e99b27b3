"""One cell of a comparison: one optimizer on one task with one seed, from loading to the test score."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import dspy

from benchmarks.models import Models
from benchmarks.optimizers import Setting, optimize
from benchmarks.tasks import Task, load


@dataclass(frozen=True)
class Cell:
    """What is run; together with the versions it is all that is needed to repeat it.

    Attributes:
        task: Name of the task.
        optimizer: Name of the optimizer.
        budget: Rollouts the optimizer may spend.
        seed: Seed of the task's splits, of the simulated models and of the optimizer.
        train: Train rows used.
        val: Validation rows used.
        models: The models.
    """

    task: str
    optimizer: str
    budget: int
    seed: int
    train: int
    val: int
    models: Models

    @property
    def name(self) -> str:
        """Unique within a comparison; also the result's file name."""
        return f"{self.task}-{self.optimizer}-{self.budget}-seed{self.seed}"


def run_cell(cell: Cell, *, data_dir: str | None, threads: int, log_dir: str | None = None) -> dict[str, Any]:
    """Run a cell and measure the program on the test rows before and after.

    Returns:
        JSON-like data, except for `result`, our own `GEPAResult`, which is there for printing.
    """
    task = cut(load(cell.task, data_dir, cell.seed, judge=cell.models.judge_lm()), cell)
    with dspy.context(lm=cell.models.task_lm(task, cell.seed)):
        before = test_scores(task, task.program(), threads)
        started = time.perf_counter()
        setting = Setting(
            task=task,
            reflection_lm=cell.models.reflection_lm(task, cell.seed),
            budget=cell.budget,
            seed=cell.seed,
            threads=threads,
            log_dir=log_dir,
        )
        optimized = optimize(cell.optimizer, setting)
        seconds = time.perf_counter() - started
        after = test_scores(task, optimized.program, threads)
    return {
        "models_note": cell.models.label,
        "cell": asdict(cell),
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("dspy", "dspy-gepa", "gepa")},
        },
        "test_before": _mean(before),
        "test_after": _mean(after),
        "test_scores_before": before,
        "test_scores_after": after,
        "metric_calls": optimized.metric_calls,
        "seconds": round(seconds, 2),
        "instructions_before": instructions(task.program()),
        "instructions_after": instructions(optimized.program),
        **optimized.details,
    }


def cut(task: Task, cell: Cell) -> Task:
    """The task with its train and validation rows cut to the cell's sizes, drawn by the cell's seed."""
    rng = Random(f"{cell.seed}/rows")
    return replace(
        task,
        train=rng.sample(task.train, min(cell.train, len(task.train))),
        val=rng.sample(task.val, min(cell.val, len(task.val))),
    )


def test_scores(task: Task, program: dspy.Module, threads: int) -> list[float]:
    """The score of every test row, in order, by `dspy.Evaluate`; failed rows count 0."""
    evaluate = dspy.Evaluate(
        devset=task.test, metric=task.metric, num_threads=threads, display_progress=False, failure_score=0.0
    )
    return [float(score) for _, _, score in evaluate(program).results]


def instructions(program: dspy.Module) -> dict[str, str]:
    """Instruction text by predictor."""
    return {name: predictor.signature.instructions for name, predictor in program.named_predictors()}


def save(result: dict[str, Any], directory: Path, cell: Cell) -> Path:
    """Write a result as JSON and say where."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{cell.name}.json"
    data = {key: value for key, value in result.items() if key != "result"}
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    return path


def _mean(scores: list[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0
