"""What every optimizer of a comparison is given, what comes out of it, and the metric that counts for it."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import dspy

from benchmarks.tasks import Task
from dspy_gepa.views.choice import Mode


@dataclass(frozen=True)
class Setting:
    """What an optimizer is given.

    Attributes:
        task: Program, metric and rows; `train` and `val` are cut to the run's sizes.
        reflection_lm: The model for optimizers that reflect or propose.
        budget: Rollouts it may spend.
        seed: Seed of its random choices.
        threads: Rollouts at a time.
        log_dir: Where it may keep files, or None.
        paper: The budget is the paper's: an optimizer that has one of its own (MIPROv2's "heavy", 500 steps
            of GRPO) keeps to that.
        gpu_server: Address of a server that trains models, for the optimizer that trains one.
        progress: How our own optimizer shows how far it is, see `dspy_gepa.GEPA`.
        prompts: Result of another model's run, for the optimizer that takes over its instructions.
    """

    task: Task
    reflection_lm: dspy.LM
    budget: int
    seed: int
    threads: int
    log_dir: str | None = None
    paper: bool = False
    gpu_server: str | None = None
    prompts: Path | None = None
    progress: Mode = "off"


@dataclass(frozen=True)
class Optimized:
    """What came out.

    Attributes:
        program: The optimized program.
        metric_calls: Rollouts that were really scored, counted from outside by the metric.
        details: What the optimizer tells of its run, as JSON-like data. `curve`, where there is one, holds
            the rollouts spent and the validation score of every candidate, by rollouts.
    """

    program: dspy.Module
    metric_calls: int
    details: dict[str, Any]


class CountingMetric:
    """A GEPA-form metric that counts how many rollouts it scored; feedback calls do not count.

    told: called with the count after every rollout, from whatever thread scored it.
    """

    def __init__(
        self, metric: Callable[..., dspy.Prediction], told: Callable[[int], None] | None = None
    ) -> None:
        self._metric = metric
        self._told = told
        self._lock = threading.Lock()
        self.calls = 0

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """Score or give feedback as the task's metric does."""
        if pred_name is None:
            with self._lock:
                self.calls += 1
                calls = self.calls
            if self._told is not None:
                self._told(calls)
        return self._metric(gold, pred, trace, pred_name, pred_trace)

    def number(self, gold: dspy.Example, pred: Any, trace: Any = None) -> float:
        """The score alone, for optimizers that want a number."""
        return float(self(gold, pred, trace).score)


Optimize: TypeAlias = Callable[[Setting, CountingMetric], tuple[dspy.Module, dict[str, Any]]]


class RefusedError(Exception):
    """An optimizer cannot be run here; the message says what it takes."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow what is printed: some optimizers draw progress bars that cannot be turned off."""
    nowhere = io.StringIO()
    with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        yield
