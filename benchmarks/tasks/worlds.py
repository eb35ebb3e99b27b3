"""The record worlds: what each of them stresses, its parameters, and how it was found to behave.

Every world has two variants. `easy` is for the tables that are published, `easy-tuning` for whoever tunes an
optimizer: other kinds of value, other numbers of conventions, other strengths, noise and manners (each knob
drawn anew within a fifth of its value), other rows. Nothing tuned may have looked at the plain names.

Figures are means over seeds 0 to 2 of the plain variant. A rollout takes about 0.9 ms of processor time per
predictor, plus 1.7 ms where a judge is asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from benchmarks.simulated.worlds.records import ClerkKnobs, ReflectorKnobs
from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS, KINDS
from benchmarks.simulated.worlds.records.rows import Demand

TUNING = "-tuning"
Scoring = Literal["fields", "binary", "judge"]
SPREAD = 0.2


@dataclass(frozen=True)
class Figures:
    """How a world was found to behave, by `python -m benchmarks calibrate worlds`.

    Attributes:
        seed: Test score of the seed prompt.
        halfway: Test score with every second of the sentences of the hand-made prompt added to it.
        best: Test score of the hand-made prompt.
        accepted_one: Share of rewrites of one component that beat their parent on the 3 rows reflected
            on, when the parent is the seed prompt and when it is the halfway one.
        accepted_all: The same for rewrites of all components and 8 rows.
        seen_gain: Gain of accepted one-component rewrites on those 3 rows.
        true_gain: Their gain on other rows; the difference is what a gate on the reflected rows flatters.
        noise: Standard deviation of a row's score over changes of the prompt that mean nothing.
    """

    seed: float
    halfway: float
    best: float
    accepted_one: tuple[float, float]
    accepted_all: tuple[float, float]
    seen_gain: float
    true_gain: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """The parameters of a world.

    Attributes:
        stresses: What it is for.
        figures: How the plain variant was found to behave.
        demands: The conventions by kind of value; one predictor each.
        clerk: The weaknesses of the task model.
        reflector: The manners of the reflection model.
        scoring: How the metric scores.
        start: The seed prompt: plain, harmed (with sentences that do harm), or best.
        harms: Harmful sentences per predictor in a harmed seed prompt.
        first_desk: Share of rows from the first desk, whose conventions may be its own.
        judge_noise: Standard deviation of the judge's grades.
    """

    stresses: str
    figures: Figures
    demands: Mapping[str, Demand]
    clerk: ClerkKnobs = field(default_factory=ClerkKnobs)
    reflector: ReflectorKnobs = field(default_factory=ReflectorKnobs)
    scoring: Scoring = "fields"
    start: Literal["plain", "harmed", "best"] = "plain"
    harms: int = 2
    first_desk: float = 1 / 3
    judge_noise: float = 0.0


def _same(kinds: str, demand: Demand) -> dict[str, Demand]:
    return dict.fromkeys(kinds.split(), demand)


_WORLDS: dict[str, WorldSpec] = {
    "easy": WorldSpec(
        stresses="Nothing: few conventions, an able reflection model, graded scores. All should do well.",
        figures=Figures(0.18, 0.54, 0.88, (0.61, 0.65), (0.97, 0.90), 0.25, 0.13, 0.07),
        demands=_same("date amount", Demand(rules=3)),
        clerk=ClerkKnobs(weakest=0.75, restless=0.1, difficulty=0.1),
        reflector=ReflectorKnobs(insight=0.85, mistaken=0.05, useless=0.05),
    ),
    "wide": WorldSpec(
        stresses="Many components and rules: what one reflection changes is a small part of the whole.",
        figures=Figures(0.11, 0.28, 0.76, (0.41, 0.44), (0.98, 0.98), 0.07, 0.02, 0.07),
        demands=_same("date amount name unit code place", Demand(rules=4)),
    ),
    "noisy": WorldSpec(
        stresses="All-or-nothing scores and many calls that go wrong by chance: small samples say little.",
        figures=Figures(0.12, 0.30, 0.63, (0.30, 0.27), (0.60, 0.65), 0.36, 0.02, 0.33),
        demands=_same("amount code", Demand(rules=4, need=0.3)),
        clerk=ClerkKnobs(noise=0.1, restless=0.5, habit=0.3),
        scoring="binary",
    ),
    # `python -m benchmarks calibrate choice`, 12 seeds: a bare search of 120 steps ends at 0.72 when parents
    # are drawn from the frontier and at 0.645 when the best average is the only parent (0.074 +- 0.016 apart;
    # in the tuning variant 0.067 +- 0.016). General conventions alone reach about 0.65.
    "specialists": WorldSpec(
        stresses=(
            "Some conventions hold at one desk only. Asking for one of them everywhere helps that desk and "
            "costs the others a little more, so only who keeps such candidates finds the conditional rule."
        ),
        figures=Figures(0.25, 0.64, 0.84, (0.67, 0.32), (0.98, 0.27), 0.15, 0.03, 0.08),
        demands=_same("date name place", Demand(rules=2, need=0.7, scoped=1)),
        clerk=ClerkKnobs(weakest=0.8, habit=0.05, restless=0.1),
        # Few lessons at a time, or a general convention would carry a specialised one through any gate.
        reflector=ReflectorKnobs(insight=0.9, second=0.2, narrows=0.9, mistaken=0.05, useless=0.05),
        first_desk=0.35,
    ),
    "hard": WorldSpec(
        stresses="Most proposals fail, as in the paper's own runs: 17 to 30 % beat their parent on 3 rows.",
        figures=Figures(0.17, 0.32, 0.59, (0.28, 0.25), (0.65, 0.52), 0.18, 0.02, 0.13),
        demands=_same("unit place", Demand(rules=4, need=0.4)),
        clerk=ClerkKnobs(weakest=0.4, restless=0.3, difficulty=0.4, dilution=0.6),
        reflector=ReflectorKnobs(insight=0.3, mistaken=0.35, useless=0.35, pads=0.4, forgets=0.1),
    ),
    # On all 400 rows, 8 seeds of 12 rewrites each change the score by -0.05 on average (-0.04 in the tuning
    # variant), the best of each twelve by 0.01, which is what chance does; the true gain below, of 60 rows,
    # is chance too.
    "headroom0": WorldSpec(
        stresses="Nothing to gain: the seed prompt is as good as any, every rewrite is neutral or worse.",
        figures=Figures(0.66, 0.66, 0.66, (0.21, 0.21), (0.32, 0.32), 0.21, 0.02, 0.23),
        demands=_same("date code", Demand(rules=4)),
        clerk=ClerkKnobs(weakest=1.0, restless=0.4, difficulty=0.4, noise=0.05),
        start="best",
    ),
    "judge": WorldSpec(
        stresses="Graded scores from a judge LM with a noise of its own, called by the metric through DSPy.",
        figures=Figures(0.39, 0.50, 0.77, (0.73, 0.59), (0.95, 0.87), 0.13, 0.05, 0.11),
        demands=_same("date place", Demand(rules=4)),
        scoring="judge",
        judge_noise=0.15,
    ),
    "defective": WorldSpec(
        stresses="The seed prompt asks for harmful things. They must go; adding sentences does not suffice.",
        figures=Figures(0.06, 0.17, 0.81, (0.32, 0.45), (0.92, 0.83), 0.21, 0.04, 0.15),
        demands=_same("amount unit", Demand(rules=3)),
        clerk=ClerkKnobs(harm=0.6),
        start="harmed",
    ),
    "overfit": WorldSpec(
        stresses=(
            "The reflection model often remarks on single examples. That helps those rows and hurts others, "
            "so a gate on the reflected rows is flattered."
        ),
        figures=Figures(0.10, 0.26, 0.76, (0.83, 0.68), (1.00, 0.97), 0.25, 0.03, 0.11),
        demands=_same("name code", Demand(rules=4)),
        clerk=ClerkKnobs(misled=0.08),
        reflector=ReflectorKnobs(remarks=0.5, insight=0.5),
    ),
}

WORLD_NAMES = (*_WORLDS, *(name + TUNING for name in _WORLDS))


def world_named(name: str) -> WorldSpec:
    """The world called `name`, one of `WORLD_NAMES`."""
    plain = name.removesuffix(TUNING)
    return _WORLDS[plain] if plain == name else for_tuning(plain, _WORLDS[plain])


def for_tuning(name: str, world: WorldSpec) -> WorldSpec:
    """A sibling of `world` that stresses the same with other parameters."""
    rng = random.Random(f"worlds/{name}{TUNING}")
    shift = rng.choice((2, 4))
    demands = {
        KINDS[(KINDS.index(kind) + shift) % len(KINDS)]: _varied(demand, kind, rng)
        for kind, demand in world.demands.items()
    }
    return replace(
        world,
        demands=demands,
        clerk=ClerkKnobs(**_drawn(asdict(world.clerk), rng)),
        reflector=ReflectorKnobs(**_drawn(asdict(world.reflector), rng)),
        judge_noise=world.judge_noise * _factor(rng),
    )


def _varied(demand: Demand, kind: str, rng: random.Random) -> Demand:
    # More general conventions would hide behind them what the scoped ones are there for.
    change = 0 if demand.scoped else rng.choice((-1, 0, 1))
    rules = min(len(CONVENTIONS[kind]), demand.rules + change)
    return replace(demand, rules=rules, need=demand.need * _factor(rng))


def _drawn(knobs: Mapping[str, float], rng: random.Random) -> dict[str, float]:
    # Values of 0 and 1 are what makes a world special, and stay.
    return {
        name: value if value in (0.0, 1.0) else min(0.95, value * _factor(rng))
        for name, value in knobs.items()
    }


def _factor(rng: random.Random) -> float:
    return rng.uniform(1 - SPREAD, 1 + SPREAD)
