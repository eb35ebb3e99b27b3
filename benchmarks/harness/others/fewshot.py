"""Optimizers of demonstrations: SIMBA, which also writes advice, and few-shot bootstrapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dspy

from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Arm, Found, Setting, quiet

SIMBA_BATCH, SIMBA_SAMPLES = 32, 6  # SIMBA's defaults
DEMOS = 4  # successful rollouts that bootstrapping looks for, its default


@dataclass(frozen=True)
class SimbaPlan:
    """Layout of a run of SIMBA: rows of a batch, train rows, steps, rollouts."""

    batch: int
    rows: int
    steps: int
    rollouts: int


def simba_steps(budget: int, batch: int, rows: int, samples: int = SIMBA_SAMPLES) -> int:
    """Return the number of steps of `dspy.SIMBA` that come near a budget, at least one.

    A step samples every row of its batch `samples` times and tries `samples + 1` candidates on it; after
    the last one, the winner of each step and the seed program are run on all train rows.
    """
    return max(1, (budget - rows) // ((2 * samples + 1) * batch + rows))


def simba_plan(budget: int, train_rows: int) -> SimbaPlan:
    """Return SIMBA's defaults if the budget pays for them; else a smaller batch, and fewer train rows."""
    step = 2 * SIMBA_SAMPLES + 1
    batch = max(1, min(SIMBA_BATCH, train_rows, budget // (2 * step)))
    rows = max(batch, min(train_rows, budget // 8))
    steps = simba_steps(budget, batch, rows)
    return SimbaPlan(batch, rows, steps, steps * (step * batch + rows) + rows)


def whole_plan(budget: int, train_rows: int) -> SimbaPlan:
    """Return SIMBA's default batch on all train rows, and the steps that the budget pays, at least one."""
    batch = min(SIMBA_BATCH, train_rows)
    steps = simba_steps(budget, batch, train_rows)
    return SimbaPlan(
        batch, train_rows, steps, steps * ((2 * SIMBA_SAMPLES + 1) * batch + train_rows) + train_rows
    )


def simba(plan_of: Callable[[int, int], SimbaPlan] = simba_plan) -> Arm:
    """Return the arm of `dspy.SIMBA`, which uses no validation rows; `plan_of` lays out budget and rows."""

    def run(setting: Setting, metric: CountingMetric) -> Found:
        plan = plan_of(setting.budget, len(setting.task.train))
        optimizer = dspy.SIMBA(
            metric=metric.number,
            bsize=plan.batch,
            max_steps=plan.steps,
            prompt_model=setting.reflection_lm,
            num_threads=setting.threads,
        )
        with quiet():
            program = optimizer.compile(
                setting.task.program(), trainset=setting.task.train[: plan.rows], seed=setting.seed
            )
        score = float(program.candidate_programs[0]["score"])
        settings = {"batch": plan.batch, "train": plan.rows, "steps": plan.steps}
        return Found(program, {"score": score, "settings": settings}, score)

    return run


def bootstrap(setting: Setting, metric: CountingMetric) -> Found:
    """Run `dspy.BootstrapFewShot`: train rows until four of them succeeded, at most the budget's number."""
    optimizer = dspy.BootstrapFewShot(metric=metric.number, max_errors=100 * len(setting.task.train))
    with quiet():
        program = optimizer.compile(
            setting.task.program(), trainset=setting.task.train[: max(1, setting.budget)]
        )
    return Found(program)
