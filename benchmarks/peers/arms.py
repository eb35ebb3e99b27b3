"""The optimizers that are compared, each behind one call that gives programs at one or more budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import dspy

import dspy_gepa
from benchmarks.harness.arms import AS_PUBLISHED, AS_PUBLISHED_WITH_MERGES, PARALLEL
from benchmarks.harness.others.fewshot import SIMBA_BATCH, simba_steps
from benchmarks.harness.setting import CountingMetric, quiet
from benchmarks.peers.ablation import ABLATIONS
from benchmarks.peers.readoff import best_within
from benchmarks.peers.tally import Tally, tallied
from benchmarks.tasks import Task
from dspy_gepa.search import Adaptive, Paper, Strategy


@dataclass(frozen=True)
class Bench:
    """What every arm is given.

    budgets: at which programs are asked for.
    largest: budget of arms that run once and are read off at the smaller budgets.
    """

    task: Task
    seed: int
    budgets: tuple[int, ...]
    largest: int


@dataclass(frozen=True)
class Outcome:
    """A program that an optimizer returned, or would have returned with this budget.

    budget: None for optimizers that choose theirs themselves.
    metric_calls: rollouts that this program took.
    total: rollouts of the whole run it was read off from.
    reported: what the optimizer says the program scores; None when it says nothing.
    """

    program: dspy.Module
    budget: int | None
    metric_calls: int
    total: int
    reported: float | None
    interval: tuple[float, float] | None
    reflection_calls: int
    reflection_tokens: int


class Optimizer(Protocol):
    """What DSPy's optimizers have in common."""

    def compile(self, student: Any, *, trainset: Any, **options: Any) -> Any: ...


class Meters:
    """A metric that counts, and a reflection LM that counts against it."""

    def __init__(self, bench: Bench) -> None:
        self.metric = CountingMetric(bench.task.metric)
        self.tally = Tally(lambda: self.metric.calls)
        self.lm = tallied(bench.task.reflection_lm(seed=bench.seed), self.tally)


Arm = Callable[[Bench], list[Outcome]]
Make = Callable[[Bench, Meters], Optimizer]


def adaptive(changes: Mapping[str, Any] | None = None) -> Arm:
    """Ours, once per budget, because what it keeps for the finals depends on it."""

    def at(bench: Bench, budget: int) -> Outcome:
        meters = Meters(bench)
        optimizer = _ours(bench, meters, Adaptive(**(changes or {})), budget)
        program = _compiled(optimizer, bench)
        found, calls = program.detailed_results, meters.metric.calls
        return Outcome(
            program, budget, calls, calls, found.score, tuple(found.interval), *meters.tally.until()
        )

    return lambda bench: [at(bench, budget) for budget in bench.budgets]


def once(make: Make) -> Arm:
    """One run at the largest budget, read off at the smaller ones."""

    def run(bench: Bench) -> list[Outcome]:
        meters = Meters(bench)
        found = _compiled(make(bench, meters), bench).detailed_results
        means = found.val_aggregate_scores

        def at(budget: int) -> Outcome:
            best = best_within(found.discovery_eval_counts, means, len(bench.task.val), budget)
            program, total = found.candidates[best], meters.metric.calls
            return Outcome(program, budget, budget, total, means[best], None, *meters.tally.until(budget))

        return [at(budget) for budget in sorted({*bench.budgets, bench.largest})]

    return run


def paper(options: Mapping[str, Any]) -> Make:
    """Ours as published."""
    return lambda bench, meters: _ours(bench, meters, Paper(), bench.largest, **options)


def reference(**options: Any) -> Make:
    """`dspy.GEPA`, at its defaults but for the options."""
    return lambda bench, meters: dspy.GEPA(
        meters.metric,
        max_metric_calls=bench.largest,
        reflection_lm=meters.lm,
        num_threads=1,
        seed=bench.seed,
        track_stats=True,
        **options,
    )


def miprov2(auto: Literal["light", "heavy"]) -> Arm:
    """`dspy.MIPROv2` with its own idea of a budget."""

    def run(bench: Bench) -> list[Outcome]:
        meters = Meters(bench)
        optimizer = dspy.MIPROv2(
            metric=meters.metric.number, prompt_model=meters.lm, auto=auto, num_threads=1, seed=bench.seed
        )
        program = _compiled(optimizer, bench)
        return [_own(program, meters, program.score / 100)]

    return run


def simba(bench: Bench) -> list[Outcome]:
    """`dspy.SIMBA` with as many steps as the largest budget pays; it takes no validation rows."""
    meters, train = Meters(bench), bench.task.train
    batch = min(SIMBA_BATCH, len(train))
    optimizer = dspy.SIMBA(
        metric=meters.metric.number,
        bsize=batch,
        max_steps=simba_steps(bench.largest, batch, len(train)),
        prompt_model=meters.lm,
        num_threads=1,
    )
    with quiet():
        program = optimizer.compile(bench.task.program(), trainset=train, seed=bench.seed)
    return [_own(program, meters, float(program.candidate_programs[0]["score"]))]


OURS = "gepa"
TUNED = "dspy-gepa-tuned"
DEFAULTS = "dspy-gepa"
PEERS: dict[str, Arm] = {
    OURS: adaptive(),
    "gepa-paper": once(paper(AS_PUBLISHED)),
    "gepa-paper+merge": once(paper(AS_PUBLISHED_WITH_MERGES)),
    DEFAULTS: once(reference()),
    TUNED: once(reference(component_selector="all", reflection_minibatch_size=8)),
    "dspy-gepa-parallel": once(reference(gepa_kwargs=PARALLEL)),
    "miprov2-light": miprov2("light"),
    "miprov2-heavy": miprov2("heavy"),
    "simba": simba,
}
VARIANTS: dict[str, Arm] = {name: adaptive(changes) for name, changes in ABLATIONS.items()}


def _ours(bench: Bench, meters: Meters, strategy: Strategy, budget: int, **options: Any) -> dspy_gepa.GEPA:
    return dspy_gepa.GEPA(
        meters.metric,
        max_metric_calls=budget,
        reflection_lm=meters.lm,
        strategy=strategy,
        num_threads=1,
        seed=bench.seed,
        progress="off",
        track_stats=True,
        **options,
    )


def _compiled(optimizer: Optimizer, bench: Bench) -> Any:
    with quiet():
        return optimizer.compile(bench.task.program(), trainset=bench.task.train, valset=bench.task.val)


def _own(program: dspy.Module, meters: Meters, reported: float) -> Outcome:
    calls = meters.metric.calls
    return Outcome(program, None, calls, calls, reported, None, *meters.tally.until())
