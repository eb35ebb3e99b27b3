"""`python -m benchmarks peers`: our optimizer beside its peers or its variants, on simulated worlds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import dspy

from benchmarks.harness.arms import ARMS, BASELINE, best_within, run_arm
from benchmarks.harness.cell import Cell, OtherParametersError, Rows
from benchmarks.harness.curves import draw
from benchmarks.harness.evaluation import Tester
from benchmarks.harness.meter import CountingMetric, Meter, Reflections
from benchmarks.harness.options import AT_LEAST_ONE, chosen, numbers
from benchmarks.harness.others.fewshot import simba, whole_plan
from benchmarks.harness.others.miprov2 import miprov2
from benchmarks.harness.results import NO_HEADROOM, Place, Point, Results, read
from benchmarks.harness.runner import run_and_tell
from benchmarks.harness.setting import Arm, Found, Setting
from benchmarks.harness.tables import (
    differences_table,
    lengths_table,
    optimism_table,
    page,
    scores_table,
    targets_table,
)
from benchmarks.studies.ablation import FULL, VARIANTS
from benchmarks.tasks import WORLD_NAMES, Task

OURS, TUNED, DEFAULTS = "gepa", "dspy-gepa-tuned", "dspy-gepa"
READ_OFF = ("gepa-paper", "gepa-paper+merge", DEFAULTS, TUNED, "dspy-gepa-parallel")
# These have a budget of their own.
OWN: dict[str, Arm] = {
    "miprov2-light": miprov2(auto="light"),
    "miprov2-heavy": miprov2(auto="heavy"),
    "simba": simba(whole_plan),
}
PEERS: dict[str, Arm] = {name: ARMS[name] for name in (OURS, *READ_OFF)} | OWN
PLAIN = tuple(name for name in WORLD_NAMES if not name.endswith("-tuning"))
BUDGETS = (60, 150, 300, 600, 1200)


def cells(
    arms: Iterable[str], worlds: Sequence[str], seeds: int, budgets: tuple[int, ...], largest: int, rows: Rows
) -> list[Cell]:
    """Return all cells, seeds outermost, so that an interrupted comparison has whole seeds."""
    names = dict.fromkeys([BASELINE, *arms])
    return [
        Cell(world, arm, seed, largest, rows, budgets=budgets)
        for seed, world, arm in product(range(seeds), worlds, names)
    ]


def run_cell(cell: Cell) -> dict[str, Any]:
    """Run a cell, and return the content of its file."""
    task = cell.load()
    tester = Tester(task)
    started, used = time.perf_counter(), time.process_time()
    with cell.playing(task):
        if cell.arm == BASELINE:
            found: dict[str, Any] = {
                "seed_test": tester.score(task.program()),
                "best_test": tester.score(task.best_program()),
            }
        else:
            found = {"points": _points(cell, task, tester)}
    return {
        **cell.origin(),
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(time.process_time() - used, 2),
        **found,
    }


def _points(cell: Cell, task: Task, tester: Tester) -> list[dict[str, Any]]:
    arm = (PEERS | VARIANTS)[cell.arm]
    if cell.arm not in (*READ_OFF, *OWN):
        # Once per budget, because what it keeps for the finals depends on it.
        runs = [(budget, *_run(cell, task, arm, budget)) for budget in cell.budgets]
        return [tester.point(found, reflections.until(), budget) for budget, found, reflections in runs]
    found, reflections = _run(cell, task, arm, cell.budget)
    if cell.arm in OWN:
        return [tester.point(found, reflections.until())]
    points = []
    for budget in sorted({*cell.budgets, cell.budget}):
        best = best_within(found.pool, len(task.val), budget)
        smaller = replace(found, program=best.program, score=best.score, interval=None, metric_calls=budget)
        point = tester.point(smaller, reflections.until(budget), budget)
        points.append({**point, "total_metric_calls": found.metric_calls})
    return points


def _run(cell: Cell, task: Task, arm: Arm, budget: int) -> tuple[Found, Reflections]:
    metric, lm = CountingMetric(task.metric), cell.models.reflection_lm(task, cell.seed)
    reflections = Reflections(lm.model, lambda: metric.calls)
    with dspy.context(**Meter(heard=reflections.heard).settings()):
        found = run_arm(arm, Setting(task, lm, budget, cell.seed, threads=1), metric)
    return found, reflections


def summary(result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    points = result.get("points")
    scores = [p["test"] for p in points] if points else [result["seed_test"], result["best_test"]]
    return f"{' '.join(f'{score:.3f}' for score in scores)}, {result['processor_seconds']:.1f} processor s"


# The report -----------------------------------------------------------------------------------------------

SCORES = ((150, TUNED, 600), (300, TUNED, 1200), (60, DEFAULTS, 600))
OPTIMISM, SEED_KEPT, LENGTH = 0.02, 0.95, 0.8


def report(results: Results[Point], *, ours: str) -> str:
    """Return all tables. ours: the arm that the others are compared with."""
    parts: list[object] = [
        _head(results, ours),
        scores_table(results),
        differences_table(results, ours),
        targets_table(results),
        optimism_table(results),
        lengths_table(results),
    ]
    if ours == OURS:
        parts.append("## Goals\n\n" + "\n".join(f"- {line}" for line in goals(results)))
    return page(parts)


def _head(results: Results[Point], ours: str) -> str:
    tuning = {world.endswith("-tuning") for world in results.worlds}
    kind = "tuning and evaluation" if len(tuning) == 2 else "tuning" if True in tuning else "evaluation"
    budgets = sorted({b for p in results.parameters for b in p["budgets"]})
    largest = max((p["largest"] for p in results.parameters), default=0)
    made = (
        f"python -m benchmarks peers --seeds {len(results.seeds)} --worlds {','.join(results.worlds)} "
        f"--arms {','.join(results.arms)} --budgets {','.join(map(str, budgets))}"
        f"{f' --largest {largest}' if largest != budgets[-1] else ''}{' --ablate' if ours == FULL else ''}"
    )
    cells = ", ".join(f"{arm} {len(s)} ({fmean(s):.1f})" for arm, s in results.seconds.items())
    sizes = "; and ".join(", ".join(f"{k} {v}" for k, v in p.items()) for p in results.parameters)
    return (
        f"# Peers (simulated LM, {kind} worlds)\n\nSimulated LMs: compares search algorithms, says nothing "
        f"about any real model.\n\n    {made}\n\nVersions: {results.made_with}.\n\nParameters: {sizes}.\n\n"
        f"Cells (and processor seconds of each): {cells}."
    )


def goals(results: Results[Point]) -> list[str]:
    """Return a line for each goal of our optimizer beside its peers for which there are results."""
    lines = [_score(results, (OURS, budget), (peer, theirs)) for budget, peer, theirs in SCORES]
    for budget in results.budgets(OURS):
        lines += [_optimism(results, (OURS, budget)), _seed_kept(results, (OURS, budget))]
    lines += [_length(results, budget, theirs) for budget, peer, theirs in SCORES if peer == TUNED]
    return [line for line in lines if line]


def _score(results: Results[Point], ours: Place, peer: Place) -> str:
    found = results.difference(ours, peer)
    if found is None:
        return ""
    won = sum(fmean(values) >= 0 for values in found.by_task)
    return (
        f"{_at(ours)} >= {_at(peer)}: {_verdict(found.mean >= 0)}; difference {found}, "
        f"at least as good in {won} of {len(found.by_task)} worlds"
    )


def _optimism(results: Results[Point], ours: Place) -> str:
    found = results.optimism(ours)
    if found is None:
        return ""
    return f"optimism of {_at(ours)} <= {OPTIMISM}: {_verdict(found.mean <= OPTIMISM)}; {found}"


def _seed_kept(results: Results[Point], ours: Place) -> str:
    points = [p for world in NO_HEADROOM for p in results.at(ours, world)]
    if not points:
        return ""
    share = fmean(point.returned_seed for point in points)
    return (
        f"{_at(ours)} returns the seed without headroom in >= {SEED_KEPT:.0%} of runs: "
        f"{_verdict(share >= SEED_KEPT)}; {share:.0%} of {len(points)}"
    )


def _length(results: Results[Point], budget: int, theirs: int) -> str:
    ours, peer = (
        [fmean(values) for values in results.by_world(place, lambda p: p.chars)]
        for place in ((OURS, budget), (TUNED, theirs))
    )
    if not ours or not peer:
        return ""
    mine, other = fmean(ours), fmean(peer)
    return (
        f"prompts of {OURS}@{budget} at most {LENGTH} of {TUNED}@{theirs}: "
        f"{_verdict(mine <= LENGTH * other)}; {mine:.0f} and {other:.0f} characters, ratio {mine / other:.2f}"
    )


def _at(place: Place) -> str:
    return f"{place[0]}@{place[1]}"


def _verdict(met: bool) -> str:
    return "met" if met else "NOT met"


# The command ----------------------------------------------------------------------------------------------


@click.command()
@click.option("--seeds", type=AT_LEAST_ONE, help="Number of seeds, from 0.  [default: 20; quick: 1]")
@click.option("--worlds", help="Names, comma-separated.  [default: the nine plain ones; quick: easy,noisy]")
@click.option("--arms", help="Names, comma-separated.  [default: all; quick: without miprov2-heavy]")
@click.option(
    "--budgets",
    callback=numbers(),
    help="Metric calls.  [default: 60 to 1200; quick: 60,150; ablate: 150,600]",
)
@click.option(
    "--largest", type=AT_LEAST_ONE, help="Budget of arms that run once.  [default: the largest; quick: 300]"
)
@click.option("--train", type=AT_LEAST_ONE, default=100, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=40, show_default=True, help="Validation rows.")
@click.option("--test", type=AT_LEAST_ONE, default=200, show_default=True, help="Test rows.")
@click.option("--processes", type=AT_LEAST_ONE, default=2, show_default=True, help="Cells at a time.")
@click.option("--quick", is_flag=True, help="One seed, two worlds, small budgets.")
@click.option("--ablate", is_flag=True, help="Variants of our optimizer in place of its peers.")
@click.option("--report-only", is_flag=True, help="Run nothing.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="[default: below results]")
def peers(
    seeds: int | None,
    worlds: str | None,
    arms: str | None,
    budgets: tuple[int, ...] | None,
    largest: int | None,
    train: int,
    val: int,
    test: int,
    processes: int,
    quick: bool,
    ablate: bool,
    report_only: bool,
    out: Path | None,
) -> None:
    """Compare this optimizer with its peers on simulated worlds: scores, metric calls, optimism, lengths."""
    known = VARIANTS if ablate else PEERS
    out = out or Path("results") / ("ablation" if ablate else "peers-quick" if quick else "peers")
    failures: list[str] = []
    if not report_only:
        usual = [name for name in known if not (quick and name == "miprov2-heavy")]
        names = usual if arms is None else chosen(arms, known, "--arms")
        plain = ["easy", "noisy"] if quick else list(PLAIN)
        places = plain if worlds is None else chosen(worlds, WORLD_NAMES, "--worlds")
        at = budgets or ((60, 150) if quick else (150, 600) if ablate else BUDGETS)
        most = largest or (300 if quick and not ablate else at[-1])
        rows = Rows(train, val, test)
        todo = cells(names, places, seeds or (1 if quick else 20), at, most, rows)
        try:
            failures = run_and_tell(todo, out, run_cell, processes, summary)
        except OtherParametersError as error:
            raise click.ClickException(str(error)) from error
    found = read(out, {**PEERS, **VARIANTS}, WORLD_NAMES)
    if not found.points:
        raise click.ClickException("\n".join([f"There are no results in {out}.", *failures]))
    text = report(found, ours=FULL if FULL in found.arms else OURS)
    (out / "table.md").write_text(text, encoding="utf-8")
    draw(found, out / "curves")
    click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
