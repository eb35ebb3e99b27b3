"""`python -m benchmarks real`: optimizers beside each other with real models, on small tasks.

Any OpenAI-compatible server will do. A cell is one arm on one task with one seed and budget; a comparison
that was stopped goes on with the same command, and prompts asked before are answered from the record.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import click
import dspy
from gepa.strategies.proposal_sampling import PxNSampling
from rapidfuzz import fuzz

from benchmarks.harness.arms import ARMS, BASELINE, TUNED, best_within, reference, run_arm
from benchmarks.harness.cell import Cell, OtherParametersError, Rows
from benchmarks.harness.curves import draw
from benchmarks.harness.evaluation import Tester, instructions
from benchmarks.harness.meter import CountingMetric, Meter, Outages, Reflections
from benchmarks.harness.options import AT_LEAST_ONE, chosen, numbers, of_served_models
from benchmarks.harness.others.plain import best_of, drafts, one_reading
from benchmarks.harness.runner import run_all
from benchmarks.harness.served import Record, ServedModels
from benchmarks.harness.setting import Arm, Found, Setting
from benchmarks.studies import real_report
from benchmarks.studies.options import DEFAULT, OPTIONS, with_option
from benchmarks.tasks import SMALL_NAMES, Task, load
from benchmarks.tasks.data import DataNotFound
from dspy_gepa import Proposal

REAL: Mapping[str, Arm] = {
    **{name: ARMS[name] for name in ("gepa", "gepa-paper", "dspy-gepa", "dspy-gepa-tuned")},
    "dspy-gepa-2x2": reference({"sampling_strategy": PxNSampling(p=2, n=2)}, **TUNED),
    "dspy-gepa-1x4": reference({"sampling_strategy": PxNSampling(p=1, n=4)}, **TUNED),
    **{name: ARMS[name] for name in ("miprov2-zeroshot", "miprov2")},
    "best-of-n": drafts(best_of, failures_only=False),
    "one-reading": drafts(one_reading, failures_only=True),
    **{f"gepa-{name}": with_option(name) for name in OPTIONS if name != DEFAULT},
}
SAME = 0.95  # likeness of characters from which a proposal is a near-duplicate of an earlier one
DEFAULT_ARMS = ("gepa", "gepa-paper", "dspy-gepa", "dspy-gepa-tuned", "best-of-n", "one-reading")


@dataclass(frozen=True)
class RealCell(Cell):
    """A cell with real models.

    Attributes:
        data: Directory of local data; None for rows that are made up.
        threads: Requests at a time; no result depends on it.
    """

    data: str | None = None
    threads: int = 2

    @property
    def name(self) -> str:
        """Name of the cell for people."""
        return f"{self.task}, {self.arm} @ {self.budget}, seed {self.seed}"

    def file(self, out: Path) -> Path:
        """Return the path of the result."""
        return out / self.task / f"{self.arm}-{self.budget}-seed{self.seed}.json"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that a stored result must agree with."""
        return {
            "train": self.rows.train,
            "val": self.rows.val,
            "test": self.rows.test,
            "task model": self.models.task,
            "reflection model": self.models.reflection,
            "questions": "local" if self.data else "made up",
        }

    @property
    def rollouts(self) -> int:
        """Rollouts of the search and of the test."""
        return self.budget + (2 if self.arm == BASELINE else 1) * (self.rows.test or 0)

    def load(self, data_dir: str | None = None) -> Task:
        """Load the task, and cut its rows."""
        return self.rows.of(load(self.task, data_dir or self.data, self.seed), self.seed)


def cells(
    arms: Iterable[str], tasks: Iterable[str], seeds: int, budgets: Iterable[int], like: RealCell
) -> list[RealCell]:
    """Return all cells, the baselines first, then by seed, so that a stopped comparison has whole seeds.

    like: a cell with the rows, models and data of all.
    """
    tasks, budgets = list(tasks), list(budgets)
    first = [replace(like, task=task, arm=BASELINE, seed=0, budget=0) for task in tasks]
    rest = [
        replace(like, task=task, arm=arm, seed=seed, budget=budget)
        for seed, budget, task, arm in product(range(seeds), budgets, tasks, arms)
    ]
    return [*first, *rest]


def run_cell(cell: RealCell) -> dict[str, Any]:
    """Run a cell, and return the content of its file."""
    task = cell.load()
    tester = Tester(task, cell.threads)
    started = time.perf_counter()
    with cell.playing(task):
        if cell.arm == BASELINE:
            found: dict[str, Any] = {
                "seed_test": tester.score(task.program()),
                "best_test": tester.score(task.best_program()),
                "seed_rows": tester.rows(task.program()),
            }
        else:
            found = _measure(cell, task, tester)
    seconds = round(time.perf_counter() - started, 1)
    return {
        **cell.origin(),
        "seconds": seconds,
        "processor_seconds": seconds,
        **found,
    }


def _measure(cell: RealCell, task: Task, tester: Tester) -> dict[str, Any]:
    metric, lm = CountingMetric(task.metric), cell.models.reflection_lm(task, cell.seed)
    reflections = Reflections(lm.model, lambda: metric.calls)
    outages = Outages()
    listening = {"callbacks": [*dspy.settings.callbacks, outages]}
    with dspy.context(**Meter(heard=reflections.heard).settings(), **listening):
        found = run_arm(REAL[cell.arm], Setting(task, lm, cell.budget, cell.seed, cell.threads), metric)
    outages.refuse()
    within = _within(found, task, cell.budget)
    point = tester.point(within, reflections.until(cell.budget), cell.budget)
    return {
        "points": [{**point, "total_metric_calls": found.metric_calls}],
        "rows": tester.rows(within.program),
        "texts": instructions(within.program),
        "proposals": _counts(found),
    }


def _within(found: Found, task: Task, budget: int) -> Found:
    """Return the best program that the budget paid for, of an arm that may spend more."""
    if found.metric_calls <= budget or not found.pool:
        return found
    best = best_within(found.pool, len(task.val), budget)
    return replace(found, program=best.program, score=best.score, interval=None, metric_calls=budget)


def _counts(found: Found) -> dict[str, int]:
    """Return what became of the reflections of our optimizer; nothing for others, which do not tell."""
    result = found.details.get("result")
    if result is None:
        return {}
    proposals: Sequence[Proposal] = [p for p in result.proposals if p.kind == "mutation"]
    texts = [" ".join(p.candidate.values()) for p in proposals if p.candidate is not None]
    return {
        "reflections": sum(p.reflections for p in proposals),
        "unusable": sum(p.unusable for p in proposals),
        "proposed": len(texts),
        "near duplicates": sum(
            any(fuzz.ratio(text, other) >= 100 * SAME for other in texts[:place])
            for place, text in enumerate(texts)
        ),
    }


def summary(result: Mapping[str, Any]) -> str:
    """Return a result in a few words."""
    points = result.get("points")
    scores = [p["test"] for p in points] if points else [result["seed_test"], result["best_test"]]
    return f"{' '.join(f'{score:.3f}' for score in scores)}, {result['seconds']:.0f} s"


def forecast(ended: Sequence[tuple[RealCell, float]], left: Sequence[RealCell], processes: int) -> str:
    """Return the hours that the cells left should take, by the seconds per rollout of those that ended."""
    paid = [(cell.rollouts, seconds) for cell, seconds in ended]
    if not left or not sum(rollouts for rollouts, _ in paid):
        return ""
    each = sum(seconds for _, seconds in paid) / sum(rollouts for rollouts, _ in paid)
    hours = each * sum(cell.rollouts for cell in left) / processes / 3600
    return f"{len(left)} cells left, about {hours:.1f} h at {each:.1f} s per rollout"


def file_hashes(files: Sequence[Path]) -> str:
    """Return name and hash of each file of a model."""
    told = []
    for file in files:
        found = hashlib.sha256()
        with file.open("rb") as content:
            while part := content.read(1 << 20):
                found.update(part)
        told.append(f"{file.name} {found.hexdigest()[:12]}")
    return ", ".join(told)


@click.command()
@of_served_models
@click.option("--tasks", default=",".join(SMALL_NAMES), show_default=True, help="Names, comma-separated.")
@click.option("--arms", default=",".join(DEFAULT_ARMS), show_default=True, help="Names, comma-separated.")
@click.option("--budgets", callback=numbers(), default="60", show_default=True, help="Metric calls.")
@click.option("--seeds", type=AT_LEAST_ONE, default=3, show_default=True, help="Number of seeds, from 0.")
@click.option("--train", type=AT_LEAST_ONE, default=40, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=20, show_default=True, help="Validation rows.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of all prompts and answers.  [default: record.sqlite in --out]",
)
@click.option("--headroom", is_flag=True, help="The seed and the hand-written instructions only.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results/real"),
    show_default=True,
)
def real(
    task_lm: str,
    reflection_lm: str | None,
    api_base: str,
    reflection_api_base: str | None,
    tasks: str,
    arms: str,
    budgets: tuple[int, ...],
    seeds: int,
    train: int,
    val: int,
    test: int,
    processes: int,
    threads: int,
    data: str | None,
    record: Path | None,
    model_files: tuple[Path, ...],
    headroom: bool,
    report_only: bool,
    out: Path,
) -> None:
    """Compare optimizers with real models on small tasks: scores, honesty, reflections, lengths."""
    names = [] if headroom else chosen(arms, REAL, "--arms")
    kept = record or out / "record.sqlite"
    models = ServedModels(
        task_lm,
        reflection_lm or task_lm,
        api_base=api_base,
        reflection_api_base=reflection_api_base,
        record=str(kept),
    )
    like = RealCell("", "", 0, 0, Rows(train, val, test), models, data=data, threads=threads)
    todo = cells(names, chosen(tasks, SMALL_NAMES, "--tasks"), seeds, budgets, like)
    failures: list[str] = []
    if not report_only:
        try:
            failures = _run(todo, out, processes)
        except (OtherParametersError, DataNotFound) as error:
            raise click.ClickException(str(error)) from error
    found = real_report.read_real(out, REAL, SMALL_NAMES)
    if not found.seed:
        raise click.ClickException("\n".join([f"There are no results in {out}.", *failures]))
    about = real_report.About(models.label, file_hashes(model_files), Record(kept).digest())
    text = real_report.report(found, about)
    (out / "table.md").write_text(text, encoding="utf-8")
    if found.points:
        draw(found, out / "curves", models.label)
    click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))


def _run(todo: Sequence[RealCell], out: Path, processes: int) -> list[str]:
    """Run cells, tell each on stderr with a forecast of the rest, and return the lines of failures."""
    left = [cell for cell in todo if cell.stored(out) is None]
    click.echo(f"{len(todo)} cells, {len(todo) - len(left)} done already", err=True)
    ended: list[tuple[RealCell, float]] = []
    failures: list[str] = []
    for end in run_all(todo, out, run_cell, processes=processes):
        if end.known:
            continue
        left.remove(end.cell)
        told = f"failed, {end.error}" if end.result is None else summary(end.result)
        if end.result is None:
            failures.append(f"{end.cell.name}: {told}")
        else:
            ended.append((end.cell, end.result["seconds"]))
        parts = [f"{end.cell.name}: {told}", forecast(ended, left, processes)]
        click.echo("; ".join(filter(None, parts)), err=True)
    return failures
