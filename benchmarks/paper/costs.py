"""The command `costs`: what the paper's tables cost, added up before anything is paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from benchmarks.harness.arms import BASELINE, TRANSFER
from benchmarks.harness.cell import Rows
from benchmarks.harness.meter import Price, Prices, total
from benchmarks.harness.models import PRESETS, SIMULATED_MODELS, Models
from benchmarks.harness.setting import RefusedError
from benchmarks.harness.tables import markdown
from benchmarks.paper.forecast import Forecast, Rollout, forecast, heavy_rollouts, measure
from benchmarks.paper.options import read_prices
from benchmarks.paper.prices import FREE, price_list
from benchmarks.paper.published import budgets
from benchmarks.paper.rows import EVERYTHING, PaperCell, cells, refuse_substitute
from benchmarks.tasks import DataNotFound, load

TASKS = ("hotpotqa", "ifbench", "hover", "pupa", "aime", "livebench_math")
TRAIN = 150


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables: its title, the preset of its models, and its optimizers."""

    title: str
    preset: str
    arms: tuple[str, ...]


_SHARED = (BASELINE, "miprov2", "gepa-paper", "gepa-paper+merge")
TABLES = (
    PaperTable("Table 1, Qwen3-8B", "qwen3-8b", (*_SHARED, "grpo")),
    PaperTable("Table 2, GPT-4.1 mini", "gpt-4.1-mini", (*_SHARED, "miprov2-zeroshot", TRANSFER)),
)


def prices_of(models: Models, known: Prices) -> Prices:
    """Return the prices of simulated models that stand for some models; an unknown price is 0."""
    stands_for = {
        "simulated/task": models.task,
        "simulated/reflection": models.reflection,
        "simulated/judge": models.judge or models.task,
        "simulated/outside": models.judge or models.task,
    }

    def find(model: str) -> Price:
        return known(stands_for[model]) or FREE

    return find


def measured(data_dir: str | None) -> dict[str, Rollout]:
    """Return one simulated rollout of each task.

    Raises:
        DataNotFound: The data of a task is not to be had.
        RefusedError: Something stands in for the paper's corpus.
    """
    found = {}
    for task in TASKS:
        refuse_substitute(load(task, data_dir), paper=True)
        cell = PaperCell(task, BASELINE, 0, 0, Rows(TRAIN, EVERYTHING), SIMULATED_MODELS)
        found[task] = measure(cell, data_dir, lambda model: FREE)
    return found


def foreseen(
    arms: Sequence[str], rollouts: Mapping[str, Rollout], prices: Prices
) -> dict[str, dict[str, Forecast]]:
    """Return the forecasts of one seed under the paper's budget, by optimizer and task."""
    found: dict[str, dict[str, Forecast]] = {}
    for cell in cells(
        TASKS,
        arms,
        [0],
        models=SIMULATED_MODELS,
        train=TRAIN,
        val=None,
        test=None,
        budget=None,
        paper_budget=lambda task: heavy_rollouts(rollouts[task]),
        prompts="",
    ):
        found.setdefault(cell.arm, {})[cell.task] = forecast(cell, rollouts[cell.task], prices)
    return {arm: found[arm] for arm in arms}


def by_optimizer(rollouts: Mapping[str, Rollout], prices: Prices) -> str:
    """Return dollars by optimizer and task, with the rollouts that they are for, as Markdown."""
    arms = list(dict.fromkeys(["gepa", *(arm for table in TABLES for arm in table.arms)]))
    lines: list[tuple[object, ...]] = []
    for arm, each in foreseen([arm for arm in arms if arm != "grpo"], rollouts, prices).items():
        dollars = [found.usage.dollars for found in each.values()]
        lines.append((f"`{arm}`", *(f"${each:,.2f}" for each in (*dollars, sum(dollars)))))
    rule = [heavy_rollouts(rollouts[task]) for task in TASKS]
    paper = [budgets()[task] for task in TASKS]
    for told, counts in (("rollouts of each, by the paper's rule", rule), ("in the paper's runs", paper)):
        lines.append((told, *(f"{count:,}" for count in (*counts, sum(counts)))))
    return markdown(["", *TASKS, "together"], lines)


def by_table(rollouts: Mapping[str, Rollout], known: Prices) -> str:
    """Return calls, tokens and dollars of the whole tables, as Markdown."""
    lines = []
    for table in TABLES:
        each = foreseen(table.arms, rollouts, prices_of(PRESETS[table.preset], known))
        lines.append(_line(f"{table.title}: {', '.join(table.arms)}", each))
        if "grpo" in each:
            lines.append(_line("of these, grpo alone", {"grpo": each["grpo"]}))
    return markdown(
        ["whole tables, one seed", "LM calls", "prompt tokens", "answer tokens", "dollars"], lines
    )


def _line(title: str, each: Mapping[str, Mapping[str, Forecast]]) -> tuple[object, ...]:
    used = total({f"{arm} {task}": f.usage for arm, row in each.items() for task, f in row.items()})
    return (title, f"{used.calls:,}", f"{used.prompt:,}", f"{used.completion:,}", f"${used.dollars:,.2f}")


@click.command()
@click.option("--data", "data_dir", type=click.Path(file_okay=False), help="Directory with local data sets.")
@click.option("--price", "prices", multiple=True, help="MODEL=IN,OUT in US dollars per million tokens.")
def costs(data_dir: str | None, prices: tuple[str, ...]) -> None:
    """Print what Table 1 and Table 2 cost, one seed under the paper's budgets; nothing is paid.

    One rollout a task is run by simulated models; prices are those of the paper's models, and a model that
    you serve is free unless you give a price.
    """
    known = price_list(read_prices(prices))
    try:
        rollouts = measured(data_dir)
    except (DataNotFound, RefusedError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(by_optimizer(rollouts, prices_of(PRESETS["gpt-4.1-mini"], known)))
    click.echo()
    click.echo(by_table(rollouts, known))
