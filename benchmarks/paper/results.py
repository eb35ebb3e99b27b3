"""Reads the results of a matrix and adds them up by models, optimizer and task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import binomtest

from benchmarks.harness.arms import ARMS, unfit
from benchmarks.harness.files import read_json
from benchmarks.harness.meter import Usage, total
from benchmarks.harness.models import SIMULATED


@dataclass(frozen=True)
class Run:
    """One result.

    Attributes:
        models: Names of the task's and the reflection model.
        simulated: True if one of its models was simulated, the judge included.
        task: Its task; scored by other rules than the paper's it is a task of its own, "ifbench (today)".
        optimizer: Its optimizer.
        seed: Its seed.
        budget: Rollouts allowed, and whether by the paper's rule.
        scores: Of the test rows, 0 to 1.
        rows: Different rows among them: a question asked five times is one.
        metric_calls: Rollouts of the optimizer.
        usage: What models were asked, test and all sessions included.
        forecast: The same as it was foreseen, or None.
        prompt_tokens: Of instructions and demonstrations.
        curve: Rollouts spent and validation score of each candidate.
    """

    models: tuple[str, str]
    simulated: bool
    task: str
    optimizer: str
    seed: int
    budget: tuple[int, bool]
    scores: tuple[float, ...]
    rows: int
    metric_calls: int
    usage: Usage
    forecast: Usage | None
    prompt_tokens: int
    curve: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        """The test score, 0 to 1."""
        return fmean(self.scores)


@dataclass(frozen=True)
class Score:
    """Mean test score over seeds, with the 95 % interval that comes of having only so many test rows."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Group:
    """The runs of the same models at the same budget; `simulated` figures say nothing of a real model."""

    models: tuple[str, str]
    budget: str
    runs: tuple[Run, ...]

    @property
    def simulated(self) -> bool:
        """True if a model was simulated."""
        return any(run.simulated for run in self.runs)

    @property
    def tasks(self) -> list[str]:
        """Tasks, in the order in which they were found."""
        return list(dict.fromkeys(run.task for run in self.runs))

    @property
    def optimizers(self) -> list[str]:
        """Optimizers in the order of their registry; others after them."""
        found = dict.fromkeys(run.optimizer for run in self.runs)
        return [name for name in ARMS if name in found] + [n for n in found if n not in ARMS]

    def at(self, optimizer: str, task: str | None = None) -> list[Run]:
        """Runs of an optimizer, on a task or on all."""
        return [r for r in self.runs if r.optimizer == optimizer and task in (None, r.task)]

    @property
    def common(self) -> list[str]:
        """Tasks that every optimizer has results for: means are taken over these alone."""
        return [task for task in self.tasks if all(self.at(name, task) for name in self.optimizers)]

    def unfit(self) -> dict[tuple[str, str], str]:
        """Why an optimizer is not applicable to a task, by both, where it is not."""
        pairs = [(name, task) for task in self.tasks for name in self.optimizers]
        return {pair: reason for pair in pairs if (reason := unfit(*pair)) is not None}


class NoResultError(ValueError):
    """A file is called like a result and is none; the message names it."""


def read(folder: Path) -> list[Group]:
    """All results below `folder`, grouped by models and budget. Raises NoResultError."""
    return grouped(_read(file) for file in sorted(folder.glob("*/*/result.json")))


def _read(file: Path) -> Run:
    try:
        return run_of(read_json(file))
    except (KeyError, TypeError, ValueError) as error:
        raise NoResultError(
            f"{file} is no result that can be read here ({type(error).__name__}: {error}). Delete it and run "
            "its cell again, or move it away."
        ) from error


def grouped(runs: Iterable[Run]) -> list[Group]:
    """Runs by models and budget, in the order of task, optimizer and seed that each was first met in."""
    by: dict[tuple[tuple[str, str], str], list[Run]] = {}
    for run in runs:
        budget = "the paper's" if run.budget[1] else f"{run.budget[0]:,} rollouts"
        by.setdefault((run.models, budget), []).append(run)
    return [Group(models, budget, tuple(found)) for (models, budget), found in by.items()]


def run_of(result: Mapping[str, Any]) -> Run:
    """A result as `benchmarks.paper.runner` writes it."""
    cell, forecast = result["cell"], result.get("forecast")
    return Run(
        models=(cell["models"]["task"], cell["models"]["reflection"]),
        simulated=SIMULATED in cell["models"].values(),
        task=_task(cell),
        optimizer=cell["optimizer"],
        seed=cell["seed"],
        budget=(cell["budget"], cell["paper"]),
        scores=tuple(result["test_scores_after"]),
        rows=result["test_rows"],
        # Of a run that was killed the first count is that of the last session alone.
        metric_calls=max(result["metric_calls"], result.get("total_metric_calls", 0)),
        usage=total({model: Usage(**counts) for model, counts in result["usage"].items()}),
        forecast=Usage(**forecast["usage"]) if forecast else None,
        prompt_tokens=result["prompt_tokens"],
        curve=tuple((float(calls), float(score)) for calls, score in result.get("curve", ())),
    )


def _task(cell: Mapping[str, Any]) -> str:
    rules = cell.get("rules", "paper")
    return str(cell["task"]) if rules == "paper" else f"{cell['task']} ({rules})"


def score(runs: Sequence[Run]) -> Score:
    """The score of an optimizer on a task.

    The interval is Wilson's for so many successes among the different test rows. Seeds do not narrow it: they
    share their test rows. For scores between 0 and 1 it is wider than need be.
    """
    mean, rows = fmean(run.mean for run in runs), min(run.rows for run in runs)
    interval = binomtest(min(rows, round(mean * rows)), rows).proportion_ci(method="wilson")
    return Score(mean, float(interval.low), float(interval.high), len(runs))
