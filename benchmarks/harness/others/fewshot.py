"""Optimizers of demonstrations: SIMBA, which also writes advice, and few-shot bootstrapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dspy

from benchmarks.harness.setting import CountingMetric, Setting, quiet

SIMBA_BATCH, SIMBA_SAMPLES = 32, 6  # SIMBA's defaults
DEMOS = 4  # successful rollouts that bootstrapping looks for, its default


@dataclass(frozen=True)
class SimbaPlan:
    """How a run of SIMBA is laid out: rows of a batch, train rows, steps, rollouts."""

    batch: int
    rows: int
    steps: int
    rollouts: int


def simba_steps(budget: int, batch: int, rows: int, samples: int = SIMBA_SAMPLES) -> int:
    """How many steps of `dspy.SIMBA` come near a budget, at least one.

    A step samples every row of its batch `samples` times and tries `samples + 1` candidates on it; after
    the last one, the winner of each step and the seed program are run on all train rows.
    """
    return max(1, (budget - rows) // ((2 * samples + 1) * batch + rows))


def simba_plan(budget: int, train_rows: int) -> SimbaPlan:
    """SIMBA's defaults where the budget pays them; else a smaller batch, and fewer train rows."""
    step = 2 * SIMBA_SAMPLES + 1
    batch = max(1, min(SIMBA_BATCH, train_rows, budget // (2 * step)))
    rows = max(batch, min(train_rows, budget // 8))
    steps = simba_steps(budget, batch, rows)
    return SimbaPlan(batch, rows, steps, steps * (step * batch + rows) + rows)


def simba(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
    """`dspy.SIMBA` with as many steps as the budget pays; it takes no validation rows."""
    plan = simba_plan(setting.budget, len(setting.task.train))
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
    return program, {
        "score": score,
        "settings": {"batch": plan.batch, "train": plan.rows, "steps": plan.steps},
    }


def bootstrap(setting: Setting, metric: CountingMetric) -> tuple[dspy.Module, dict[str, Any]]:
    """`dspy.BootstrapFewShot`: runs train rows until four of them succeeded; at most the budget's number."""
    optimizer = dspy.BootstrapFewShot(metric=metric.number, max_errors=100 * len(setting.task.train))
    with quiet():
        program = optimizer.compile(
            setting.task.program(), trainset=setting.task.train[: max(1, setting.budget)]
        )
    return program, {}
