"""Every optimizer behind one call, so that all of them get the same program, data, models and budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import dspy
from gepa.strategies.proposal_sampling import PxNSampling

import dspy_gepa
from benchmarks.harness.others.fewshot import bootstrap, simba
from benchmarks.harness.others.grpo import grpo
from benchmarks.harness.others.miprov2 import miprov2
from benchmarks.harness.others.transfer import transfer
from benchmarks.harness.setting import CountingMetric, Optimize, Optimized, RefusedError, Setting, quiet
from benchmarks.tasks import WITHOUT_PREDICTORS


def optimize(name: str, setting: Setting, told: Callable[[int], None] | None = None) -> Optimized:
    """Run the optimizer called `name` (a key of `OPTIMIZERS`); `told` hears of every rollout.

    Raises:
        RefusedError: It takes something that is not there, or cannot work on such a task (see `unfit`).
    """
    if (reason := unfit(name, setting.task.name)) is not None:
        raise RefusedError(f"{name} is not applicable to {setting.task.name}: {reason}.")
    metric = CountingMetric(setting.task.metric, told)
    program, details = OPTIMIZERS[name](setting, metric)
    return Optimized(program, metric.calls, details)


def _baseline(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
    return setting.task.program(), {}


def _ours(strategy: Literal["adaptive", "paper"], **options: Any) -> Optimize:
    def run(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
        optimizer = dspy_gepa.GEPA(
            metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            strategy=strategy,
            num_threads=setting.threads,
            seed=setting.seed,
            log_dir=setting.log_dir,
            progress=setting.progress,
            optimize=setting.task.optimize,
            track_stats=True,
            track_best_outputs=setting.task.inference_time,
            **options,
        )
        program = optimizer.compile(
            setting.task.program(), trainset=setting.task.train, valset=setting.task.val
        )
        result = program.detailed_results
        return program, {**result.to_dict(), "curve": _curve(result), "result": result}

    return run


def _reference(**options: Any) -> Optimize:
    def run(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
        optimizer = dspy.GEPA(
            metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            num_threads=setting.threads,
            seed=setting.seed,
            track_stats=True,
            **options,
        )
        with quiet():
            program = optimizer.compile(
                setting.task.program(), trainset=setting.task.train, valset=setting.task.val
            )
        found = program.detailed_results
        details = {
            "parents": found.parents,
            "val_aggregate_scores": found.val_aggregate_scores,
            "score": max(found.val_aggregate_scores),
            "total_metric_calls": found.total_metric_calls,
            "curve": _curve(found),
        }
        return program, details

    return run


def _curve(found: Any) -> list[tuple[int, float]]:
    """Rollouts spent and validation score of every candidate, in order of discovery."""
    return list(zip(found.discovery_eval_counts, found.val_aggregate_scores, strict=True))


# Eight parents, one mutation each: what its authors found best on a multi-hop task (blog, 2026-07-30).
PARALLEL = {"sampling_strategy": PxNSampling(p=8, n=1)}
# The artifact drops outputs that could not be parsed, and merges at most five times.
AS_PUBLISHED: dict[str, Any] = {"use_merge": False, "add_format_failure_as_feedback": False}
AS_PUBLISHED_WITH_MERGES = {**AS_PUBLISHED, "use_merge": True, "max_merge_invocations": 5}
BASELINE, TRANSFER = "baseline", "transfer"
OPTIMIZERS: dict[str, Optimize] = {
    BASELINE: _baseline,
    "gepa": _ours("adaptive"),
    "gepa-paper": _ours("paper", **AS_PUBLISHED),
    "gepa-paper+merge": _ours("paper", **AS_PUBLISHED_WITH_MERGES),
    "dspy-gepa": _reference(),
    "dspy-gepa-tuned": _reference(component_selector="all", reflection_minibatch_size=8),
    "dspy-gepa-parallel": _reference(gepa_kwargs=PARALLEL),
    "miprov2": miprov2(),
    "miprov2-zeroshot": miprov2(zeroshot=True),
    "simba": simba,
    "bootstrap": bootstrap,
    "grpo": grpo,
    TRANSFER: transfer,
}
# These take any text of a program; the others know predictors alone.
OF_ANY_TEXT = frozenset({BASELINE, "gepa", "gepa-paper", "gepa-paper+merge", TRANSFER})
# Neither has a DSPy optimizer; both were run in the paper by another framework.
PUBLISHED_ONLY = ("textgrad", "trace")


def check(name: str) -> None:
    """Raises RefusedError for an optimizer that is not known, or that is known by its figures alone."""
    if name in PUBLISHED_ONLY:
        raise RefusedError(
            f"{name!r} is not run here: it is no DSPy optimizer. `python -m benchmarks report` shows its "
            "published figures beside yours; leave it out of --optimizer."
        )
    if name not in OPTIMIZERS:
        raise RefusedError(f"{name!r} is no optimizer; known are {', '.join(OPTIMIZERS)}.")


def unfit(name: str, task: str) -> str | None:
    """Why the optimizer called `name` cannot work on a task by design; None where it can."""
    if task in WITHOUT_PREDICTORS and name not in OF_ANY_TEXT:
        return "it works on predictors, and the program has none"
    return None
