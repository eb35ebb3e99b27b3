"""The report's tables as data: a title, a note, a head and lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.harness.arms import BASELINE
from benchmarks.paper.published import Scores, lengths_of, tables
from benchmarks.paper.results import Group, Run, score

PUBLISHED = "published: "


@dataclass(frozen=True)
class Table:
    """A table; all its cells are text."""

    title: str
    note: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def tables_of(group: Group) -> Iterator[Table]:
    """All tables of a group."""
    yield scores_table(group)
    yield lengths_table(group)
    yield cost_table(group)


def preset_of(group: Group) -> str | None:
    """Return the paper's model that is a group's task model; None for another one."""
    name = group.models[0].lower()
    return next((preset for preset in tables() if preset in name), None)


def shown_beside(group: Group) -> list[tuple[str, Scores]]:
    """The published tables that a group is set beside: its model's, or both where it is none of the two."""
    preset = preset_of(group)
    return [(name, table) for name, table in tables().items() if preset in (None, name)]


def scores_table(group: Group) -> Table:
    """Test scores with intervals, their mean over tasks, and the published ones below."""
    tasks = group.tasks
    lines = [_measured(group, optimizer) for optimizer in group.optimizers]
    for _, published in shown_beside(group):
        base = published.rows[BASELINE]
        for optimizer, found in published.rows.items():
            cells = [f"{found[task]:.1f}" if task in found else "-" for task in tasks]
            name = f"{PUBLISHED}{optimizer}, {published.title} [{published.source}]"
            common = [task for task in group.common if task in found]
            lines.append((name, *cells, *_aggregate([found[t] for t in common], [base[t] for t in common])))
    return Table(
        "Test scores",
        "Per cent, mean over seeds, with 95 % Wilson intervals over the different test rows; the last "
        f"columns are the mean over {_over(group)} and its gain on the baseline; for published rows over "
        f"those of them that were published.{_not_applicable(group)}",
        ("optimizer", *tasks, "mean", "gain"),
        tuple(lines),
    )


def lengths_table(group: Group) -> Table:
    """Tokens of the final instructions and demonstrations."""
    lines = []
    for optimizer in group.optimizers:
        cells = [
            _length(group.at(optimizer, task)) or _absent(group, optimizer, task) for task in group.tasks
        ]
        over = [run for run in group.at(optimizer) if run.task in group.common]
        lines.append((optimizer, *cells, _length(over) or "-"))
    for preset, published in shown_beside(group):
        for optimizer, tokens in lengths_of(preset).items():
            name = f"{PUBLISHED}{optimizer}, {published.title} [N]"
            lines.append((name, *["-"] * len(group.tasks), f"{tokens:,}"))
    return Table(
        "Prompt lengths",
        "Tokens of all optimized texts and demonstrations of the program, and their mean over "
        f"{_over(group)}; the published ones are means over the paper's tasks, counted by another tokenizer.",
        ("optimizer", *group.tasks, "mean"),
        tuple(lines),
    )


def cost_table(group: Group) -> Table:
    """Return the table of costs, beside their forecasts."""
    lines = []
    for optimizer in group.optimizers:
        runs = group.at(optimizer)
        foreseen = [run.forecast for run in runs if run.forecast]
        told = len(foreseen) == len(runs)
        lines.append(
            (
                optimizer,
                f"{sum(run.metric_calls for run in runs):,}",
                f"{sum(run.usage.calls for run in runs):,}",
                f"{sum(f.calls for f in foreseen):,}" if told else "-",
                f"{sum(run.usage.prompt + run.usage.completion for run in runs):,}",
                f"{sum(f.prompt + f.completion for f in foreseen):,}" if told else "-",
                f"${sum(run.usage.dollars for run in runs):,.4f}",
                _dollars(sum(f.dollars for f in foreseen)) if told else "-",
            )
        )
    return Table(
        "Cost",
        "Sums over the tasks and seeds with results, the test included; the seed program's test is paid by "
        "the baseline. Metric calls are the optimizer's. Of a run that was killed up to 25 LM calls a time "
        "may be lacking.",
        (
            "optimizer",
            "metric calls",
            "LM calls",
            "foreseen",
            "tokens",
            "foreseen tokens",
            "dollars",
            "foreseen dollars",
        ),
        tuple(lines),
    )


def _measured(group: Group, optimizer: str) -> tuple[str, ...]:
    cells, ours, base = [], [], []
    for task in group.tasks:
        runs = group.at(optimizer, task)
        if not runs:
            cells.append(_absent(group, optimizer, task))
            continue
        found = score(runs)
        cells.append(f"{100 * found.mean:.1f} [{100 * found.low:.0f}, {100 * found.high:.0f}]")
        if task not in group.common:
            continue
        seeds = {run.seed for run in runs}
        reference = [run.mean for run in group.at(BASELINE, task) if run.seed in seeds]
        ours.append(100 * found.mean)
        base.append(100 * fmean(reference) if reference else float("nan"))
    return (optimizer, *cells, *_aggregate(ours, base))


def _aggregate(scores: Sequence[float], base: Sequence[float]) -> tuple[str, str]:
    if not scores:
        return "-", "-"
    gain = fmean(scores) - fmean(base)
    return f"{fmean(scores):.1f}", "-" if gain != gain else f"{gain:+.1f}"


def _over(group: Group) -> str:
    """Return the tasks that a mean is over."""
    if len(group.common) == len(group.tasks):
        return "these tasks"
    return f"the tasks that all have results for ({', '.join(group.common) or 'none'})"


def _not_applicable(group: Group) -> str:
    """Return the meaning of "n/a", if it occurs."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for (optimizer, task), reason in group.unfit().items():
        reasons.setdefault((task, reason), []).append(optimizer)
    told = [f"{', '.join(names)} on {task}: {reason}" for (task, reason), names in reasons.items()]
    return f" n/a: not applicable; {'; '.join(told)}." if told else ""


def _absent(group: Group, optimizer: str, task: str) -> str:
    return "n/a" if (optimizer, task) in group.unfit() else "-"


def _length(runs: Sequence[Run]) -> str:
    return f"{fmean(run.prompt_tokens for run in runs):,.0f}" if runs else ""


def _dollars(value: float) -> str:
    return "unknown" if value != value else f"${value:,.4f}"
