"""MIPROv2: heavy as in the paper, or with as many trials as a budget pays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import dspy

from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Arm, Found, Setting, quiet

HEAVY = 18  # candidates of `auto="heavy"`
MOST_VALIDATION = 1000
MINIBATCH, FULL_EVERY, SMALL = (
    35,
    5,
    50,
)  # rows, trials between full evaluations, rows up to which all are full
DEMOS = 4
TRIES = 1.5  # rollouts for a demonstration: not every one succeeds


@dataclass(frozen=True)
class Plan:
    """Layout of a run, and an estimate of its rollouts.

    Attributes:
        candidates: Sets of demonstrations, or instructions where there are no demonstrations.
        trials: Combinations that are tried.
        rollouts: Of bootstrapping, trials and full evaluations.
    """

    candidates: int
    trials: int
    rollouts: int


def heavy(predictors: int, val_rows: int, *, zeroshot: bool = False) -> Plan:
    """Return what `auto="heavy"` does for a program with this number of predictors."""
    variables = predictors if zeroshot else 2 * predictors
    trials = int(max(2 * variables * math.log2(HEAVY), 1.5 * HEAVY))
    return Plan(HEAVY, trials, _rollouts(HEAVY, trials, min(val_rows, MOST_VALIDATION)))


def fitted(budget: int, predictors: int, val_rows: int, *, zeroshot: bool = False) -> Plan:
    """As many candidates as a third of the budget bootstraps, and trials for the rest; never more than heavy.

    At least one trial is made, whatever it costs.
    """
    candidates = max(3, min(HEAVY, 2 + int(budget / 3 / (DEMOS * TRIES))))
    most = heavy(predictors, val_rows, zeroshot=zeroshot).trials
    trials = 1
    while trials < most and _rollouts(candidates, trials + 1, val_rows) <= budget:
        trials += 1
    return Plan(candidates, trials, _rollouts(candidates, trials, val_rows))


def plan_of(setting: Setting, *, zeroshot: bool) -> Plan:
    """Return the plan of a run."""
    predictors, val_rows = len(setting.task.program().predictors()), len(setting.task.val)
    if setting.paper:
        return heavy(predictors, val_rows, zeroshot=zeroshot)
    return fitted(setting.budget, predictors, val_rows, zeroshot=zeroshot)


def miprov2(*, zeroshot: bool = False, auto: Literal["light", "heavy"] | None = None) -> Arm:
    """Return the arm of `dspy.MIPROv2`.

    Args:
        zeroshot: Optimize instructions only; else also up to four demonstrations of a kind.
        auto: Use this budget of MIPROv2's own in place of the setting's.
    """

    def run(setting: Setting, metric: CountingMetric) -> Found:
        plan, task = plan_of(setting, zeroshot=zeroshot), setting.task
        own = auto or ("heavy" if setting.paper else None)
        demos = 0 if zeroshot else DEMOS
        optimizer = dspy.MIPROv2(
            metric=metric.number,
            prompt_model=setting.reflection_lm,
            auto=own,
            num_candidates=None if own else plan.candidates,
            max_bootstrapped_demos=demos,
            max_labeled_demos=demos,
            num_threads=setting.threads,
            max_errors=100 * (len(task.train) + len(task.val)),
            seed=setting.seed,
        )
        with quiet():
            program = optimizer.compile(
                task.program(),
                trainset=task.train,
                valset=task.val,
                num_trials=None if own else plan.trials,
                minibatch=len(task.val) > SMALL,
            )
        score = program.score / 100
        details = {
            "score": score,
            "curve": _curve(program.trial_logs),
            "settings": {"candidates": plan.candidates, "trials": plan.trials, "zeroshot": zeroshot},
        }
        return Found(program, details, score)

    return run


def _rollouts(candidates: int, trials: int, val_rows: int) -> int:
    # Two of the sets need no rollouts: none, and labelled rows alone. Without demonstrations all the same
    # some are bootstrapped, for the model that writes instructions.
    sets = max(1, candidates - 2)
    bootstrapping = math.ceil(sets * (DEMOS + 1) / 2 * TRIES)
    if val_rows <= SMALL:
        return bootstrapping + (trials + 1) * val_rows
    full = 1 + trials // FULL_EVERY + (trials % FULL_EVERY != 0)
    return bootstrapping + trials * MINIBATCH + full * val_rows


def _curve(logs: dict[int, dict[str, Any]]) -> list[tuple[int, float]]:
    return [
        (int(log["total_eval_calls_so_far"]), float(log["full_eval_score"]) / 100)
        for _, log in sorted(logs.items())
        if "full_eval_score" in log and "total_eval_calls_so_far" in log
    ]
