"""Result files, read back, and their arithmetic."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance
from typing import Any

from benchmarks.widths.cells import from_data
from benchmarks.widths.clockwork import Timing, simulate
from dspy_gepa.search import Adaptive


@dataclass(frozen=True)
class Run:
    """One run. test: mean score on the test rows."""

    world: str
    seed: int
    budget: int
    width: int
    test: float
    metric_calls: int
    timing: Timing


@dataclass(frozen=True)
class Mean:
    """A mean over worlds of means over seeds.

    error: its standard error from the spread of seeds within worlds; None where a world has one seed.
    """

    mean: float
    error: float | None


@dataclass(frozen=True)
class Results:
    """Everything in a directory.

    parameters, versions: of each kind that occurs, one.
    """

    runs: tuple[Run, ...]
    threads: int
    parameters: tuple[Mapping[str, Any], ...]
    versions: tuple[Mapping[str, Any], ...]
    processor_seconds: float

    @property
    def worlds(self) -> list[str]:
        return list(dict.fromkeys(run.world for run in self.runs))

    @property
    def budgets(self) -> list[int]:
        return sorted({run.budget for run in self.runs})

    @property
    def widths(self) -> list[int]:
        return sorted({run.width for run in self.runs})

    def at(self, budget: int, width: int) -> list[Run]:
        return [run for run in self.runs if (run.budget, run.width) == (budget, width)]

    def mean(self, budget: int, width: int, value: Callable[[Run], float]) -> Mean | None:
        """Of a value of the runs; None unless all the worlds are there."""
        return self._over_worlds([(run.world, value(run)) for run in self.at(budget, width)])

    def paired(self, budget: int, width: int, other: int, value: Callable[[Run], float]) -> Mean | None:
        """How much more a value is than at the other width, in the same worlds with the same seeds."""
        theirs = {(run.world, run.seed): value(run) for run in self.at(budget, other)}
        both = [run for run in self.at(budget, width) if (run.world, run.seed) in theirs]
        return self._over_worlds([(run.world, value(run) - theirs[run.world, run.seed]) for run in both])

    def default_width(self, budget: int) -> int:
        """The width our optimizer would take."""
        sizes = self.parameters[0]
        return Adaptive().default_width(budget, sizes["train"], sizes["val"])

    def _over_worlds(self, values: Sequence[tuple[str, float]]) -> Mean | None:
        by_world = [[value for world, value in values if world == name] for name in self.worlds]
        return mean_over(by_world) if all(by_world) else None


def mean_over(by_world: Sequence[Sequence[float]]) -> Mean:
    """Worlds are taken as they are; what is left to chance is which seeds were drawn."""
    mean = fmean(map(fmean, by_world))
    if min(map(len, by_world)) < 2:
        return Mean(mean, None)
    squares = sum(variance(values) / len(values) for values in by_world)
    return Mean(mean, math.sqrt(squares) / len(by_world))


def score(run: Run) -> float:
    return run.test


def seconds(run: Run) -> float:
    return run.timing.seconds


def used(run: Run) -> float:
    return run.timing.used


def read(out: Path, threads: int) -> Results:
    """What is in a directory, timed with so many worker threads."""
    data = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(out.glob("*/*-seed*.json"))]
    shared = [
        {name: d["parameters"][name] for name in ("train", "val", "test")} | {"latencies": d["latencies"]}
        for d in data
    ]
    return Results(
        runs=tuple(
            Run(
                d["world"],
                d["seed"],
                d["budget"],
                d["width"],
                d["test"],
                d["metric_calls"],
                simulate(from_data(d["work"]), threads),
            )
            for d in data
        ),
        threads=threads,
        parameters=_kinds(shared),
        versions=_kinds([d["versions"] for d in data]),
        processor_seconds=math.fsum(d["processor_seconds"] for d in data),
    )


def _kinds(found: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({json.dumps(each, sort_keys=True): each for each in found}.values())
