"""Result files of simulated comparisons, read back, and the arithmetic on them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, Generic, TypeAlias, TypeVar

from benchmarks.harness.arms import BASELINE
from benchmarks.harness.estimates import Estimate, estimate
from benchmarks.harness.files import read_json

NO_HEADROOM = ("headroom0", "headroom0-tuning")
LEVEL = 0.9  # of the intervals that optimizers report
Place: TypeAlias = tuple[str, int | None]  # arm and budget


@dataclass(frozen=True)
class Point:
    """One measured program.

    arm, world, seed: the cell.
    budget: None if the optimizer has a budget of its own.
    metric_calls: rollouts for this program.
    total_metric_calls: rollouts of the whole run that it was read off from.
    test: mean score on the test rows.
    test_error: its standard error; 0 in older files.
    reported: score by the optimizer's own account; None if it reports none.
    interval: interval of this score, if any.
    returned_seed: True if the original program was returned.
    """

    arm: str
    world: str
    seed: int
    budget: int | None
    metric_calls: int
    total_metric_calls: int
    test: float
    reported: float | None
    interval: tuple[float, float] | None
    returned_seed: bool
    instruction_chars: int
    demo_chars: int
    reflection_calls: int
    reflection_tokens: int
    test_error: float = 0.0

    @property
    def chars(self) -> int:
        """Characters of everything the optimizer put into the prompts, demonstrations included."""
        return self.instruction_chars + self.demo_chars


AnyPoint = TypeVar("AnyPoint", bound=Point)
Value: TypeAlias = Callable[[AnyPoint], float]


@dataclass(frozen=True)
class Results(Generic[AnyPoint]):
    """All results in a directory.

    seed, best: test score of the original program and of the hand-made one, by world and seed.
    parameters, versions: one of each kind that occurs.
    seconds: processor seconds of each cell, by arm.
    """

    points: tuple[AnyPoint, ...]
    seed: Mapping[tuple[str, int], float]
    best: Mapping[tuple[str, int], float]
    parameters: tuple[Mapping[str, Any], ...]
    versions: tuple[Mapping[str, str], ...]
    seconds: Mapping[str, tuple[float, ...]]

    @cached_property
    def worlds(self) -> list[str]:
        """Worlds, in the order in which they were read."""
        return list(dict.fromkeys([world for world, _ in self.seed] or [p.world for p in self.points]))

    @cached_property
    def gaining(self) -> list[str]:
        """Worlds over which means are taken: those with headroom."""
        return [world for world in self.worlds if world not in NO_HEADROOM]

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds, in order."""
        return sorted({seed for _, seed in self.seed} or {point.seed for point in self.points})

    @cached_property
    def arms(self) -> list[str]:
        """Arms, in the order in which they were read."""
        return list(dict.fromkeys(point.arm for point in self.points))

    def budgets(self, arm: str | None = None) -> list[int | None]:
        """Return the budgets of an arm or of all, in order; None stands for an arm with its own budget."""
        found = {point.budget for point in self.points if arm in (None, point.arm)}
        return sorted(found, key=lambda budget: budget or 0)

    @cached_property
    def places(self) -> list[Place]:
        """Arms at each of their budgets."""
        return [(arm, budget) for arm in self.arms for budget in self.budgets(arm)]

    @cached_property
    def _groups(self) -> dict[Place, list[AnyPoint]]:
        groups: dict[Place, list[AnyPoint]] = {}
        for point in self.points:
            groups.setdefault((point.arm, point.budget), []).append(point)
        return groups

    def at(self, place: Place, world: str | None = None) -> list[AnyPoint]:
        """Return the points of an arm at a budget, in one world or in all."""
        return [p for p in self._groups.get(place, []) if world in (None, p.world)]

    def by_world(self, place: Place, value: Value[AnyPoint]) -> list[list[float]]:
        """Return a value of every point of an arm at a budget, a list for each world with headroom."""
        lists = ([value(point) for point in self.at(place, world)] for world in self.gaining)
        return [values for values in lists if values]

    def mean(self, place: Place, value: Value[AnyPoint]) -> Estimate | None:
        """Return the mean of a value; None unless there are points in all worlds with headroom."""
        found = self.by_world(place, value)
        return estimate(found) if len(found) == len(self.gaining) else None

    def differences(
        self, ours: Place, theirs: Place, value: Value[AnyPoint] = lambda point: point.test
    ) -> dict[str, list[float]]:
        """Return paired differences by world with headroom: same world and seed, ours minus theirs."""
        other = {(point.world, point.seed): value(point) for point in self.at(theirs)}
        found: dict[str, list[float]] = {}
        for point in self.at(ours):
            if point.world in self.gaining and (point.world, point.seed) in other:
                difference = value(point) - other[point.world, point.seed]
                found.setdefault(point.world, []).append(difference)
        return found

    def difference(self, ours: Place, theirs: Place) -> Estimate | None:
        """Return the mean paired difference of test scores; None if no world and seed has both."""
        return estimate(list(self.differences(ours, theirs).values()))

    def optimism(self, place: Place) -> Estimate | None:
        """Return the reported minus the test score, over all worlds; None if none is reported."""
        claims = [
            [p.reported - p.test for p in self.at(place, world) if p.reported is not None]
            for world in self.worlds
        ]
        return estimate([values for values in claims if values])

    @property
    def made_with(self) -> str:
        """The versions, as a line."""
        return "; and ".join(", ".join(f"{k} {v}" for k, v in found.items()) for found in self.versions)


def coverage(points: Sequence[Point]) -> float | None:
    """Return the share of reported 90 % intervals that contain the test score; None without intervals.

    The test score is a mean over few rows. Its own error is added to the interval, as that of a difference
    between two independent estimates, because the interval is for the score behind it.
    """
    held = [_holds(p.interval, p.test, p.test_error) for p in points if p.interval]
    return fmean(held) if held else None


def _holds(interval: tuple[float, float], test: float, error: float) -> bool:
    low, high = interval
    reach = math.hypot((high - low) / 2, NormalDist().inv_cdf((1 + LEVEL) / 2) * error)
    return abs(test - (low + high) / 2) <= reach


def read(out: Path, arms: Iterable[str], worlds: Iterable[str]) -> Results[Point]:
    """Read the results in a directory, in the order of `arms` and `worlds`."""
    data = cells_in(out)
    order = {name: place for place, name in enumerate([*arms, *worlds])}
    data.sort(key=lambda d: (order.get(d["arm"], 99), order.get(d["world"], 99), d["seed"]))
    baselines = [d for d in data if d["arm"] == BASELINE]
    seconds: dict[str, list[float]] = {}
    for cell in data:
        seconds.setdefault(cell["arm"], []).append(cell["processor_seconds"])
    return Results(
        points=tuple(Point(**point_fields(d, point)) for d in data for point in d.get("points", ())),
        seed={(d["world"], d["seed"]): d["seed_test"] for d in baselines},
        best={(d["world"], d["seed"]): d["best_test"] for d in baselines},
        parameters=kinds(d["parameters"] for d in data),
        versions=kinds(d["versions"] for d in data),
        seconds={arm: tuple(values) for arm, values in seconds.items()},
    )


def cells_in(out: Path) -> list[dict[str, Any]]:
    """Read all result files in a directory."""
    return [read_json(file) for file in sorted(out.glob("*/*-seed*.json"))]


def point_fields(cell: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Point` from a result and one of its measured programs."""
    names = {field.name for field in fields(Point)} & data.keys()
    interval = tuple(data["interval"]) if data["interval"] else None
    where = {name: cell[name] for name in ("arm", "world", "seed") if name in cell}
    return {**where, **{name: data[name] for name in names}, "interval": interval}


def kinds(found: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Return one of each kind that occurs."""
    return tuple({json.dumps(each, sort_keys=True): each for each in found}.values())
