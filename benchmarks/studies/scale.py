"""`python -m benchmarks scale`: what the optimizers' own code costs as runs grow. No language models.

A program and a reflection model that answer at once: what a run takes is the optimizer's own work and
DSPy's. Every run has a process of its own. Runs that are on file are not repeated, so that a comparison can
be interrupted.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import dspy
import numpy as np

from benchmarks.harness.arms import ours, reference, run_arm
from benchmarks.harness.cell import VERSIONS
from benchmarks.harness.curves import figure, plain
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.options import AT_LEAST_ONE, chosen, numbers
from benchmarks.harness.setting import Arm, Setting
from benchmarks.harness.tables import Table, page
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import unit
from benchmarks.tasks import Task

REFERENCE, JOURNALLED = "dspy-gepa", "gepa, journal"
ARMS: dict[str, Arm] = {
    "gepa": ours("adaptive"),
    JOURNALLED: ours("adaptive"),
    "gepa-paper": ours("paper"),
    REFERENCE: reference(),
}
LINUX = Path("/proc/self")
# Budgets from which on growth is fitted: below them the start of a run counts.
GROWING = 1000
# A row is answered if it is among this share of all, for each note in the instructions; and the most notes.
SHARE_OF_A_NOTE, MOST_NOTES = 1 / 100, 60


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        arm: The optimizer.
        rows: Number of rows, one half for training and one for validation.
        budget: Maximum number of rollouts.
        rollouts: Number of rollouts.
        members: Number of candidates in the pool.
        processor_seconds: Time of all threads on the processor.
        seconds: Time from begin to end.
        megabytes: Peak memory above that before the run; 0 where the system cannot tell.
        journal_bytes: Size of the journal, 0 without one.
        load: Load average of the machine when it began; 0 where the system cannot tell.
        source: Version of the package.
    """

    arm: str
    rows: int
    budget: int
    rollouts: int
    members: int
    processor_seconds: float
    seconds: float
    megabytes: float
    journal_bytes: int
    load: float
    source: str

    @property
    def place(self) -> tuple[str, int, int]:
        """Arm, rows and budget."""
        return self.arm, self.rows, self.budget


# The world ------------------------------------------------------------------------------------------------


class Instant(dspy.Module):
    """Answers a share of the questions that grows with the notes in its instructions; asks no model."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        """Answer at once, and leave the trace that a call would leave."""
        notes = len(set(_notes(self.answer.signature.instructions)))
        right = unit("instant", question) < notes * SHARE_OF_A_NOTE
        found = dspy.Prediction(answer="right" if right else "wrong")
        if dspy.settings.trace is not None:
            dspy.settings.trace.append((self.answer, {"question": question}, found))
        return found


class Annotator:
    """A reflection model that adds a note to those that its prompt shows, another one each time."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def answer(self, prompt: Prompt, seed: str) -> Mapping[str, Value]:
        """Return a text with one more note."""
        mine = f"note{next(self._numbers)}."
        text = " ".join(dict.fromkeys([mine, *_notes(prompt.text)[:MOST_NOTES]]))
        return dict.fromkeys((field.name for field in prompt.outputs), text) | {"text": text}

    def to_json(self) -> dict[str, Any]:
        """Return the role as JSON data."""
        return {"role": "annotator"}


def _notes(text: str) -> list[str]:
    return re.findall(r"note\d+\.", text)


def graded(
    gold: dspy.Example,
    pred: Any,
    trace: Any = None,
    pred_name: str | None = None,
    pred_trace: Any = None,
) -> dspy.Prediction:
    """Score 1 for the right answer."""
    right = pred.answer == "right"
    return dspy.Prediction(score=float(right), feedback="This is right." if right else "This is wrong.")


def instant(rows: int) -> Task:
    """Return the task with this number of rows."""
    examples = [
        dspy.Example(question=f"Question {number}?").with_inputs("question") for number in range(rows)
    ]
    train = rows // 2
    role = Annotator()
    return Task("instant", Instant, graded, examples[:train], examples[train:], [], role, role, {})


def measure(arm: str, rows: int, budget: int, threads: int) -> Run:
    """Run an arm once, in this process, which ran nothing before."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    task = instant(rows)
    metric = CountingMetric(task.metric)
    with tempfile.TemporaryDirectory() as directory:
        log_dir = directory if arm == JOURNALLED else None
        setting = Setting(task, task.reflection_lm(), budget, seed=0, threads=threads, log_dir=log_dir)
        load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0
        before, started, used = _reset_peak(), time.perf_counter(), time.process_time()
        found = run_arm(ARMS[arm], setting, metric)
        return Run(
            arm=arm,
            rows=rows,
            budget=budget,
            rollouts=found.metric_calls,
            members=len(found.pool),
            processor_seconds=round(time.process_time() - used, 2),
            seconds=round(time.perf_counter() - started, 2),
            megabytes=round(max(0.0, _megabytes("VmHWM") - before), 1),
            journal_bytes=sum(file.stat().st_size for file in Path(directory).rglob("*") if file.is_file()),
            load=load,
            source=VERSIONS["dspy_gepa source"],
        )


def _reset_peak() -> float:
    """Let the peak of memory start anew, which imports left far above the rest; return the memory now.

    Linux alone can do this.
    """
    if LINUX.is_dir():
        (LINUX / "clear_refs").write_text("5")
    return _megabytes("VmRSS")


def _megabytes(name: str) -> float:
    if not LINUX.is_dir():
        return 0.0
    found = re.search(rf"^{name}:\s*(\d+) kB", (LINUX / "status").read_text(), re.MULTILINE)
    return int(found[1]) / 2**10 if found else 0.0


# The report -----------------------------------------------------------------------------------------------


def growth(runs: Sequence[Run]) -> float | None:
    """Return the exponent of the growth of processor seconds with the budget, from `GROWING` on.

    That of a least squares fit of logarithms; None with fewer than two budgets.
    """
    large = [(run.budget, run.processor_seconds) for run in runs if run.budget >= GROWING]
    if len({budget for budget, _ in large}) < 2:
        return None
    budgets, seconds = np.log(np.array(large)).T
    return float(np.polyfit(budgets, seconds, 1)[0])


def report(runs: Sequence[Run], command: str) -> str:
    """Return the tables of the runs."""
    arms = [arm for arm in ARMS if any(run.arm == arm for run in runs)]
    rows, budgets = sorted({run.rows for run in runs}), sorted({run.budget for run in runs})
    at = {run.place: run for run in runs}

    def table(title: str, note: str, value: Callable[[Run], str]) -> Table:
        lines = [
            [arm, size, *(value(at[arm, size, b]) if (arm, size, b) in at else "-" for b in budgets)]
            for size, arm in product(rows, arms)
        ]
        return Table(title, note, ["arm", "rows", *map(str, budgets)], lines)

    def ratio(run: Run) -> str:
        other = at.get((REFERENCE, run.rows, run.budget))
        return "-" if other is None else f"{run.processor_seconds / other.processor_seconds:.2f}"

    fitted = [
        [arm, size, "-" if found is None else f"{found:.2f}"]
        for size, arm in product(rows, arms)
        for found in [growth([run for run in runs if (run.arm, run.rows) == (arm, size)])]
    ]
    sources, loads = sorted({run.source for run in runs}), [run.load for run in runs]
    return page(
        [
            "# Cost of the optimizer's own code by budget (no language models)",
            "A program and a reflection model that answer at once: this says what optimizers cost, and "
            f"nothing about scores. Rows: half for training, half for validation. `{JOURNALLED}` writes its "
            "journal; the others keep none.",
            f"    {command}",
            f"Versions: {', '.join(f'{name} {version}' for name, version in VERSIONS.items())}; runs of "
            f"dspy_gepa source {', '.join(sources)}. Each run in a process of its own.",
            "What runs beside makes the same work take longer: the load average of the "
            f"{os.cpu_count()} cores was {min(loads):g} to {max(loads):g} when a run began.",
            table(
                "Processor seconds",
                "All threads, start of the process not counted.",
                lambda run: f"{run.processor_seconds:.1f}",
            ),
            table(f"Processor seconds by those of {REFERENCE}", "At the same budget and rows.", ratio),
            Table(
                "Growth",
                f"Exponent of processor seconds by budget, fitted from {GROWING} on: 1 is in proportion.",
                ["arm", "rows", "exponent"],
                fitted,
            ),
            table(
                "Peak memory",
                "MB above that of the process before the run.",
                lambda run: f"{run.megabytes:.0f}",
            ),
            table(
                "Journal",
                "Bytes for each rollout.",
                lambda run: f"{run.journal_bytes / run.rollouts:.0f}" if run.journal_bytes else "-",
            ),
            table(
                "Rollouts and candidates",
                "What the runs came to.",
                lambda run: f"{run.rollouts}; {run.members}",
            ),
        ]
    )


def draw(runs: Sequence[Run], file: Path) -> None:
    """Write the picture of processor seconds by budget, a panel for each number of rows."""
    sizes = sorted({run.rows for run in runs})
    with figure(file, "scale", (3.4 * len(sizes) + 0.6, 3.4)) as drawn:
        for axes, size in zip(
            drawn.subplots(1, len(sizes), sharey=True, squeeze=False)[0], sizes, strict=True
        ):
            for arm in ARMS:
                line = sorted((r.budget, r.processor_seconds) for r in runs if (r.arm, r.rows) == (arm, size))
                if line:
                    axes.plot(*zip(*line, strict=True), marker="o", markersize=3, label=arm)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(f"{size} rows")
            plain(axes, "budget", "processor seconds", sorted({run.budget for run in runs}))
            axes.tick_params(axis="x", labelrotation=45)
        drawn.axes[0].legend(frameon=False)


# The command ----------------------------------------------------------------------------------------------


@click.command()
@click.option(
    "--budgets",
    callback=numbers(),
    default="500,1000,2000,4000,8000,30000",
    show_default=True,
    help="Rollouts, comma-separated.",
)
@click.option(
    "--rows",
    callback=numbers(least=2),
    default="200,500,1000",
    show_default=True,
    help="Rows, half of them for training.",
)
@click.option("--arms", default=",".join(["gepa", *list(ARMS)[2:]]), help="Names, comma-separated.")
@click.option("--journal/--no-journal", default=True, show_default=True, help="Also with a journal.")
@click.option("--threads", type=AT_LEAST_ONE, default=2, show_default=True, help="Rollouts at a time.")
@click.option(
    "--out",
    "out_dir",
    default="benchmarks/results/scale",
    show_default=True,
    type=click.Path(file_okay=False),
)
def scale(
    budgets: tuple[int, ...],
    rows: tuple[int, ...],
    arms: str,
    journal: bool,
    threads: int,
    out_dir: str,
) -> None:
    """Measure processor time, memory and journal of long runs with models that answer at once."""
    names = chosen(arms, [arm for arm in ARMS if arm != JOURNALLED], "--arms")
    names = [*names, *([JOURNALLED] if journal and "gepa" in names else [])]
    directory = Path(out_dir)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "runs.json"
    runs = [Run(**run) for run in json.loads(file.read_text())] if file.exists() else []
    known = {run.place for run in runs}
    for budget, size, arm in product(budgets, rows, names):
        if (arm, size, budget) in known:
            continue
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            runs.append(pool.apply(measure, (arm, size, budget, threads)))
        last = runs[-1]
        click.echo(
            f"{arm}, {size} rows, budget {budget}: {last.processor_seconds:.1f} processor seconds, "
            f"{last.megabytes:.0f} MB",
            err=True,
        )
        file.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n", encoding="utf-8")
    runs = [run for run in runs if run.budget in budgets and run.rows in rows and run.arm in names]
    if not runs:
        return
    shown = (",".join(map(str, values)) for values in (budgets, rows))
    command = "python -m benchmarks scale --budgets {} --rows {} --arms {}{}".format(
        *shown,
        ",".join(name for name in names if name != JOURNALLED),
        "" if journal else " --no-journal",
    )
    text = report(runs, command)
    (directory / "table.md").write_text(text, encoding="utf-8")
    draw(runs, directory / "scale.svg")
    click.echo(text)
