"""`python -m benchmarks speed`: the speed of the optimizers with language models that take their time.

Every optimizer runs on the bundled world with the same rows, the same simulated models and the same
latencies, one after another in one process. All counts are taken from outside: rollouts by the metric, model
time by a meter on their engines.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from statistics import fmean, median
from typing import Any, TypeAlias

import click
import dspy

from benchmarks.harness.arms import PARALLEL, TUNED, ours, reference, run_arm
from benchmarks.harness.cell import Cell, Rows, versions
from benchmarks.harness.evaluation import scores
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.options import AT_LEAST_ONE, FINITE, POSITIVE, chosen, numbers
from benchmarks.harness.setting import Arm, Setting
from benchmarks.harness.tables import markdown, page
from benchmarks.simulated.latency import Latency, Meter, delayed_lm

# 100 ms a call, four calls a rollout, every fiftieth call ten times as slow; 95 % of reflections take
# between half a second and two.
TASK = Latency(median=0.1, sigma=0.3, straggler_rate=0.02, straggler_factor=10)
REFLECTION = Latency(median=1.0, sigma=0.35)
BASELINE = "dspy.GEPA defaults"
ARMS: dict[str, Arm] = {
    BASELINE: reference(),
    "dspy.GEPA tuned": reference(**TUNED),
    "dspy.GEPA parallel 8x1": reference(PARALLEL),
    "ours": ours("adaptive"),
    "ours width 4": ours("adaptive", width=4),
    "ours width 8": ours("adaptive", width=8),
    "ours paper": ours("paper"),
    "ours paper width 4": ours("paper", width=4),
}
Curve: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Size:
    """Size of the runs. scale: factor on all latencies."""

    budget: int
    val: int
    scale: float

    def __str__(self) -> str:
        return (
            f"simulated LM, budget of {self.budget} rollouts, {self.val} validation rows, latencies at "
            f"{self.scale:g} of real ones: {1000 * TASK.median * self.scale:g} ms per task call (2 % take 10 "
            f"times as long), {500 * self.scale:g} to {2000 * self.scale:g} ms per reflection"
        )


@dataclass
class Watch:
    """Notes the time of every validation and counts the proposals, by the events of either optimizer.

    curve: seconds since the epoch and score of every validation of the reference.
    members: seconds since the epoch and member of every evaluation of ours.
    """

    curve: list[tuple[float, float]] = field(default_factory=list)
    members: list[tuple[float, int]] = field(default_factory=list)
    proposals: int = 0

    def on_evaluated(self, event: Any) -> None:
        """Note an evaluation of ours."""
        self.members += [(time.time(), member) for member in event.evaluated]

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        """Note a validation of the reference."""
        self.curve.append((time.time(), float(event["average_score"])))

    def on_candidate_selected(self, event: Mapping[str, Any]) -> None:
        """Count a mutation of the reference."""
        self.proposals += 1

    def on_merge_attempted(self, event: Mapping[str, Any]) -> None:
        """Count a merge of the reference."""
        self.proposals += 1


@dataclass(frozen=True)
class Timing:
    """One measured run.

    busy: seconds of model latency, all calls together.
    curve: seconds since the start and validation score of every member.
    gaps: seconds of each time in which no model was asked anything: the work of the optimizer and of DSPy
        between the last answer and the next request.
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
    gaps: tuple[float, ...] = ()

    @property
    def best(self) -> float:
        """The best validation score that was reached."""
        return max(score for _, score in self.curve)

    def reached(self, target: float) -> float | None:
        """Return the seconds until a member had the target score; None if none had."""
        return min((seconds for seconds, score in self.curve if score >= target), default=None)


def measure(arm: str, *, size: Size, seed: int, threads: int) -> Timing:
    """Run one arm once. The test score is taken without latencies."""
    cell = Cell("bundled", arm, seed, size.budget, Rows(100, size.val, None))
    task = cell.load()
    meter, metric, watch = Meter(), CountingMetric(task.metric), Watch()
    quick = task.task_lm(seed=seed)
    slow = delayed_lm("simulated/task", quick.engine, TASK.scaled(size.scale), meter)
    reflection_lm = delayed_lm(
        "simulated/reflection", task.reflection_lm(seed=seed).engine, REFLECTION.scaled(size.scale), meter
    )
    with dspy.context(lm=slow), tempfile.TemporaryDirectory() as log_dir:
        began, started = time.time(), time.perf_counter()
        setting = Setting(task, reflection_lm, size.budget, seed, threads, log_dir, listeners=(watch,))
        found = run_arm(ARMS[arm], setting, metric)
        seconds = time.perf_counter() - started
    with dspy.context(lm=quick):
        tested = scores(task, found.program, task.test, threads=2)
    own = found.details.get("result")
    members = [(at, found.pool[member].score) for at, member in watch.members]
    return Timing(
        arm=arm,
        threads=threads,
        seed=seed,
        seconds=seconds,
        rollouts=found.metric_calls,
        busy=meter.busy,
        proposals=len(own.proposals) - 1 if own else watch.proposals,
        curve=tuple((at - began, score) for at, score in [*watch.curve, *members]),
        test=sum(tested) / len(tested),
        gaps=tuple(round(gap, 5) for gap in meter.gaps),
    )


def compare(arms: Iterable[str], threads: Sequence[int], seeds: Sequence[int], size: Size) -> list[Timing]:
    """Run every arm with every thread count and seed, and report each as it ends."""
    timings = []
    for count, seed, arm in product(threads, seeds, arms):
        timing = measure(arm, size=size, seed=seed, threads=count)
        timings.append(timing)
        click.echo(
            f"{arm}, {count} threads, seed {seed}: {timing.seconds:.1f} s, {timing.rollouts} rollouts",
            err=True,
        )
    return timings


# The report -----------------------------------------------------------------------------------------------

COLUMNS = (
    *("arm", "seconds", "rollouts", "s per rollout", "throughput", "workers used", "s per proposal"),
    *("s per accepted", "s to target", "times faster there", "best val", "test"),
    *("own ms, median", "own ms, p99"),
)


def report(runs: Sequence[Timing], *, baseline: str, heading: str, target: float | str | None = None) -> str:
    """Return a table of means over seeds for every thread count.

    runs: every arm with the same seeds and thread counts.
    baseline: the arm that ratios are against, at the same thread count.
    target: validation score to reach, or the arm whose best score it is; by default the best that every arm
        reached with a seed.
    """
    seeds = sorted({run.seed for run in runs})
    aim = "the best validation score that every arm reached"
    if target is not None:
        aim = f"{target:g}" if isinstance(target, float) else f"the best validation score of {target}"
    note = (
        f"Seeds {', '.join(map(str, seeds))}; means. Throughput and times are against {baseline} at the same "
        f"thread count. Workers used: seconds of model latency / (threads x seconds). Target: {aim}. Own: "
        "time from the last answer under way to the next request, in which nothing but the optimizer and "
        "DSPy works."
    )
    parts: list[object] = [f"# Speed ({heading})", note]
    for threads in dict.fromkeys(run.threads for run in runs):
        group = [run for run in runs if run.threads == threads]
        parts.append(f"## {threads} threads\n\n{markdown(COLUMNS, _lines(group, baseline, target))}")
    return page(parts)


def _lines(runs: Sequence[Timing], baseline: str, target: float | str | None) -> list[tuple[str, ...]]:
    targets = {
        seed: target
        if isinstance(target, float)
        else min(run.best for run in runs if run.seed == seed and target in (None, run.arm))
        for seed in {run.seed for run in runs}
    }
    base = [run for run in runs if run.arm == baseline]
    arms = dict.fromkeys(run.arm for run in runs)
    return [_line(arm, [run for run in runs if run.arm == arm], base, targets) for arm in arms]


def _line(
    arm: str, runs: Sequence[Timing], base: Sequence[Timing], targets: dict[int, float]
) -> tuple[str, ...]:
    def mean(value: Callable[[Timing], float]) -> float:
        return fmean(value(run) for run in runs)

    pace, base_pace = _pace(runs), _pace(base) if base else None
    waited, base_waited = _waited(runs, targets), _waited(base, targets)
    return (
        arm,
        f"{mean(lambda r: r.seconds):.1f}",
        f"{mean(lambda r: r.rollouts):.0f}",
        f"{pace:.3f}",
        f"{base_pace / pace:.1f}x" if base_pace else "-",
        f"{mean(lambda r: r.busy / (r.threads * r.seconds)):.0%}",
        f"{mean(lambda r: r.seconds / max(1, r.proposals)):.2f}",
        f"{mean(lambda r: r.seconds / max(1, len(r.curve) - 1)):.2f}",
        f"{waited:.1f}" if waited is not None else "-",
        f"{base_waited / waited:.1f}x" if waited and base_waited is not None else "-",
        f"{mean(lambda r: r.best):.1%}",
        f"{mean(lambda r: r.test):.1%}",
        *_own([gap for run in runs for gap in run.gaps]),
    )


def _own(gaps: Sequence[float]) -> tuple[str, str]:
    """Return the median and the 99th percentile of the gaps in milliseconds."""
    if not gaps:
        return "-", "-"
    ordered = sorted(gaps)
    return f"{1000 * median(ordered):.0f}", f"{1000 * ordered[int(0.99 * (len(ordered) - 1))]:.0f}"


def _pace(runs: Sequence[Timing]) -> float:
    """Return the seconds per executed rollout."""
    return sum(run.seconds for run in runs) / max(1, sum(run.rollouts for run in runs))


def _waited(runs: Sequence[Timing], targets: dict[int, float]) -> float | None:
    """Return the mean seconds to the target; None if a run did not reach it."""
    times = [run.reached(targets[run.seed]) for run in runs]
    known = [seconds for seconds in times if seconds is not None]
    return fmean(known) if known and len(known) == len(times) else None


# The command ----------------------------------------------------------------------------------------------


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
@click.option("--target-of", type=click.Choice(list(ARMS)), help="Arm whose best score is to be reached.")
@click.option("--baseline", type=click.Choice(list(ARMS)), default=BASELINE, show_default=True)
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
    target_of: str | None,
    baseline: str,
    arms: str,
    out_dir: str,
    quick: bool,
) -> None:
    """Compare the speed of this optimizer with dspy.GEPA's, on simulated models with latencies."""
    names = chosen(arms, ARMS, "--arms")
    budget = budget or (80 if quick else 600)
    size = Size(budget, val or max(10, budget // 20), scale or (0.25 if quick else 0.5))
    timings = compare(names, threads, seeds, size)
    aim = target if target is not None else target_of if target_of in names else None
    text = report(timings, baseline=baseline, heading=str(size), target=aim)
    directory = Path(out_dir)
    directory.mkdir(parents=True, exist_ok=True)
    data = {"heading": str(size), "versions": versions(), "runs": [asdict(t) for t in timings]}
    (directory / "speed.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (directory / "speed.md").write_text(text, encoding="utf-8")
    click.echo(text)
