"""One cell of a comparison: one optimizer on one task with one seed, from loading to the test score."""

from __future__ import annotations

import json
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import dspy
import litellm
import numpy as np

from benchmarks.harness.arms import BASELINE, optimize
from benchmarks.harness.evaluation import scores
from benchmarks.harness.models import Models
from benchmarks.harness.others import transfer
from benchmarks.harness.setting import Setting
from benchmarks.tasks import Task, load
from dspy_gepa.views.choice import Mode

LONGEST_NAME = 60
RESULT = "result.json"


@dataclass(frozen=True)
class Cell:
    """What is run; together with the versions it is all that is needed to repeat it.

    Attributes:
        task: Name of the task.
        optimizer: Name of the optimizer.
        budget: Rollouts the optimizer may spend.
        seed: Seed of the task's splits, of the simulated models and of the optimizer.
        train: Train rows used, at most.
        val: Validation rows used, at most.
        models: The models.
        test: Test rows used, at most; None for all.
        paper: The budget is the paper's, see `benchmarks.harness.setting.Setting`.
        prompts: Folder with another model's results, for the optimizer `transfer` alone.
    """

    task: str
    optimizer: str
    budget: int
    seed: int
    train: int
    val: int
    models: Models
    test: int | None = None
    paper: bool = False
    prompts: str | None = None

    @property
    def name(self) -> str:
        """Unique among cells of the same models; also the name of the result's directory."""
        budget = "paper" if self.paper else self.budget
        return f"{self.task}-{self.optimizer}-{budget}-seed{self.seed}"

    def parameters(self) -> dict[str, Any]:
        """What a result must agree in to be this cell's, as JSON data; a server's address does not matter."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        del found["models"]["api_base"]
        if self.prompts is None:
            del found["prompts"]
        return found

    @property
    def source(self) -> Path | None:
        """The result whose instructions are taken over, if any."""
        name = replace(self, optimizer=transfer.SOURCE).name
        return Path(self.prompts) / name / RESULT if self.prompts else None


def task_of(cell: Cell, data_dir: str | None) -> Task:
    """The cell's task with its rows cut."""
    return cut(load(cell.task, data_dir, cell.seed, judge=cell.models.judge_lm()), cell)


def run_cell(
    cell: Cell,
    *,
    data_dir: str | None,
    threads: int,
    log_dir: str | None = None,
    gpu_server: str | None = None,
    before: Sequence[float] | None = None,
    told: Callable[[int], None] | None = None,
    progress: Mode = "off",
) -> dict[str, Any]:
    """Run a cell and measure the program on the test rows before and after.

    Args:
        cell: What is run.
        data_dir: Where local data is.
        threads: Rollouts at a time.
        log_dir: Where an optimizer may keep a journal.
        gpu_server: For the optimizer that trains a model.
        before: Test scores of the seed program where they are known; they need not be paid again then.
        told: Called with the count of the optimizer's rollouts after each of them.
        progress: How our own optimizer shows how far it is; comparisons show that themselves.

    Returns:
        JSON-like data, except for `result`, our own `GEPAResult`, which is there for printing. Where the rows
        are the tasks to be solved, `tasks` names them.

    Raises:
        InfrastructureError: A provider failed for good, in our optimizer or in a test.
    """
    random.seed(cell.seed)  # should an optimizer draw from the global generators
    np.random.seed(cell.seed)
    task = task_of(cell, data_dir)
    with dspy.context(lm=cell.models.task_lm(task, cell.seed)):
        if before is None:
            before = scores(task, task.program(), task.test, threads)
        started = time.perf_counter()
        setting = Setting(
            task=task,
            reflection_lm=cell.models.reflection_lm(task, cell.seed),
            budget=cell.budget,
            seed=cell.seed,
            threads=threads,
            log_dir=log_dir,
            paper=cell.paper,
            gpu_server=gpu_server,
            prompts=cell.source,
            progress=progress,
        )
        optimized = optimize(cell.optimizer, setting, told)
        seconds = time.perf_counter() - started
        unchanged = cell.optimizer == BASELINE
        after = list(before) if unchanged else scores(task, optimized.program, task.test, threads)
    return {
        "models_note": cell.models.label,
        "cell": cell.parameters(),
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("dspy", "dspy-gepa", "gepa")},
        },
        "test_before": _mean(before),
        "test_after": _mean(after),
        "test_scores_before": list(before),
        "test_scores_after": after,
        "test_rows": len({json.dumps(dict(row.inputs()), default=str) for row in task.test}),
        "prompt_tokens": prompt_tokens(task, optimized.program),
        "metric_calls": optimized.metric_calls,
        "seconds": round(seconds, 2),
        "instructions_before": task.texts_of(task.program()),
        "instructions_after": task.texts_of(optimized.program),
        **optimized.details,
        **({"tasks": [_named(row) for row in task.val]} if task.inference_time else {}),
    }


def cut(task: Task, cell: Cell) -> Task:
    """The task with its rows cut to the cell's sizes.

    Train and validation rows are drawn by the cell's seed; test rows are the first, the same for all seeds.
    Where the rows are the tasks to be solved, there is one set of them.
    """
    rng = Random(f"{cell.seed}/rows")
    train = rng.sample(task.train, min(cell.train, len(task.train)))
    if task.inference_time:
        return replace(task, train=train, val=train, test=train)
    val = rng.sample(task.val, min(cell.val, len(task.val)))
    return replace(task, train=train, val=val, test=task.test[: cell.test])


def instructions(program: dspy.Module) -> dict[str, str]:
    """Instruction text by predictor."""
    return {name: predictor.signature.instructions for name, predictor in program.named_predictors()}


def prompt_tokens(task: Task, program: dspy.Module) -> int:
    """Tokens of all optimized texts and demonstrations, by the encoding that LiteLLM brings along."""
    demos = [
        str(value)
        for predictor in program.predictors()
        for demo in predictor.demos
        for value in dict(demo).values()
    ]
    return sum(len(litellm.encoding.encode(text)) for text in [*task.texts_of(program).values(), *demos])


def _named(row: dspy.Example) -> str:
    first = next(iter(row.inputs().values()), "")
    return str(first)[:LONGEST_NAME]


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0
