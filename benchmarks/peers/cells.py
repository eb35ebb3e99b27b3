"""One cell of the comparison, one arm on one world with one seed: its test scores, and its file."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import random
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import dspy
import numpy as np

import dspy_gepa
from benchmarks.harness import cell as experiment
from benchmarks.harness.cell import instructions
from benchmarks.harness.evaluation import scores
from benchmarks.harness.files import write_json
from benchmarks.harness.models import Models
from benchmarks.peers.arms import PEERS, VARIANTS, Bench, Outcome
from benchmarks.tasks import Task, load

BASELINE = "baseline"  # the seed program and the hand-made one, no optimizer


@dataclass(frozen=True)
class Size:
    """What cells must share to be comparable.

    budgets: metric calls at which programs are asked for.
    largest: budget of arms that run once and are read off at the smaller budgets.
    train, val, test: rows used, at most.
    """

    budgets: tuple[int, ...]
    largest: int
    train: int = 100
    val: int = 40
    test: int = 200


@dataclass(frozen=True)
class Cell:
    """What is run."""

    arm: str
    world: str
    seed: int
    size: Size

    def file(self, out: Path) -> Path:
        return out / self.world / f"{self.arm}-seed{self.seed}.json"


class OtherParametersError(Exception):
    """A result file was made with other parameters than those asked for."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """Run a cell; gives what its file holds."""
    random.seed(cell.seed)  # should an optimizer draw from the global generators
    np.random.seed(cell.seed)
    size, models = cell.size, Models()
    loaded = load(cell.world, None, cell.seed)
    rows = experiment.Cell(cell.world, cell.arm, size.largest, cell.seed, size.train, size.val, models)
    task = replace(experiment.cut(loaded, rows), test=loaded.test[: size.test])
    tester = Tester(task)
    started, used = time.perf_counter(), time.process_time()
    with dspy.context(lm=models.task_lm(task, cell.seed)):
        if cell.arm == BASELINE:
            found: dict[str, Any] = {
                "seed_test": tester.score(task.program()),
                "best_test": tester.score(task.best_program()),
            }
        else:
            arm = (PEERS | VARIANTS)[cell.arm]
            outcomes = arm(Bench(task, cell.seed, size.budgets, size.largest))
            found = {"points": [tester.point(outcome) for outcome in outcomes]}
    return {
        "arm": cell.arm,
        "world": cell.world,
        "seed": cell.seed,
        "models": models.label,
        "parameters": parameters(cell),
        "versions": VERSIONS,
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(time.process_time() - used, 2),
        **found,
    }


class Tester:
    """Measures programs on test rows, every text once."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._seed = prompt_of(task.program())
        self._known: dict[str, list[float]] = {}

    def score(self, program: dspy.Module) -> float:
        """The mean test score."""
        return fmean(self._scores(program))

    def error(self, program: dspy.Module) -> float:
        """The standard error of the mean test score, from the number of test rows."""
        known = self._scores(program)
        return stdev(known) / math.sqrt(len(known)) if len(known) > 1 else 0.0

    def _scores(self, program: dspy.Module) -> list[float]:
        key = json.dumps(prompt_of(program), default=str, sort_keys=True)
        if key not in self._known:
            self._known[key] = list(scores(self._task, program, self._task.test, 1))
        return self._known[key]

    def point(self, outcome: Outcome) -> dict[str, Any]:
        """What a file tells of an outcome."""
        program = outcome.program
        return {
            "budget": outcome.budget,
            "metric_calls": outcome.metric_calls,
            "total_metric_calls": outcome.total,
            "test": self.score(program),
            "test_error": self.error(program),
            "reported": outcome.reported,
            "interval": outcome.interval,
            "returned_seed": prompt_of(program) == self._seed,
            "instruction_chars": sum(map(len, instructions(program).values())),
            "demo_chars": sum(len(demo) for demos in prompt_of(program)["demos"].values() for demo in demos),
            "reflection_calls": outcome.reflection_calls,
            "reflection_tokens": outcome.reflection_tokens,
        }


def prompt_of(program: dspy.Module) -> dict[str, Any]:
    """All that an optimizer can have changed: instructions and demonstrations by predictor, as text."""
    demos = {
        name: [" ".join(map(str, dict(demo).values())) for demo in predictor.demos]
        for name, predictor in program.named_predictors()
    }
    return {"instructions": instructions(program), "demos": demos}


def parameters(cell: Cell) -> dict[str, Any]:
    """What a file must agree in to be used again."""
    return json.loads(json.dumps(asdict(cell.size)))  # type: ignore[no-any-return]  # tuples become lists


def is_done(cell: Cell, out: Path) -> bool:
    """Whether the cell has a result.

    Raises:
        OtherParametersError: It has one with other parameters.
    """
    file = cell.file(out)
    if not file.exists():
        return False
    found = json.loads(file.read_text(encoding="utf-8"))["parameters"]
    if found != parameters(cell):
        raise OtherParametersError(
            f"{file} was made with {found}, not with {parameters(cell)}. Ask for the same, delete it, "
            "or choose another --out."
        )
    return True


def save(result: dict[str, Any], file: Path) -> None:
    """Write a result whole or not at all."""
    write_json(result, file)


def _source() -> str:
    files = sorted(Path(dspy_gepa.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:8]


# When the process starts: what it has imported is not what a file may hold by the end of a long run.
VERSIONS = {
    "python": platform.python_version(),
    **{name: version(name) for name in ("dspy", "gepa", "dspy-gepa")},
    "dspy_gepa source": _source(),
}
