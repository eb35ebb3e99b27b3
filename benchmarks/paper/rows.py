"""The cells of a matrix, and those of a row of the paper's tables."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import dspy

from benchmarks.harness.arms import BASELINE, REFLECTION_PROMPTS, TRANSFER, optimize
from benchmarks.harness.cell import Cell, Rows, versions
from benchmarks.harness.evaluation import prompt_tokens, scores
from benchmarks.harness.models import JUDGING, Models
from benchmarks.harness.others import transfer
from benchmarks.harness.setting import RefusedError, Setting
from benchmarks.scorers.rules import Rules
from benchmarks.tasks import WITH_JUDGE, WITH_RULES, Task
from dspy_gepa.views.choice import Mode

EVERYTHING = 1_000_000  # rows, to request all
LONGEST_NAME = 60
RESULT = "result.json"


@dataclass(frozen=True)
class PaperCell(Cell):
    """A cell with a directory of its own for its result, usage and journal.

    Attributes:
        paper: The budget is the paper's, see `benchmarks.harness.setting.Setting`.
        prompts: Directory of another model's results, for the optimizer `transfer` only.
        data: Fingerprint of the task's rows and corpus, see `benchmarks.tasks.Task`; those of seed 0, from
            which the other seeds' are cut.
    """

    paper: bool = False
    prompts: str | None = None
    data: str = ""

    PARAMETERS: ClassVar[str] = "cell"

    @property
    def name(self) -> str:
        """Name of the cell, unique for its models; also the name of its directory."""
        return f"{self.task}-{self.arm}-{'paper' if self.paper else self.budget}-seed{self.seed}"

    def file(self, out: Path) -> Path:
        """Return the path of the result, in the cell's directory."""
        models = dict.fromkeys((self.models.task, self.models.reflection))
        return out / re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(models)) / self.name / RESULT

    def parameters(self) -> dict[str, Any]:
        """Return, as JSON data, what a result must agree with; the address of a server does not matter."""
        models: dict[str, Any] = json.loads(json.dumps(asdict(self.models)))
        del models["api_base"]
        found = {
            "task": self.task,
            "optimizer": self.arm,
            "budget": self.budget,
            "seed": self.seed,
            **asdict(self.rows),
            "models": models,
            "paper": self.paper,
            "data": self.data,
        }
        if self.arm in REFLECTION_PROMPTS:
            found["reflection_prompt"] = REFLECTION_PROMPTS[self.arm]
        if self.task in WITH_RULES:
            found["rules"] = self.rules
        if self.task in WITH_JUDGE:
            found["judging"] = dict(JUDGING)
        return found if self.prompts is None else {**found, "prompts": self.prompts}

    @property
    def source(self) -> Path | None:
        """Result whose instructions are taken over, if any."""
        if self.prompts is None:
            return None
        budget = "paper" if self.paper else self.budget
        return Path(self.prompts) / f"{self.task}-{transfer.SOURCE}-{budget}-seed{self.seed}" / RESULT


def cells(
    tasks: Sequence[str],
    arms: Iterable[str],
    seeds: Iterable[int],
    *,
    models: Models,
    train: int,
    val: int | None,
    test: int | None,
    budget: int | None,
    paper_budget: Callable[[str], int],
    prompts: str | None = None,
    data_of: Callable[[str], str] = lambda task: "",
    rules: Rules = "paper",
) -> list[PaperCell]:
    """Return all cells, seeds outermost, so that an interrupted run has whole seeds.

    The test of the original program is a cell of its own, the first of its task and seed, and is paid once.

    val: maximum number of validation rows; None for as many as fit the budget.
    budget: rollouts of every optimizer; None for the paper's, from `paper_budget` by task.
    prompts: another model's results, for the optimizer that takes over its instructions.
    data_of: gives the fingerprint of a task's data.
    rules: rule set of the scorers.
    """
    found = []
    for seed, task, arm in product(seeds, tasks, dict.fromkeys([BASELINE, *arms])):
        rollouts = paper_budget(task) if budget is None else budget
        rows = Rows(train, val or (EVERYTHING if budget is None else max(10, rollouts // 12)), test)
        source = prompts if arm == TRANSFER else None
        found.append(
            PaperCell(
                task,
                arm,
                seed,
                rollouts,
                rows,
                models,
                rules=rules,
                paper=budget is None,
                prompts=source,
                data=data_of(task),
            )
        )
    return found


def refuse_substitute(task: Task, *, paper: bool) -> None:
    """Raise RefusedError where a run by the paper's budget would not search what the paper's did."""
    if paper and task.substitute:
        raise RefusedError(
            f"--budget paper makes figures to set beside the paper's, and {task.name} cannot be one of them: "
            f"{task.substitute}. Give a number of rollouts as --budget to run it all the same."
        )


def run_cell(
    cell: PaperCell,
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
        cell: The cell.
        data_dir: Directory of local data.
        threads: Rollouts at a time.
        log_dir: Directory for an optimizer's journal.
        gpu_server: For the optimizer that trains a model.
        before: Test scores of the original program, if known; they need not be paid again then.
        told: Called with the count of the optimizer's rollouts after each of them.
        progress: Progress display of our own optimizer.

    Returns:
        JSON-like data, except for `result`, our own `GEPAResult`, which is there for printing. If the rows
        are the tasks to be solved, `tasks` names them.

    Raises:
        InfrastructureError: A provider failed for good, in our optimizer or in a test.
        RefusedError: The optimizer cannot be run here, or not by the paper's budget.
    """
    task = cell.load(data_dir)
    refuse_substitute(task, paper=cell.paper)
    with cell.playing(task):
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
        found = optimize(cell.arm, setting, told)
        seconds = time.perf_counter() - started
        after = list(before)
        if cell.arm != BASELINE:
            after = scores(task, found.program, task.test, threads)
    return {
        "models_note": cell.models.label,
        "cell": cell.parameters(),
        "versions": versions(),
        "data": {"source": task.source, "searched": task.searched, "substitute": task.substitute},
        "conditions": dict(task.conditions()),
        "test_before": _mean(before),
        "test_after": _mean(after),
        "test_scores_before": list(before),
        "test_scores_after": after,
        "test_rows": len({json.dumps(dict(row.inputs()), default=str) for row in task.test}),
        "prompt_tokens": prompt_tokens(task, found.program),
        "metric_calls": found.metric_calls,
        "seconds": round(seconds, 2),
        "instructions_before": task.texts_of(task.program()),
        "instructions_after": task.texts_of(found.program),
        **found.details,
        **({"tasks": [_named(row) for row in task.val]} if task.inference_time else {}),
    }


def _named(row: dspy.Example) -> str:
    first = next(iter(row.inputs().values()), "")
    return str(first)[:LONGEST_NAME]


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0
