"""Result files, read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.peers.cells import BASELINE

NO_HEADROOM = ("headroom0", "headroom0-tuning")
Pair = tuple[str, int]  # world and seed


@dataclass(frozen=True)
class Point:
    """One program; see `benchmarks.peers.arms.Outcome` for what is not said here.

    budget: None where the optimizer has a budget of its own.
    test: mean score on the test rows.
    test_error: its standard error; 0 where an older file does not tell it.
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
        """Everything the optimizer has put into the prompts, demonstrations too."""
        return self.instruction_chars + self.demo_chars


@dataclass(frozen=True)
class Results:
    """Everything in a directory.

    seed, best: test score of the seed program and of the hand-made one.
    parameters, versions: of each kind that occurs, one.
    seconds: of the processor, by arm, of each cell.
    """

    points: tuple[Point, ...]
    seed: Mapping[Pair, float]
    best: Mapping[Pair, float]
    parameters: tuple[Mapping[str, Any], ...]
    versions: tuple[Mapping[str, str], ...]
    seconds: Mapping[str, tuple[float, ...]]

    @cached_property
    def worlds(self) -> list[str]:
        return list(dict.fromkeys(world for world, _ in self.seed))

    @cached_property
    def gaining(self) -> list[str]:
        """The worlds that means are taken over: those in which there is something to gain."""
        return [world for world in self.worlds if world not in NO_HEADROOM]

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({seed for _, seed in self.seed})

    @cached_property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(point.arm for point in self.points))

    def budgets(self, arm: str) -> list[int | None]:
        """In order; None alone for an arm with a budget of its own."""
        found = {point.budget for point in self.points if point.arm == arm}
        return sorted(found, key=lambda budget: budget or 0)

    @cached_property
    def _groups(self) -> dict[tuple[str, int | None], list[Point]]:
        groups: dict[tuple[str, int | None], list[Point]] = {}
        for point in self.points:
            groups.setdefault((point.arm, point.budget), []).append(point)
        return groups

    def at(self, arm: str, budget: int | None, world: str | None = None) -> list[Point]:
        """The points of an arm at a budget; none when there are none."""
        return [p for p in self._groups.get((arm, budget), []) if world in (None, p.world)]

    def by_world(self, arm: str, budget: int | None, value: Callable[[Point], float]) -> list[list[float]]:
        """A value of every point of an arm at a budget, a list for each world with headroom that has any."""
        lists = ([value(point) for point in self.at(arm, budget, world)] for world in self.gaining)
        return [values for values in lists if values]


def read(out: Path, arms: Mapping[str, Any], worlds: tuple[str, ...]) -> Results:
    """What is in a directory, in the order of `arms` and `worlds`."""
    data = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(out.glob("*/*-seed*.json"))]
    order = {name: place for place, name in enumerate([*arms, *worlds])}
    data.sort(key=lambda d: (order.get(d["arm"], 99), order.get(d["world"], 99), d["seed"]))
    baselines = [d for d in data if d["arm"] == BASELINE]
    seconds: dict[str, list[float]] = {}
    for cell in data:
        seconds.setdefault(cell["arm"], []).append(cell["processor_seconds"])
    return Results(
        points=tuple(_point(d, point) for d in data for point in d.get("points", ())),
        seed={(d["world"], d["seed"]): d["seed_test"] for d in baselines},
        best={(d["world"], d["seed"]): d["best_test"] for d in baselines},
        parameters=_kinds(d["parameters"] for d in data),
        versions=_kinds(d["versions"] for d in data),
        seconds={arm: tuple(values) for arm, values in seconds.items()},
    )


def _point(cell: Mapping[str, Any], data: Mapping[str, Any]) -> Point:
    names = {field.name for field in fields(Point)} & data.keys()
    interval = tuple(data["interval"]) if data["interval"] else None
    where = {"arm": cell["arm"], "world": cell["world"], "seed": cell["seed"]}
    return Point(**{**where, **{name: data[name] for name in names}, "interval": interval})


def _kinds(found: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple({json.dumps(each, sort_keys=True): each for each in found}.values())
