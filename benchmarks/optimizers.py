"""Every optimizer behind one call, so that all of them get the same program, data, models and budget."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import dspy
from gepa.strategies.proposal_sampling import PxNSampling

import dspy_gepa
from benchmarks.tasks import Task


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
    """

    task: Task
    reflection_lm: dspy.LM
    budget: int
    seed: int
    threads: int
    log_dir: str | None = None


@dataclass(frozen=True)
class Optimized:
    """What came out.

    Attributes:
        program: The optimized program.
        metric_calls: Rollouts that were really scored, counted from outside by the metric.
        details: What the optimizer tells of its run, as JSON-like data.
    """

    program: dspy.Module
    metric_calls: int
    details: dict[str, Any]


class CountingMetric:
    """A GEPA-form metric that counts how many rollouts it scored; feedback calls do not count."""

    def __init__(self, metric: Callable[..., dspy.Prediction]) -> None:
        self._metric = metric
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
        return self._metric(gold, pred, trace, pred_name, pred_trace)


Optimize = Callable[[Setting, CountingMetric], tuple[dspy.Module, dict[str, Any]]]


def optimize(name: str, setting: Setting) -> Optimized:
    """Run the optimizer called `name` (a key of `OPTIMIZERS`)."""
    metric = CountingMetric(setting.task.metric)
    program, details = OPTIMIZERS[name](setting, metric)
    return Optimized(program, metric.calls, details)


def _baseline(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
    return setting.task.program(), {}


def _ours(strategy: Literal["adaptive", "paper"]) -> Optimize:
    def run(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
        optimizer = dspy_gepa.GEPA(
            metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            strategy=strategy,
            num_threads=setting.threads,
            seed=setting.seed,
            log_dir=setting.log_dir,
            optimize=setting.task.optimize,
            track_stats=True,
            track_best_outputs=setting.task.inference_time,
        )
        program = optimizer.compile(
            setting.task.program(), trainset=setting.task.train, valset=setting.task.val
        )
        return program, {**program.detailed_results.to_dict(), "result": program.detailed_results}

    return run


def _reference(**options: Any) -> Optimize:
    def run(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
        if not setting.task.program().predictors():
            raise dspy_gepa.ConfigurationError(
                f"dspy.GEPA rewrites instructions, and the program of the task {setting.task.name!r} has "
                "none. Take gepa or gepa-paper."
            )
        optimizer = dspy.GEPA(
            metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            num_threads=setting.threads,
            seed=setting.seed,
            track_stats=True,
            **options,
        )
        quiet = io.StringIO()  # it draws progress bars that cannot be turned off
        with contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
            program = optimizer.compile(
                setting.task.program(), trainset=setting.task.train, valset=setting.task.val
            )
        found = program.detailed_results
        details = {
            "parents": found.parents,
            "val_aggregate_scores": found.val_aggregate_scores,
            "score": max(found.val_aggregate_scores),
            "total_metric_calls": found.total_metric_calls,
        }
        return program, details

    return run


# Eight parents, one mutation each: what its authors found best on a multi-hop task (blog, 2026-07-30).
PARALLEL = {"sampling_strategy": PxNSampling(p=8, n=1)}
OPTIMIZERS: dict[str, Optimize] = {
    "baseline": _baseline,
    "gepa": _ours("adaptive"),
    "gepa-paper": _ours("paper"),
    "dspy-gepa": _reference(),
    "dspy-gepa-tuned": _reference(component_selector="all", reflection_minibatch_size=8),
    "dspy-gepa-parallel": _reference(gepa_kwargs=PARALLEL),
}
