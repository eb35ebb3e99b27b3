"""A cell of a comparison: one arm on one task with one seed, and its result file."""

from __future__ import annotations

import hashlib
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import dspy
import numpy as np

import dspy_gepa
from benchmarks.harness.files import read_json
from benchmarks.harness.models import SIMULATED_MODELS, Models
from benchmarks.scorers.rules import Rules
from benchmarks.tasks import Task, load


@dataclass(frozen=True)
class Rows:
    """Maximum numbers of rows; None for all test rows."""

    train: int = 100
    val: int = 40
    test: int | None = 200

    def of(self, task: Task, seed: int) -> Task:
        """Return the task with its rows cut.

        Train and validation rows are drawn with the seed; test rows are the first, the same for all seeds.
        If the rows are the tasks to be solved, there is one set of them.
        """
        rng = Random(f"{seed}/rows")
        train = rng.sample(task.train, min(self.train, len(task.train)))
        if task.inference_time:
            return replace(task, train=train, val=train, test=train)
        val = rng.sample(task.val, min(self.val, len(task.val)))
        return replace(task, train=train, val=val, test=task.test[: self.test])


class OtherParametersError(Exception):
    """A result file was made with other parameters than those requested."""


@dataclass(frozen=True)
class Cell:
    """The parameters of one run; together with the versions they are all that is needed to repeat it.

    Attributes:
        task: Name of the task.
        arm: Name of the arm, such as an optimizer.
        seed: Random seed of the task's splits, of the simulated models and of the optimizer.
        budget: Maximum number of the optimizer's rollouts.
        rows: Maximum numbers of rows.
        models: The models.
        budgets: Budgets at which programs are measured, at most `budget`.
        rules: Rule set of the scorer, for the tasks in `benchmarks.tasks.WITH_RULES`.
    """

    task: str
    arm: str
    seed: int
    budget: int
    rows: Rows = Rows()
    models: Models = SIMULATED_MODELS
    budgets: tuple[int, ...] = ()
    rules: Rules = "paper"

    PARAMETERS: ClassVar[str] = "parameters"  # the key of `parameters` in a result

    @property
    def name(self) -> str:
        """Name of the cell for people."""
        return f"{self.task}, {self.arm}, seed {self.seed}"

    def file(self, out: Path) -> Path:
        """Return the path of the result."""
        return out / self.task / f"{self.arm}-seed{self.seed}.json"

    def parameters(self) -> dict[str, Any]:
        """Return, as JSON data, the parameters that a stored result must agree with to be used again."""
        rows = self.rows
        budgets = list(self.budgets or (self.budget,))
        return {
            "budgets": budgets,
            "largest": self.budget,
            "train": rows.train,
            "val": rows.val,
            "test": rows.test,
        }

    def origin(self) -> dict[str, Any]:
        """Return what a result says of the run that it comes from."""
        return {
            "arm": self.arm,
            "world": self.task,
            "seed": self.seed,
            "models": self.models.label,
            "parameters": self.parameters(),
            "versions": VERSIONS,
        }

    def stored(self, out: Path) -> dict[str, Any] | None:
        """Return the cell's result, or None.

        Raises:
            OtherParametersError: There is a result with other parameters.
        """
        file = self.file(out)
        if not file.exists():
            return None
        result: dict[str, Any] = read_json(file)
        found, wanted = result[self.PARAMETERS], self.parameters()
        if found != wanted:
            differing = [name for name in wanted if found.get(name) != wanted[name]]
            told = ", ".join(f"{name} {found.get(name)!r}, not {wanted[name]!r}" for name in differing)
            raise OtherParametersError(
                f"{file} was made with {told}. Request the same, delete it, or choose another --out."
            )
        return result

    def load(self, data_dir: str | None = None) -> Task:
        """Load the task, and cut its rows."""
        task = load(self.task, data_dir, self.seed, judge=self.models.judge_lm(), rules=self.rules)
        return self.rows.of(task, self.seed)

    @contextmanager
    def playing(self, task: Task) -> Iterator[None]:
        """Set the task's model, and the global random generators, from which some optimizers draw."""
        random.seed(self.seed)
        np.random.seed(self.seed)
        with dspy.context(lm=self.models.task_lm(task, self.seed)):
            yield


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("dspy", "gepa", "dspy-gepa")},
    }


def _source() -> str:
    files = sorted(Path(dspy_gepa.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:8]


# Read when the process starts: by the end of a long run the files may differ from what was imported.
VERSIONS = {**versions(), "dspy_gepa source": _source()}
