"""`python -m benchmarks forecasts`: the forecast of `GEPA.plan` beside the figures of the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import click
import dspy

from benchmarks.harness.options import AT_LEAST_ONE
from benchmarks.harness.tables import markdown
from benchmarks.tasks import load
from dspy_gepa import GEPA, Forecast


@dataclass(frozen=True)
class Comparison:
    """One run of the bundled task.

    Attributes:
        budget: Rollouts allowed.
        val: Validation rows.
        forecast: The forecast of `GEPA.plan`; its pre-flight rollout is not counted below.
        steps: Steps that put something on trial.
        rollouts: Rollouts executed.
        reflections: Reflections asked for.
        tokens: Tokens used.
        seconds: Seconds from start to end.
    """

    budget: int
    val: int
    forecast: Forecast
    steps: int
    rollouts: int
    reflections: int
    tokens: int
    seconds: float


def compare(runs: int, threads: int) -> Iterator[Comparison]:
    """`runs` runs on different worlds, budgets and validation sizes, one after another."""
    for seed in range(runs):
        budget, val = 200 + 100 * seed, (20, 30, 50)[seed % 3]
        task = load("bundled", seed=seed)
        gepa = GEPA(
            task.metric,
            reflection_lm=task.reflection_lm(seed=seed),
            max_metric_calls=budget,
            num_threads=threads,
            seed=seed,
            progress="off",
            track_stats=True,
        )
        data = {"trainset": task.train, "valset": task.val[:val]}
        with dspy.context(lm=task.task_lm(seed=seed)):
            forecast = gepa.plan(task.program(), **data)
            started = time.perf_counter()
            result = gepa.compile(task.program(), **data).detailed_results
        yield Comparison(
            budget=budget,
            val=val,
            forecast=forecast,
            steps=sum(p.verdict != "skipped" for p in result.proposals[1:]),
            rollouts=result.total_metric_calls,
            reflections=result.reflection_calls,
            tokens=result.total_tokens,
            seconds=time.perf_counter() - started,
        )


@click.command()
@click.option("--runs", type=AT_LEAST_ONE, default=10, show_default=True, help="Runs, each on another world.")
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
def forecasts(runs: int, threads: int) -> None:
    """Print the forecasts of several runs beside their actual figures. Simulated LMs."""
    head = ["budget", "val rows", "steps", "rollouts", "reflections", "tokens", "seconds"]
    lines = [
        [
            c.budget,
            c.val,
            f"{c.forecast.steps} / {c.steps}",
            f"{c.forecast.rollouts} / {c.rollouts}",
            f"{c.forecast.reflections} / {c.reflections}",
            f"{c.forecast.tokens:,} / {c.tokens:,}",
            f"{c.forecast.seconds or 0.0:.0f} / {c.seconds:.0f}",
        ]
        for c in compare(runs, threads)
    ]
    click.echo("Forecast / actual, simulated LM\n\n" + markdown(head, lines))
