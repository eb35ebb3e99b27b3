"""The command `run`."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.harness import present
from benchmarks.harness.arms import TRANSFER, unfit
from benchmarks.harness.cell import OtherParametersError, Rows
from benchmarks.harness.meter import Prices
from benchmarks.harness.models import PRESETS, SIMULATED, Engine, Models
from benchmarks.harness.options import AT_LEAST_ONE, POSITIVE, rules_option
from benchmarks.harness.others import grpo, transfer
from benchmarks.harness.runner import Ended
from benchmarks.harness.setting import RefusedError
from benchmarks.paper import options
from benchmarks.paper.forecast import Forecast, Rollout, forecast, heavy_rollouts, measure
from benchmarks.paper.prices import price_list
from benchmarks.paper.progress import Progress
from benchmarks.paper.published import budgets
from benchmarks.paper.rows import EVERYTHING, PaperCell, cells, refuse_substitute
from benchmarks.paper.runner import CostCapError, Place, run_all
from benchmarks.scorers.rules import Rules
from benchmarks.tasks import NAMES, DataNotFound, load
from dspy_gepa import InfrastructureError

WAYS = click.Choice(["auto", "litellm"])
DIRECTORY = click.Path(file_okay=False)
QUOTES = "It quotes rows of the data; those of pupa are people's own chats."


@click.command()
@click.argument("tasks", nargs=-1, required=True, type=click.Choice(NAMES))
@click.option("--optimizer", "optimizers", default="gepa", show_default=True, help="Names, comma-separated.")
@click.option("--models", "preset", type=click.Choice(list(PRESETS)), help="The paper's models.")
@click.option("--lm", help=f"Model for both roles.  [default: {SIMULATED}]")
@click.option("--task-lm", help="Model that runs the program, e.g. openai/gpt-4.1-mini.")
@click.option("--reflection-lm", help="Model that rewrites instructions.")
@click.option("--judge-lm", help="Model that judges, and the outside one of pupa; default that of --task-lm.")
@click.option("--api-base", help="OpenAI-compatible server of the task's and the reflection model.")
@click.option("--engine", type=WAYS, default="auto", show_default=True, help="Who speaks to the provider.")
@click.option("--data", "data_dir", type=DIRECTORY, help="Directory with local data sets.")
@rules_option
@click.option("--budget", default="600", show_default=True, help="Rollouts of each optimizer, or paper.")
@click.option("--seed", "--seeds", "seeds", default="0", show_default=True, help="E.g. 0 or 0,1,2 or 0-19.")
@click.option("--train", type=AT_LEAST_ONE, default=150, show_default=True, help="Train rows used, at most.")
@click.option(
    "--val", type=AT_LEAST_ONE, help="Validation rows, at most; default a 12th of the budget, all for paper."
)
@click.option("--test", type=AT_LEAST_ONE, help="Test rows used, at most; default all.")
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option("--out", default="results", show_default=True, type=DIRECTORY, help="Where results are kept.")
@click.option("--dry-run", is_flag=True, help="Print calls, tokens, dollars; pays one rollout a task.")
@click.option("--max-cost", type=POSITIVE, help="Maximum US dollars of all cells, earlier sessions included.")
@click.option("--price", "prices", multiple=True, help="MODEL=IN,OUT in US dollars per million tokens.")
@click.option("--gpu-server", envvar=grpo.ENVIRONMENT, help="Server that trains models, for grpo.")
@click.option("--prompts", type=DIRECTORY, help="Another model's results, for transfer.")
@click.option("--show-step", is_flag=True, help=f"Print one accepted step of GEPA in full. {QUOTES}")
def run(
    tasks: tuple[str, ...],
    optimizers: str,
    preset: str | None,
    lm: str | None,
    task_lm: str | None,
    reflection_lm: str | None,
    judge_lm: str | None,
    api_base: str | None,
    engine: Engine,
    data_dir: str | None,
    rules: Rules,
    budget: str,
    seeds: str,
    train: int,
    val: int | None,
    test: int | None,
    threads: int,
    out: str,
    dry_run: bool,
    max_cost: float | None,
    prices: tuple[str, ...],
    gpu_server: str | None,
    prompts: str | None,
    show_step: bool,
) -> None:
    """Run TASKS with one or more optimizers and seeds; keep a result for each and print a table.

    Running it again continues where it stopped: cells with a result are not run again.
    """
    models = options.read_models(
        preset,
        task=task_lm,
        reflection=reflection_lm,
        judge=judge_lm,
        both=lm,
        api_base=api_base,
        engine=engine,
    )
    known_prices = price_list(options.read_prices(prices))
    options.check_cap(max_cost, models, known_prices)
    names = options.read_optimizers(optimizers, gpu_server)
    place = Place(Path(out), data_dir, threads, known_prices, max_cost, gpu_server)
    console = present.console()
    console.print(f"Models: {models.label}\n")
    try:
        rollouts = Rollouts(models, train, val, data_dir, known_prices)
        data = data_of(tasks, data_dir, paper=options.read_budget(budget) is None)
        chosen = cells(
            tasks,
            names,
            options.read_seeds(seeds),
            models=models,
            train=train,
            val=val,
            test=test,
            budget=options.read_budget(budget),
            paper_budget=rollouts.paper_budget,
            prompts=prompts,
            data_of=lambda task: data[task].fingerprint,
            rules=rules,
        )
        for cell in chosen:
            if cell.arm == TRANSFER:
                transfer.check(cell.source)
        fit = [cell for cell in chosen if unfit(cell.arm, cell.task) is None]
        todo = [cell for cell in fit if cell.stored(place.out) is None]
        forecasts = {cell.name: forecast(cell, rollouts.of(cell), known_prices) for cell in todo}
        _tell_beforehand(console, data, rollouts)
        if dry_run:
            console.print(forecast_table(forecasts))
            for cell in chosen:
                if (reason := unfit(cell.arm, cell.task)) is not None:
                    console.print(f"{cell.name}: not applicable, {reason}")
            console.print(
                f"{len(todo)} of {len(fit)} cells have no result yet. Only a rollout a task was run."
            )
            return
        with Progress(console, len(chosen)) as progress:
            ended = []
            for end in run_all(chosen, place, forecasts=forecasts, told=progress.told):
                progress.ended(end)
                _tell(console, end, show_step)
                ended.append(end)
    except (DataNotFound, OtherParametersError, CostCapError, RefusedError, InfrastructureError) as error:
        raise click.ClickException(str(error)) from error
    _sum_up(console, ended, set(names))
    failures = [end for end in ended if end.error is not None]
    if failures:
        raise click.ClickException(
            f"{len(failures)} of {len(ended)} cells failed; the same command tries them again:\n"
            + "\n".join(f"{end.cell.name}: {end.error}" for end in failures)
        )


@dataclass(frozen=True)
class Data:
    """What a task is made of: a fingerprint, and lines for people."""

    fingerprint: str
    told: tuple[str, ...]


def data_of(tasks: Iterable[str], data_dir: str | None, *, paper: bool) -> dict[str, Data]:
    """Return what each task is made of.

    Raises:
        DataNotFound: It is not to be had.
        RefusedError: Something stands in for the paper's corpus, and the budget is the paper's.
    """
    found = {}
    for name in dict.fromkeys(tasks):
        task = load(name, data_dir)
        refuse_substitute(task, paper=paper)
        lines = {
            "data": f"{task.source or 'made up here'}; rows and corpus {task.fingerprint}",
            "search": task.searched,
            "scores are not comparable with the paper's": task.substitute,
        }
        told = (f"{name}, {what}: {line}" for what, line in lines.items() if line)
        found[name] = Data(task.fingerprint, tuple(told))
    return found


class Rollouts:
    """Measures a rollout of each task's original program, once."""

    def __init__(
        self, models: Models, train: int, val: int | None, data_dir: str | None, prices: Prices
    ) -> None:
        self._rows = Rows(train, val or EVERYTHING)
        self._models = models
        self._data_dir = data_dir
        self._prices = prices
        self._known: dict[tuple[str, int], Rollout] = {}
        self._budgets: dict[str, int] = {}

    def of(self, cell: PaperCell) -> Rollout:
        """Return the usage of a rollout of the cell's task. Raises DataNotFound."""
        key = (cell.task, cell.rows.val)
        if key not in self._known:
            self._known[key] = measure(cell, self._data_dir, self._prices)
        return self._known[key]

    @property
    def conditions(self) -> dict[str, Mapping[str, str]]:
        """What the results of each task rest on, in words, for the tasks measured so far."""
        return {task: rollout.conditions for (task, _), rollout in self._known.items()}

    def paper_budget(self, task: str) -> int:
        """Return the budget by the paper's rule: the rollouts of MIPROv2 heavy on these rows."""
        found = heavy_rollouts(self.of(PaperCell(task, "miprov2", 0, 0, self._rows, self._models)))
        self._budgets[task] = found
        return found

    def budgets_in_words(self) -> str:
        """Return the budgets that were asked for, beside those of the paper's own runs."""
        if not self._budgets:
            return ""
        published = budgets()
        each = (
            f"{task} {found:,}" + (f" (published {published[task]:,})" if task in published else "")
            for task, found in self._budgets.items()
        )
        return f"Rollouts by the paper's rule, as many as MIPROv2 heavy takes: {', '.join(each)}."


def _tell_beforehand(console: Console, data: Mapping[str, Data], rollouts: Rollouts) -> None:
    """Print what results will rest on: data, corpora, walls, budgets."""
    lines = [line for found in data.values() for line in found.told]
    for task, conditions in rollouts.conditions.items():
        lines += [f"{task}, {name}: {told}" for name, told in conditions.items()]
    for line in (*lines, rollouts.budgets_in_words()):
        if line:
            console.print(line)


def forecast_table(forecasts: Mapping[str, Forecast]) -> Table:
    """Return a table with a line per cell, and one for all."""
    table = Table("cell", "metric calls", "LM calls", "prompt tokens", "answer tokens", "dollars")
    for name, found in forecasts.items():
        table.add_row(name, *_figures([found]))
    table.add_section()
    table.add_row("in total", *_figures(list(forecasts.values())))
    return table


def _figures(found: Sequence[Forecast]) -> list[str]:
    dollars = sum(f.usage.dollars for f in found)
    return [
        f"{sum(f.metric_calls for f in found):,}",
        f"{sum(f.usage.calls for f in found):,}",
        f"{sum(f.usage.prompt for f in found):,}",
        f"{sum(f.usage.completion for f in found):,}",
        "price unknown, give --price" if dollars != dollars else f"${dollars:,.4f}",
    ]


def _tell(console: Console, end: Ended[PaperCell], show_step: bool) -> None:
    if end.result is None:
        said = f"failed, {end.error}" if end.unfit is None else f"not applicable, {end.unfit}"
        console.print(f"{end.cell.name}: {said}")
        return
    before, after = end.result["test_before"], end.result["test_after"]
    note = ", known" if end.known else ""
    calls = end.result["metric_calls"]
    console.print(f"{end.cell.name}: {before:.1%} -> {after:.1%}, {calls} metric calls, {end.file}{note}")
    story = present.step_story(end.result["result"]) if show_step and "result" in end.result else None
    if story is not None:
        console.print(QUOTES)
        console.print(story)
    if "tasks" in end.result and "result" in end.result:
        console.print(present.tasks_table(end.result["result"], end.result["tasks"]))


def _sum_up(console: Console, ended: Sequence[Ended[PaperCell]], asked: set[str]) -> None:
    lines = [
        (
            e.cell.task,
            e.cell.arm,
            e.cell.seed,
            e.result["test_before"],
            e.result["test_after"],
            e.cell.budget,
            e.result["metric_calls"],
        )
        for e in ended
        if e.result is not None and e.cell.arm in asked
    ]
    console.print(present.scores_table(lines))
    for pair in dict.fromkeys(line[:2] for line in lines):
        scores = [line[4] for line in lines if line[:2] == pair]
        console.print(f"{', '.join(pair)}: {mean_of(scores)}")


def mean_of(scores: Sequence[float]) -> str:
    """Return the mean test score of some seeds in words; one seed has no standard error."""
    if len(scores) == 1:
        return f"test score {scores[0]:.1%} (one seed, which has no standard error)"
    error = statistics.stdev(scores) / len(scores) ** 0.5
    return f"mean test score {statistics.fmean(scores):.1%} (standard error {error:.1%}, {len(scores)} runs)"
