"""`python -m benchmarks speed`: how fast the optimizers go when language models take their time.

Every optimizer runs on the bundled world with the same rows, the same simulated models, the same latencies,
one after another in one process. What is counted is counted from outside: rollouts by the metric, the time
of the models by a meter on their engines.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path

import click
import dspy

from benchmarks.harness.cell import Cell, cut
from benchmarks.harness.choices import chosen
from benchmarks.harness.evaluation import scores
from benchmarks.harness.models import Models
from benchmarks.harness.options import AT_LEAST_ONE, FINITE, POSITIVE, numbers
from benchmarks.harness.setting import CountingMetric
from benchmarks.simulated.latency import Latency, Meter, delayed_lm
from benchmarks.speed_arms import ARMS, BASELINE, Curve, Setting
from benchmarks.speed_report import report
from benchmarks.tasks import load

# 100 ms a call, four calls a rollout, every fiftieth call ten times as slow; 95 % of reflections take
# between half a second and two.
TASK = Latency(median=0.1, sigma=0.3, straggler_rate=0.02, straggler_factor=10)
REFLECTION = Latency(median=1.0, sigma=0.35)


@dataclass(frozen=True)
class Size:
    """How long the runs are.

    scale: factor on all latencies.
    """

    budget: int
    val: int
    scale: float

    def __str__(self) -> str:
        return (
            f"simulated LM, budget of {self.budget} rollouts, {self.val} validation rows, latencies at "
            f"{self.scale:g} of real ones: {1000 * TASK.median * self.scale:g} ms per task call (2 % take 10 "
            f"times as long), {500 * self.scale:g} to {2000 * self.scale:g} ms per reflection"
        )


@dataclass(frozen=True)
class Timing:
    """One run, measured.

    busy: seconds of model latency, all calls together.
    curve: seconds since the start and validation score of every member.
    test: mean score on rows that no optimizer saw.
    """

    arm: str
    threads: int
    seed: int
    seconds: float
    rollouts: int
    busy: float
    proposals: int
    curve: Curve
    test: float

    @property
    def best(self) -> float:
        """The best validation score that was reached."""
        return max(score for _, score in self.curve)

    def reached(self, target: float) -> float | None:
        """Seconds until a member had the target score; None when none had."""
        return min((seconds for seconds, score in self.curve if score >= target), default=None)


def measure(arm: str, *, size: Size, seed: int, threads: int) -> Timing:
    """Run one arm once. The test score is taken without latencies."""
    budget, scale = size.budget, size.scale
    cell = Cell("bundled", arm, budget, seed, train=100, val=size.val, models=Models())
    task = cut(load("bundled", seed=seed), cell)
    meter, metric = Meter(), CountingMetric(task.metric)
    quick = task.task_lm(seed=seed)
    slow = delayed_lm("simulated/task", quick.engine, TASK.scaled(scale), meter)
    reflection_lm = delayed_lm(
        "simulated/reflection", task.reflection_lm(seed=seed).engine, REFLECTION.scaled(scale), meter
    )
    with dspy.context(lm=slow):
        began, started = time.time(), time.perf_counter()
        # The reference draws its progress bars on stdout.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            found = ARMS[arm](Setting(task, metric, reflection_lm, budget, seed, threads))
        seconds = time.perf_counter() - started
    with dspy.context(lm=quick):
        tested = scores(task, found.program, task.test, threads=2)
    return Timing(
        arm=arm,
        threads=threads,
        seed=seed,
        seconds=seconds,
        rollouts=metric.calls,
        busy=meter.busy,
        proposals=found.proposals,
        curve=tuple((at - began, score) for at, score in found.curve),
        test=sum(tested) / len(tested),
    )


def compare(arms: Iterable[str], threads: Sequence[int], seeds: Sequence[int], size: Size) -> list[Timing]:
    """Every arm with every thread count and seed, telling of each as it ends."""
    timings = []
    for count, seed, arm in product(threads, seeds, arms):
        timing = measure(arm, size=size, seed=seed, threads=count)
        timings.append(timing)
        click.echo(
            f"{arm}, {count} threads, seed {seed}: {timing.seconds:.1f} s, {timing.rollouts} rollouts",
            err=True,
        )
    return timings


@click.command()
@click.option(
    "--threads", callback=numbers(), default="8,32", show_default=True, help="Thread counts, comma-separated."
)
@click.option("--budget", type=AT_LEAST_ONE, help="Rollouts per run.  [default: 600; quick: 80]")
@click.option(
    "--val", type=AT_LEAST_ONE, help="Validation rows.  [default: a twentieth of the budget, at least 10]"
)
@click.option(
    "--seeds", callback=numbers(least=0), default="0", show_default=True, help="Seeds, comma-separated."
)
@click.option("--scale", type=POSITIVE, help="Factor on all latencies.  [default: 0.5; quick: 0.25]")
@click.option("--target", type=FINITE, help="Validation score to reach.  [default: what every arm reached]")
@click.option("--arms", default=",".join(ARMS), show_default=True, help="Arms, comma-separated.")
@click.option("--out", "out_dir", default="results", show_default=True, type=click.Path(file_okay=False))
@click.option("--quick", is_flag=True, help="A smaller run with a quarter of the latencies.")
def speed(
    threads: tuple[int, ...],
    budget: int | None,
    val: int | None,
    seeds: tuple[int, ...],
    scale: float | None,
    target: float | None,
    arms: str,
    out_dir: str,
    quick: bool,
) -> None:
    """Compare the speed of this optimizer with dspy.GEPA's, on simulated models that take their time."""
    names = chosen(arms, ARMS, "--arms")
    budget = budget or (80 if quick else 600)
    size = Size(budget, val or max(10, budget // 20), scale or (0.25 if quick else 0.5))
    timings = compare(names, threads, seeds, size)
    text = report(timings, baseline=BASELINE, heading=str(size), target=target)
    directory = Path(out_dir)
    directory.mkdir(parents=True, exist_ok=True)
    versions = {"python": platform.python_version(), **{p: version(p) for p in ("dspy", "gepa", "dspy-gepa")}}
    data = {"heading": str(size), "versions": versions, "runs": [asdict(t) for t in timings]}
    (directory / "speed.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (directory / "speed.md").write_text(text, encoding="utf-8")
    click.echo(text)
