"""The options of `run` that need reading: lists of names and seeds, budgets, models, prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import click

from benchmarks.harness.arms import check
from benchmarks.harness.meter import Price, Prices
from benchmarks.harness.models import NEED_SERVER, PRESETS, SIMULATED, Engine, Models
from benchmarks.harness.others import grpo
from benchmarks.harness.setting import RefusedError
from benchmarks.paper.prices import read_price


def read_seeds(text: str) -> list[int]:
    """The seeds of 0, 0,1,2 or 0-19."""
    try:
        first, dash, last = text.partition("-")
        seeds = range(int(first), int(last) + 1) if dash else [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: write 0, 0,1,2 or 0-19", param_hint="--seeds") from error
    if not seeds:
        raise click.BadParameter(f"{text!r} names no seed: write the lower one first", param_hint="--seeds")
    return list(dict.fromkeys(seeds))


def read_optimizers(text: str, gpu_server: str | None) -> list[str]:
    """The names, all of which can be run here."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        try:
            check(name)
            if name == "grpo":
                grpo.provider_of(gpu_server)
        except RefusedError as error:
            raise click.BadParameter(str(error), param_hint="--optimizer") from error
    return names


def read_budget(text: str) -> int | None:
    """Rollouts, or None for the paper's."""
    if text == "paper":
        return None
    try:
        budget = int(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}: give a number of rollouts, or paper", param_hint="--budget"
        ) from error
    if budget < 1:
        raise click.BadParameter(f"{budget} rollouts buy nothing; give at least 1", param_hint="--budget")
    return budget


def read_models(
    preset: str | None,
    *,
    task: str | None,
    reflection: str | None,
    judge: str | None,
    both: str | None,
    api_base: str | None,
    engine: Engine,
) -> Models:
    """The models of a preset, or those named one by one; names given beside a preset replace its own."""
    if preset and both:
        raise click.UsageError("--lm and --models both name all models: leave one of them out.")
    found = PRESETS[preset] if preset else Models(both or SIMULATED, both or SIMULATED)
    models = replace(
        found,
        task=task or found.task,
        reflection=reflection or (task if preset and task else found.reflection),
        judge=judge or found.judge,
        api_base=api_base,
        engine=engine,
    )
    if preset in NEED_SERVER and api_base is None:
        raise click.UsageError(
            f"{preset} is served by you: give the address of an OpenAI-compatible server (vLLM, Ollama, ...) "
            "as --api-base, e.g. http://localhost:8000/v1, and its name there as --task-lm openai/NAME if it "
            f"is not {found.task}."
        )
    if api_base is not None and SIMULATED in (models.task, models.reflection):
        raise click.UsageError("--api-base serves the task's and the reflection model, but one is simulated.")
    return models


def read_prices(given: Iterable[str]) -> dict[str, Price]:
    """Prices by model."""
    found = {}
    for text in given:
        try:
            model, price = read_price(text)
        except ValueError as error:
            raise click.BadParameter(
                f"{text!r}: give MODEL=IN,OUT in US dollars per million tokens, e.g. openai/my-model=0.4,1.6",
                param_hint="--price",
            ) from error
        found[model] = price
    return found


def check_cap(max_cost: float | None, models: Models, prices: Prices) -> None:
    """A cap holds only where all prices are known."""
    unknown = [name for name in models.named if prices(name) is None]
    if max_cost is not None and unknown:
        raise click.UsageError(
            f"--max-cost needs the price of {', '.join(unknown)}, which is not in LiteLLM's list: give "
            f"--price {unknown[0]}=IN,OUT in US dollars per million tokens, 0,0 for a server of your own."
        )
