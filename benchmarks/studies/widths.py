"""`python -m benchmarks widths`: the cost of trials in flight in test score, and what they save in time.

Our optimizer runs with its work recorded; the time that the work takes with a number of workers is simulated
afterwards.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import dspy

from benchmarks.harness.cell import VERSIONS, Cell, OtherParametersError, Rows
from benchmarks.harness.clockwork import StepWork, Timing, Work, simulate
from benchmarks.harness.curves import figure, plain
from benchmarks.harness.estimates import Estimate, estimate
from benchmarks.harness.evaluation import Tester
from benchmarks.harness.meter import CountingMetric, Meter, Reflections
from benchmarks.harness.options import AT_LEAST_ONE, chosen, numbers
from benchmarks.harness.recording import REFLECTION, ROLLOUT, RecordedGEPA
from benchmarks.harness.results import Point, Results, Value, cells_in, kinds, point_fields
from benchmarks.harness.runner import run_and_tell
from benchmarks.harness.setting import Found, Setting
from benchmarks.harness.tables import Table, page
from benchmarks.tasks import WORLD_NAMES
from dspy_gepa.program.build import build_program
from dspy_gepa.search import Adaptive

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class WidthCell(Cell):
    """A cell at a width, which its arm is named after."""

    width: int = 1


def cells(
    worlds: Iterable[str], seeds: int, budgets: Iterable[int], widths: Iterable[int], rows: Rows
) -> list[WidthCell]:
    """Return all cells, seeds outermost, so that an interrupted comparison has whole seeds."""
    return [
        WidthCell(world, f"budget{budget}-width{width}", seed, budget, rows, width=width)
        for seed, world, budget, width in product(range(seeds), worlds, budgets, widths)
    ]


def run_cell(cell: WidthCell) -> dict[str, Any]:
    """Run a cell, and return the content of its file."""
    started, task = time.process_time(), cell.load()
    with cell.playing(task):
        metric, lm = CountingMetric(task.metric), cell.models.reflection_lm(task, cell.seed)
        reflections = Reflections(lm.model, lambda: metric.calls)
        with dspy.context(**Meter(heard=reflections.heard).settings()):
            found, work = measure(Setting(task, lm, cell.budget, cell.seed, threads=1), metric, cell.width)
        point = Tester(task).point(found, reflections.until(), cell.budget)
    return {
        "world": cell.task,
        "seed": cell.seed,
        "width": cell.width,
        "models": cell.models.label,
        "parameters": cell.parameters(),
        "versions": VERSIONS,
        "latencies": {"rollout": asdict(ROLLOUT), "reflection": asdict(REFLECTION)},
        "processor_seconds": round(time.process_time() - started, 2),
        **point,
        "work": to_plain(work),
    }


def measure(setting: Setting, metric: CountingMetric, width: int) -> tuple[Found, Work]:
    """Run our optimizer, and return what it found and the work it did."""
    optimizer = RecordedGEPA(
        metric,
        max_metric_calls=setting.budget,
        reflection_lm=setting.reflection_lm,
        num_threads=1,
        width=width,
        seed=setting.seed,
        progress="off",
    )
    student = setting.task.program()
    search, work = optimizer.record(student, setting.task.train, setting.task.val)
    choice = search.choice
    program = build_program(student, search.pool.members[choice.member].candidate)
    return Found(program, score=choice.score, interval=choice.interval, metric_calls=metric.calls), work


def to_plain(work: Work) -> dict[str, Any]:
    """Return work as data; a step is a line of text, a tenth of the lines that lists would take."""
    return {
        "seconds": " ".join(f"{seconds:g}" for seconds in work.seconds),
        "steps": [
            f"{step.after}: {'; '.join(' '.join(map(str, batch)) for batch in step.batches)}"
            for step in work.steps
        ],
    }


def from_data(data: dict[str, Any]) -> Work:
    """Return the work from data that `to_plain` made."""
    return Work(tuple(map(_step, data["steps"])), tuple(map(float, data["seconds"].split())))


def _step(line: str) -> StepWork:
    after, _, batches = line.partition(": ")
    split = batches.split("; ") if batches else []
    return StepWork(int(after), tuple(tuple(map(int, batch.split())) for batch in split))


def summary(result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    return f"{result['test']:.3f}, {result['processor_seconds']:.1f} processor s"


# The report -----------------------------------------------------------------------------------------------


NO_TIME = Timing(0.0, 0.0, 1)


@dataclass(frozen=True)
class WidthPoint(Point):
    """The program that was found at a width, and the simulated time that it took."""

    width: int = 0
    timing: Timing = NO_TIME


WidthResults = Results[WidthPoint]


def read(out: Path, threads: int) -> WidthResults:
    """Read a directory, with the time that this number of workers takes. The arm is the width as text."""
    data = cells_in(out)
    shared = [
        {name: d["parameters"][name] for name in ("train", "val", "test")} | {"latencies": d["latencies"]}
        for d in data
    ]
    points = (
        WidthPoint(
            arm=str(d["width"]),
            width=d["width"],
            timing=simulate(from_data(d["work"]), threads),
            **point_fields(d, d),
        )
        for d in data
    )
    return Results(
        points=tuple(points),
        seed={},
        best={},
        parameters=kinds(shared),
        versions=kinds(d["versions"] for d in data),
        seconds={"": tuple(d["processor_seconds"] for d in data)},
    )


def score(point: WidthPoint) -> float:
    """Return the test score."""
    return point.test


def seconds(point: WidthPoint) -> float:
    """Return the simulated seconds."""
    return point.timing.seconds


def used(point: WidthPoint) -> float:
    """Return the share of the workers' time that was used."""
    return point.timing.used


def widths_of(results: WidthResults) -> list[int]:
    """Return the widths, in order."""
    return sorted({point.width for point in results.points})


def default_of(results: WidthResults, budget: int) -> int:
    """Return the default width of our optimizer."""
    sizes = results.parameters[0]
    return Adaptive().default_width(budget, sizes["train"], sizes["val"])


def report(results: WidthResults) -> str:
    """Return all tables."""
    return page([_head(results), _by_width(results), _defaults(results)])


def _head(results: WidthResults) -> str:
    widths = ",".join(map(str, widths_of(results)))
    made = (
        f"python -m benchmarks widths --worlds {','.join(results.worlds)} --seeds {len(results.seeds)} "
        f"--budgets {','.join(map(str, results.budgets()))} --widths {widths} "
        f"--threads {_threads(results)}"
    )
    sizes = "; and ".join(map(_sizes, results.parameters))
    each = math.fsum(results.seconds[""]) / len(results.points)
    return (
        "# Depth and breadth: widths (simulated LM)\n\nSimulated LMs and simulated time: this compares "
        "ways to search, and says nothing about any real model.\n\n"
        f"    {made}\n\nVersions: {results.made_with}.\n\nParameters: {sizes}.\n\n"
        f"{len(results.points)} runs, {each:.1f} processor seconds each."
    )


def _threads(results: WidthResults) -> int:
    return results.points[0].timing.workers


def _sizes(found: Mapping[str, Any]) -> str:
    rows = ", ".join(f"{name} {found[name]}" for name in ("train", "val", "test"))
    rollout, reflection = found["latencies"]["rollout"], found["latencies"]["reflection"]
    return (
        f"{rows} rows; a rollout takes {rollout['median']:g} s (median; log-normal, sigma "
        f"{rollout['sigma']:g}; {rollout['straggler_rate']:.0%} take {rollout['straggler_factor']:g} times "
        f"as long), a reflection {reflection['median']:g} s"
    )


def _by_width(results: WidthResults) -> Table:
    lines: list[list[object]] = []
    widths = widths_of(results)
    for budget in results.budgets():
        first = (str(widths[0]), budget)
        base = results.mean(first, seconds)
        for width in widths:
            place = (str(width), budget)
            took, share = results.mean(place, seconds), results.mean(place, used)
            if took is None or share is None:
                continue
            gaps = results.differences(place, first)
            gap = estimate(list(gaps.values())) if len(gaps) == len(results.worlds) else None
            lines.append(
                [
                    budget,
                    width,
                    _told(results.mean(place, score)),
                    _told(None if place == first else gap, "+"),
                    took.text_with_error(",.0f"),
                    f"{base.mean / took.mean:.2f}" if base else "-",
                    f"{share.mean:.0%}",
                    len(results.at(place)),
                ]
            )
    note = (
        "Test score: mean over worlds of the mean over seeds, with its standard error. Minus the narrowest: "
        "paired difference at the same budget, same worlds and seeds. Simulated seconds: nothing was waited "
        f"for; the recorded work of each run was laid out afterwards on {_threads(results)} workers, first "
        "come first served, steps committed in order. Times faster: by the mean seconds. Workers used: share "
        "of their time in which they had something to do."
    )
    head = ["budget", "width", "test score", f"minus width {widths[0]}", "simulated seconds", "times faster"]
    return Table("By budget and width", note, [*head, "workers used", "runs"], lines)


def _defaults(results: WidthResults) -> Table:
    lines: list[list[object]] = []
    widths = widths_of(results)
    for budget in filter(None, results.budgets()):
        default = default_of(results, budget)
        below = [width for width in widths if width <= default][-1:]
        above = [width for width in widths if width >= default][:1]
        cells = []
        for width in sorted({*below, *above}):
            took = results.mean((str(width), budget), seconds)
            found = f"{took.mean:,.0f} s" if took else "-"
            cells.append(f"{width}: {_told(results.mean((str(width), budget), score))}, {found}")
        lines.append([budget, default, "; ".join(cells)])
    note = (
        "What `GEPA` takes when no width is given (`search/pricing.py`). Measured beside it: the nearest "
        "widths of the table above."
    )
    head = ["budget", "default width", "width: test score, simulated seconds"]
    return Table("The default", note, head, lines)


def _told(found: Estimate | None, sign: str = "") -> str:
    return found.text_with_error(f"{sign}.3f", ".3f") if found else "-"


def draw(results: WidthResults, file: Path) -> None:
    """Write score and simulated seconds against width as SVG, a line for each budget."""
    with figure(file, "widths", (9.5, 4.0)) as drawn:
        left, right = drawn.subplots(1, 2)
        _panel(left, results, score, "test score")
        _panel(right, results, seconds, f"simulated seconds, {_threads(results)} workers")
        right.set_yscale("log")
        handles, labels = left.get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside right upper", frameon=False, title="metric calls")
        drawn.suptitle(f"Trials in flight, mean over {', '.join(results.worlds)} (simulated LM)")


def _panel(axes: Axes, results: WidthResults, value: Value[WidthPoint], name: str) -> None:
    widths = widths_of(results)
    for place, budget in enumerate(filter(None, results.budgets())):
        found = [(width, results.mean((str(width), budget), value)) for width in widths]
        line = [(width, mean) for width, mean in found if mean is not None]
        if not line:
            continue
        across = [width for width, _ in line]
        means = [mean.mean for _, mean in line]
        errors = [mean.error or 0.0 for _, mean in line]
        colour = f"C{place}"
        axes.errorbar(
            across, means, errors, color=colour, label=str(budget), marker="o", markersize=4, capsize=2
        )
        default = default_of(results, budget)
        height = between([(width, mean.mean) for width, mean in line], default)
        if height is not None:
            axes.plot([default], [height], "D", markersize=9, markerfacecolor="none", color=colour)
    # Without points it draws nothing but its entry in the legend.
    axes.plot([], [], "D", markersize=9, markerfacecolor="none", color="grey", label="default width")
    axes.set_xscale("log", base=2)
    plain(axes, "width (trials in flight)", name, widths)


def between(line: list[tuple[int, float]], width: int) -> float | None:
    """Return the height of a line at a width, straight on a log scale; None outside its points."""
    for (low, first), (high, second) in itertools.pairwise(line):
        if low <= width <= high:
            return first + math.log(width / low) / math.log(high / low) * (second - first)
    return line[0][1] if width == line[0][0] else None


# The command ----------------------------------------------------------------------------------------------


@click.command()
@click.option("--worlds", default="easy,noisy,defective", show_default=True, help="Names, comma-separated.")
@click.option("--seeds", type=AT_LEAST_ONE, default=4, show_default=True, help="Number of seeds, from 0.")
@click.option(
    "--budgets", callback=numbers(), default="150,300,600,1200", show_default=True, help="Metric calls."
)
@click.option(
    "--widths",
    "wanted",
    callback=numbers(),
    default="1,2,4,8,16",
    show_default=True,
    help="Trials in flight.",
)
@click.option(
    "--threads", type=AT_LEAST_ONE, default=32, show_default=True, help="Workers of the simulated clock."
)
@click.option("--train", type=AT_LEAST_ONE, default=100, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=40, show_default=True, help="Validation rows.")
@click.option("--test", type=AT_LEAST_ONE, default=200, show_default=True, help="Test rows.")
@click.option("--processes", type=AT_LEAST_ONE, default=1, show_default=True, help="Cells at a time.")
@click.option("--report-only", is_flag=True, help="Run nothing; the number of threads may differ.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results/widths"),
    show_default=True,
)
def widths(
    worlds: str,
    seeds: int,
    budgets: tuple[int, ...],
    wanted: tuple[int, ...],
    threads: int,
    train: int,
    val: int,
    test: int,
    processes: int,
    report_only: bool,
    out: Path,
) -> None:
    """Measure trials in flight: their cost in test score, and the (simulated) time that they save."""
    failures: list[str] = []
    if not report_only:
        names = chosen(worlds, WORLD_NAMES, "--worlds")
        todo = cells(names, seeds, budgets, wanted, Rows(train, val, test))
        try:
            failures = run_and_tell(todo, out, run_cell, processes, summary)
        except OtherParametersError as error:
            raise click.ClickException(str(error)) from error
    found = read(out, threads)
    if not found.points:
        raise click.ClickException("\n".join([f"There are no results in {out}.", *failures]))
    text = report(found)
    (out / "table.md").write_text(text, encoding="utf-8")
    draw(found, out / "widths.svg")
    click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
