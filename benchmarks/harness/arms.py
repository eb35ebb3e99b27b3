"""The optimizers, each behind the same call, so that all get the same program, data, models and budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import dspy
from gepa.strategies.proposal_sampling import PxNSampling

import dspy_gepa
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.others.fewshot import bootstrap, simba
from benchmarks.harness.others.grpo import grpo
from benchmarks.harness.others.miprov2 import miprov2
from benchmarks.harness.others.transfer import transfer
from benchmarks.harness.setting import Arm, Found, RefusedError, Setting, Validated, quiet
from benchmarks.tasks import WITHOUT_PREDICTORS
from dspy_gepa.search import Paper, Strategy


def optimize(name: str, setting: Setting, told: Callable[[int], None] | None = None) -> Found:
    """Run the optimizer called `name` (a key of `ARMS`); `told` is called after every rollout.

    Raises:
        RefusedError: It requires something that is not there, or cannot work on such a task (see `unfit`).
    """
    if (reason := unfit(name, setting.task.name)) is not None:
        raise RefusedError(f"{name} is not applicable to {setting.task.name}: {reason}.")
    return run_arm(ARMS[name], setting, CountingMetric(setting.task.metric, told))


def run_arm(arm: Arm, setting: Setting, metric: CountingMetric) -> Found:
    """Run an arm, and count its rollouts."""
    found = arm(setting, metric)
    return replace(found, metric_calls=metric.calls)


def _baseline(setting: Setting, metric: CountingMetric) -> Found:
    return Found(setting.task.program())


def ours(strategy: Literal["adaptive", "paper"] | Strategy, **options: Any) -> Arm:
    """Return the arm of `dspy_gepa.GEPA` with a strategy and further options."""

    def run(setting: Setting, metric: CountingMetric) -> Found:
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
            callbacks=setting.listeners,
            track_stats=True,
            track_best_outputs=setting.task.inference_time,
            **options,
        )
        task = setting.task
        program = optimizer.compile(task.program(), trainset=task.train, valset=task.val)
        result = program.detailed_results
        details = {**result.to_dict(), "curve": _curve(result), "result": result}
        return Found(program, details, result.score, tuple(result.interval), _pool(result, result.programs))

    return run


def reference(gepa_kwargs: Mapping[str, Any] | None = None, **options: Any) -> Arm:
    """Return the arm of `dspy.GEPA`, at its defaults except for the options."""

    def run(setting: Setting, metric: CountingMetric) -> Found:
        task, more = setting.task, dict(gepa_kwargs or {})
        if setting.listeners:
            more["callbacks"] = list(setting.listeners)
        optimizer = dspy.GEPA(
            metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            num_threads=setting.threads,
            seed=setting.seed,
            track_stats=True,
            gepa_kwargs=more,
            **options,
        )
        with quiet():
            program = optimizer.compile(task.program(), trainset=task.train, valset=task.val)
        found = program.detailed_results
        details = {
            "parents": found.parents,
            "val_aggregate_scores": found.val_aggregate_scores,
            "score": max(found.val_aggregate_scores),
            "total_metric_calls": found.total_metric_calls,
            "curve": _curve(found),
        }
        return Found(program, details, details["score"], pool=_pool(found, found.candidates))

    return run


def _curve(found: Any) -> list[tuple[int, float]]:
    """Return rollouts spent and validation score of every candidate, in order of discovery."""
    return list(zip(found.discovery_eval_counts, found.val_aggregate_scores, strict=True))


def _pool(found: Any, programs: Sequence[dspy.Module]) -> tuple[Validated, ...]:
    known = zip(found.discovery_eval_counts, found.val_aggregate_scores, strict=True)
    return tuple(Validated(programs, place, *member) for place, member in enumerate(known))


def best_within(pool: tuple[Validated, ...], val_rows: int, budget: int) -> Validated:
    """Return the best of the candidates whose whole validation a smaller budget would have paid for.

    Both `dspy_gepa` and `gepa` report the rollouts spent before a candidate's validation began. The original
    program, candidate 0, is returned if no other validation is paid for.
    """
    paid = [member for place, member in enumerate(pool) if place == 0 or member.spent + val_rows <= budget]
    return max(paid, key=lambda member: member.score)


# Eight parents, one mutation each: what its authors found best on a multi-hop task (blog, 2026-07-30).
PARALLEL = {"sampling_strategy": PxNSampling(p=8, n=1)}
PUBLISHED = Paper(published_prompt=True)
# The artifact drops outputs that could not be parsed, and merges at most five times.
AS_PUBLISHED: dict[str, Any] = {"use_merge": False, "add_format_failure_as_feedback": False}
AS_PUBLISHED_WITH_MERGES = {**AS_PUBLISHED, "use_merge": True, "max_merge_invocations": 5}
TUNED: dict[str, Any] = {"component_selector": "all", "reflection_minibatch_size": 8}
BASELINE, TRANSFER = "baseline", "transfer"
ARMS: dict[str, Arm] = {
    BASELINE: _baseline,
    "gepa": ours("adaptive"),
    "gepa-paper": ours(PUBLISHED, **AS_PUBLISHED),
    "gepa-paper+merge": ours(PUBLISHED, **AS_PUBLISHED_WITH_MERGES),
    "dspy-gepa": reference(),
    "dspy-gepa-tuned": reference(**TUNED),
    "dspy-gepa-parallel": reference(PARALLEL),
    "miprov2": miprov2(),
    "miprov2-zeroshot": miprov2(zeroshot=True),
    "simba": simba(),
    "bootstrap": bootstrap,
    "grpo": grpo,
    TRANSFER: transfer,
}
# How the arms of ours ask for a text; a result that was made otherwise is another one's.
REFLECTION_PROMPTS: Mapping[str, str] = {
    "gepa": "of this package",
    "gepa-paper": "published",
    "gepa-paper+merge": "published",
}
# These optimize any text of a program; the others know predictors only.
OF_ANY_TEXT = frozenset({BASELINE, "gepa", "gepa-paper", "gepa-paper+merge", TRANSFER})
# Neither has a DSPy optimizer; both were run in the paper by another framework.
PUBLISHED_ONLY = ("textgrad", "trace")


def check(name: str) -> None:
    """Raise RefusedError for an optimizer that is unknown, or known by its published figures only."""
    if name in PUBLISHED_ONLY:
        raise RefusedError(
            f"{name!r} is not run here: it is no DSPy optimizer. `python -m benchmarks report` shows its "
            "published figures beside yours; leave it out of --optimizer."
        )
    if name not in ARMS:
        raise RefusedError(f"{name!r} is no optimizer; known are {', '.join(ARMS)}.")


def unfit(name: str, task: str) -> str | None:
    """Return the reason why an optimizer cannot work on a task by design; None if it can."""
    if task in WITHOUT_PREDICTORS and name not in OF_ANY_TEXT:
        return "it works on predictors, and the program has none"
    return None
