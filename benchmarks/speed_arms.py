"""The optimizers that the speed benchmark compares, each behind one call."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import dspy

import dspy_gepa
from benchmarks.harness.arms import PARALLEL
from benchmarks.harness.setting import CountingMetric
from benchmarks.tasks import Task
from dspy_gepa.record.file import read_journal

Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Found:
    """What an optimizer tells of its run.

    curve: for every member of its pool since when it is there (seconds since the epoch), and its score.
    proposals: candidates it put on trial or meant to, merges included.
    """

    program: dspy.Module
    curve: Curve
    proposals: int


@dataclass(frozen=True)
class Setting:
    """What every arm is given."""

    task: Task
    metric: CountingMetric
    reflection_lm: dspy.LM
    budget: int
    seed: int
    threads: int


Run = Callable[[Setting], Found]


_EVALUATED = """
SELECT cast(found.key AS INTEGER), at FROM events, json_each(data, '$.evaluated') AS found
WHERE committed IS NOT NULL ORDER BY number
"""


def ours(strategy: Literal["adaptive", "paper"], width: int | None = None) -> Run:
    """Ours with a journal; without a width at its default."""

    def run(setting: Setting) -> Found:
        with tempfile.TemporaryDirectory() as log_dir:
            program = dspy_gepa.GEPA(
                setting.metric,
                max_metric_calls=setting.budget,
                reflection_lm=setting.reflection_lm,
                strategy=strategy,
                width=width,
                num_threads=setting.threads,
                seed=setting.seed,
                log_dir=log_dir,
                progress="off",
                track_stats=True,
            ).compile(setting.task.program(), trainset=setting.task.train, valset=setting.task.val)
            with read_journal(Path(log_dir)) as journal:
                evaluated = journal.execute(_EVALUATED).fetchall()
        result = program.detailed_results
        curve = tuple((at, result.val_aggregate_scores[member]) for member, at in evaluated)
        return Found(program, curve, len(result.proposals) - 1)

    return run


@dataclass
class Watch:
    """Listens to the reference, through its own callbacks."""

    curve: list[tuple[float, float]] = field(default_factory=list)
    proposals: int = 0

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        self.curve.append((time.time(), float(event["average_score"])))

    def on_candidate_selected(self, event: Mapping[str, Any]) -> None:
        self.proposals += 1

    def on_merge_attempted(self, event: Mapping[str, Any]) -> None:
        self.proposals += 1


def reference(gepa_kwargs: Mapping[str, Any] | None = None, **options: Any) -> Run:
    """`dspy.GEPA`, at its defaults but for the options given."""

    def run(setting: Setting) -> Found:
        watch = Watch()
        program = dspy.GEPA(
            setting.metric,
            max_metric_calls=setting.budget,
            reflection_lm=setting.reflection_lm,
            num_threads=setting.threads,
            seed=setting.seed,
            gepa_kwargs={"callbacks": [watch], **(gepa_kwargs or {})},
            **options,
        ).compile(setting.task.program(), trainset=setting.task.train, valset=setting.task.val)
        return Found(program, tuple(watch.curve), watch.proposals)

    return run


BASELINE = "dspy.GEPA defaults"
ARMS: dict[str, Run] = {
    BASELINE: reference(),
    "dspy.GEPA tuned": reference(component_selector="all", reflection_minibatch_size=8),
    "dspy.GEPA parallel 8x1": reference(PARALLEL),
    "ours": ours("adaptive"),
    "ours width 4": ours("adaptive", 4),
    "ours width 8": ours("adaptive", 8),
    "ours paper": ours("paper"),
    "ours paper width 4": ours("paper", 4),
}
