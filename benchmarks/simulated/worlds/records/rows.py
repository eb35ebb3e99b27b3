"""Generates the rows of a record world: messy records, and the values a careful clerk would write."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.simulated.text import word_list
from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS
from benchmarks.simulated.worlds.records.conventions import Convention
from benchmarks.simulated.worlds.records.faults import DESKS

FIRST_NAMES = word_list("Orsa Marta Ilse Edvin Tomas Greta Henrik Luda Anselm Brita Casper Dorte Frida Ivo")
LAST_NAMES = word_list("Lindquist Marek Olsen Valdahl Korran Hestmark Jorova Selberg Tarsen Yarrow Dunek")
STREETS = word_list("Mill Harbour Lime Station Garden Bridge Orchard Castle River Market Chapel Tanner")
TOWNS = word_list("Velmere Ostholm Tarwick Branford Kelcombe Fenhaven Moradale Istergate Nordness Quilford")


@dataclass(frozen=True)
class Demand:
    """Which conventions a world has for one kind of value.

    Attributes:
        rules: How many of the catalogue's conventions, drawn by the world's seed.
        need: Chance that a row's value is messed up so that a convention matters.
        scoped: How many of the conventions hold at the first desk only; the other desks keep the value as
            it stands.
    """

    rules: int
    need: float = 0.5
    scoped: int = 0


@dataclass(frozen=True)
class House:
    """The conventions in force for one kind of value."""

    general: tuple[Convention, ...]
    scoped: tuple[Convention, ...] = ()

    def wanted_at(self, desk: str) -> tuple[Convention, ...]:
        """Those that hold for records of `desk`."""
        return (*self.general, *(self.scoped if desk == DESKS[0] else ()))


@dataclass(frozen=True)
class Row:
    """A record, and the values wanted by kind."""

    record: str
    wanted: Mapping[str, str]


def houses(demands: Mapping[str, Demand], rng: random.Random) -> dict[str, House]:
    """The conventions in force by kind, drawn from the catalogue."""
    drawn = {}
    for kind, demand in demands.items():
        chosen = rng.sample(CONVENTIONS[kind], demand.rules)
        drawn[kind] = House(tuple(chosen[demand.scoped :]), tuple(chosen[: demand.scoped]))
    return drawn


def make_rows(
    count: int,
    demands: Mapping[str, Demand],
    in_force: Mapping[str, House],
    first_desk: float,
    rng: random.Random,
) -> list[Row]:
    """`count` rows, a share `first_desk` of them from the first desk."""
    sheets = rng.sample(range(100, 100 + 20 * count), count)
    return [_row(sheet, demands, in_force, first_desk, rng) for sheet in sheets]


def _row(
    sheet: int, demands: Mapping[str, Demand], in_force: Mapping[str, House], share: float, rng: random.Random
) -> Row:
    desk = DESKS[0] if rng.random() < share else rng.choice(DESKS[1:])
    parts, wanted = [f"{desk} desk, sheet {sheet}"], {}
    for kind, house in in_force.items():
        needed = [c for c in (*house.general, *house.scoped) if rng.random() < demands[kind].need]
        raw = canonical(kind, rng)
        for convention in CONVENTIONS[kind]:
            if convention in needed and convention.mess is not None:
                raw = convention.mess(raw)
        parts.append(f"{kind}: {raw}")
        wanted[kind] = mended(kind, raw, house.wanted_at(desk))
    return Row(" | ".join(parts), wanted)


def mended(kind: str, raw: str, wanted: tuple[Convention, ...]) -> str:
    """`raw` under the conventions `wanted`, in the catalogue's order."""
    for convention in CONVENTIONS[kind]:
        if convention in wanted:
            raw = convention.mend(raw)
    return raw


def canonical(kind: str, rng: random.Random) -> str:
    """A value of `kind` as it should be; every convention's mess changes it."""
    digit = rng.randint
    if kind == "date":
        return f"20{digit(10, 29)}-0{digit(1, 9)}-0{digit(1, 9)}"
    if kind == "amount":
        return f"{digit(1000, 9999)}.{digit(1, 9)}0 USD"
    if kind == "name":
        return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    if kind == "unit":
        return f"{digit(10, 99)}.{digit(1, 9)} kg"
    if kind == "code":
        return f"{rng.choice('ABCDEFGH')}{rng.choice('KLMNPRST')}{digit(1000, 9999)}"
    return f"{digit(1, 99)} {rng.choice(STREETS)} Street, {rng.choice(TOWNS)}"
