"""The speed comparison as Markdown: a table for every thread count, with ratios against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Protocol

from benchmarks.harness.tables import markdown

COLUMNS = (
    "arm",
    "seconds",
    "rollouts",
    "s per rollout",
    "throughput",
    "workers used",
    "s per proposal",
    "s per accepted",
    "s to target",
    "times faster there",
    "best val",
    "test",
)


class Run(Protocol):
    """A measured run; see `benchmarks.speed.Timing`."""

    @property
    def arm(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rollouts(self) -> int: ...
    @property
    def busy(self) -> float: ...
    @property
    def proposals(self) -> int: ...
    @property
    def curve(self) -> tuple[tuple[float, float], ...]: ...
    @property
    def best(self) -> float: ...
    @property
    def test(self) -> float: ...
    def reached(self, target: float) -> float | None: ...


def report(runs: Sequence[Run], *, baseline: str, heading: str, target: float | None = None) -> str:
    """Means over seeds.

    runs: every arm with the same seeds and thread counts.
    baseline: the arm that ratios are against, at the same thread count.
    target: validation score whose reaching is timed; by default the best that every arm reached with a seed.
    """
    seeds = sorted({run.seed for run in runs})
    aim = f"{target:g}" if target is not None else "the best validation score that every arm reached"
    parts = [
        f"# Speed ({heading})",
        f"Seeds {', '.join(map(str, seeds))}; means. Throughput and times are against {baseline} at the same "
        "thread count. Workers used: seconds of model latency / (threads x seconds). "
        f"Target: {aim}.",
    ]
    for threads in dict.fromkeys(run.threads for run in runs):
        group = [run for run in runs if run.threads == threads]
        parts.append(f"## {threads} threads\n\n{_table(group, baseline, target)}")
    return "\n\n".join(parts) + "\n"


def _table(runs: Sequence[Run], baseline: str, target: float | None) -> str:
    targets = {
        seed: target if target is not None else min(run.best for run in runs if run.seed == seed)
        for seed in {run.seed for run in runs}
    }
    base = [run for run in runs if run.arm == baseline]
    arms = dict.fromkeys(run.arm for run in runs)
    lines = [_line(arm, [run for run in runs if run.arm == arm], base, targets) for arm in arms]
    return markdown(COLUMNS, lines)


def _line(arm: str, runs: Sequence[Run], base: Sequence[Run], targets: dict[int, float]) -> tuple[str, ...]:
    def mean(value: Callable[[Run], float]) -> float:
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
    )


def _pace(runs: Sequence[Run]) -> float:
    """Seconds per executed rollout."""
    return sum(run.seconds for run in runs) / max(1, sum(run.rollouts for run in runs))


def _waited(runs: Sequence[Run], targets: dict[int, float]) -> float | None:
    """Mean seconds to the target; None when a run did not reach it."""
    times = [run.reached(targets[run.seed]) for run in runs]
    known = [seconds for seconds in times if seconds is not None]
    return fmean(known) if known and len(known) == len(times) else None
