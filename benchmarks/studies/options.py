"""`python -m benchmarks options`: single options of our optimizer beside its defaults, simulated."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import click
import dspy

from benchmarks.harness.arms import ours, run_arm
from benchmarks.harness.cell import Cell, OtherParametersError, Rows
from benchmarks.harness.evaluation import Tester, scores
from benchmarks.harness.meter import CountingMetric, Meter, Reflections
from benchmarks.harness.options import AT_LEAST_ONE, chosen
from benchmarks.harness.results import Point, Results, cells_in, kinds, point_fields
from benchmarks.harness.runner import run_and_tell
from benchmarks.harness.setting import Arm, Found, Setting
from benchmarks.harness.tables import Table, page
from benchmarks.simulated import Role
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reflector import wanted_texts
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import sentences
from benchmarks.tasks import WORLD_NAMES, Task

DEFAULT = "default"
WORLDS = ("noisy", "specialists", "hard", "judge")
GUARDED = 5  # one row in so many must pass
FOLLOWED = 0.9  # share of answers in which the reflection model adopts a rule that it was given
PASSING = 1.0 - 1e-6
IDLE = "Answer with care."


def is_named(row: dspy.Example) -> bool:
    """Return True for a fifth of all rows, the same ones always."""
    text = json.dumps(dict(row.inputs()), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()[0] % GUARDED == 0


def rules_of(task: Task, most: int) -> dict[str, str]:
    """Return for each component the first sentences of the hand-written text that its own lacks."""
    given = task.texts_of(task.program())
    return {
        name: "\n".join([s for s in sentences(text) if s not in given.get(name, "")][:most])
        for name, text in task.best_instructions.items()
    }


OPTIONS: Mapping[str, Callable[[Task], dict[str, Any]]] = {
    DEFAULT: lambda task: {},
    "must_pass": lambda task: {"must_pass": is_named},
    "show_later_steps": lambda task: {"show_later_steps": True},
    "guidance-idle": lambda task: {"guidance": IDLE},
    "guidance-one-rule": lambda task: {"guidance": rules_of(task, 1)},
    "guidance-all-rules": lambda task: {"guidance": rules_of(task, 99)},
}


def with_option(name: str) -> Arm:
    """Return the arm of our optimizer with one of the options."""

    def run(setting: Setting, metric: CountingMetric) -> Found:
        return ours("adaptive", **OPTIONS[name](setting.task))(setting, metric)

    return run


@dataclass(frozen=True)
class Following:
    """A reflection role that adopts what a field of its prompt asks of every text, in most of its answers.

    It goes by the field's name, as it would of any optimizer's prompt.
    """

    role: Role

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Return the role's answer, with each rule that it adopts and that the text lacks."""
        answer = dict(self.role.answer(prompt, seed))
        asked = [text for name, text in prompt.inputs.items() if "guidance" in name or "additional" in name]
        rules = [rule for text in asked for rule in sentences(text)]
        for name in wanted_texts(list(answer)):
            text = str(answer[name])
            adopted = [r for r in rules if r not in text and Random(f"{seed}/{r}").random() < FOLLOWED]
            answer[name] = "\n".join([text, *adopted])
        return answer

    def to_json(self) -> dict[str, Any]:
        """Return the role as JSON data."""
        return {"role": "following", "of": self.role.to_json()}


@dataclass(frozen=True)
class OptionPoint(Point):
    """A measured program.

    guarded: named rows of train and validation set that the original passes.
    lost: those of them that the program fails.
    """

    guarded: int = 0
    lost: int = 0


def run_cell(cell: Cell) -> dict[str, Any]:
    """Run a cell, and return the content of its file."""
    task = cell.load()
    if task.reflection_role is not None:
        task = replace(task, reflection_role=Following(task.reflection_role))
    used = time.process_time()
    with cell.playing(task):
        metric, lm = CountingMetric(task.metric), cell.models.reflection_lm(task, cell.seed)
        reflections = Reflections(lm.model, lambda: metric.calls)
        with dspy.context(**Meter(heard=reflections.heard).settings()):
            setting = Setting(task, lm, cell.budget, cell.seed, threads=1)
            found = run_arm(with_option(cell.arm), setting, metric)
        point = Tester(task).point(found, reflections.until(), cell.budget)
        named = [row for row in [*task.train, *task.val] if is_named(row)]
        before, after = (scores(task, program, named, 1) for program in (task.program(), found.program))
    guarded = [now for was, now in zip(before, after, strict=True) if was >= PASSING]
    lost = sum(now < PASSING for now in guarded)
    return {
        **cell.origin(),
        "processor_seconds": round(time.process_time() - used, 2),
        "point": {**point, "guarded": len(guarded), "lost": lost},
    }


def read(out: Path) -> Results[OptionPoint]:
    """Read the results in a directory."""
    data = sorted(cells_in(out), key=lambda d: ([*OPTIONS].index(d["arm"]), d["world"], d["seed"]))
    points = (
        OptionPoint(**point_fields(d, d["point"]), guarded=d["point"]["guarded"], lost=d["point"]["lost"])
        for d in data
    )
    return Results(
        points=tuple(points),
        seed={},
        best={},
        parameters=kinds(d["parameters"] for d in data),
        versions=kinds(d["versions"] for d in data),
        seconds={"": tuple(d["processor_seconds"] for d in data)},
    )


def report(results: Results[OptionPoint]) -> str:
    """Return the page: a line for each option, paired with the defaults by world and seed."""
    lines = []
    for arm, budget in results.places:
        points, place = results.at((arm, budget)), (arm, budget)
        difference = results.difference(place, (DEFAULT, budget)) if arm != DEFAULT else None
        lines.append(
            [
                arm,
                f"{fmean(p.test for p in points):.3f}",
                "" if difference is None else str(difference),
                fmean(p.metric_calls for p in points),
                fmean(p.reflection_calls for p in points),
                fmean(p.chars for p in points),
                fmean(p.guarded for p in points),
                fmean(p.lost for p in points),
            ]
        )
    table = Table(
        f"At {', '.join(str(budget) for budget in results.budgets())} rollouts",
        "Means over worlds and seeds; differences of test scores to the defaults in the same world with the "
        "same seed, and their 95 % intervals. Guarded: of the fifth of the rows that is named, those that "
        "the original passes; lost: those of them that the result fails when it is run again.",
        ["option", "test score", "difference", "rollouts", "reflections", "characters", "guarded", "lost"],
        lines,
    )
    rows = results.parameters[0]
    made = (
        f"python -m benchmarks options --seeds {len(results.seeds)} --worlds {','.join(results.worlds)} "
        f"--options {','.join(results.arms)} --budget {rows['largest']} --train {rows['train']} "
        f"--val {rows['val']} --test {rows['test']}"
    )
    head = (
        "# Options (simulated LM)\n\nSimulated LMs, which know nothing of the optimizer that calls them: "
        "this says nothing about any real model. The reflection model adopts a rule that a field of its "
        f"prompt gives it in {FOLLOWED:.0%} of its answers; how well real ones follow is not measured.\n\n"
        f"    {made}\n\nVersions: {results.made_with}. "
        f"Processor seconds of a run: {fmean(results.seconds['']):.1f}."
    )
    return page([head, table])


def summary(result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    point = result["point"]
    return f"{point['test']:.3f}, {point['lost']} of {point['guarded']} lost"


@click.command()
@click.option("--seeds", type=AT_LEAST_ONE, default=3, show_default=True, help="Number of seeds, from 0.")
@click.option("--worlds", default=",".join(WORLDS), show_default=True, help="Names, comma-separated.")
@click.option("--options", "names", default=",".join(OPTIONS), show_default=True, help="Comma-separated.")
@click.option("--budget", type=AT_LEAST_ONE, default=150, show_default=True, help="Rollouts.")
@click.option("--train", type=AT_LEAST_ONE, default=60, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=30, show_default=True, help="Validation rows.")
@click.option("--test", type=AT_LEAST_ONE, default=150, show_default=True, help="Test rows.")
@click.option("--processes", type=AT_LEAST_ONE, default=2, show_default=True, help="Cells at a time.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results/options"))
def options(
    seeds: int,
    worlds: str,
    names: str,
    budget: int,
    train: int,
    val: int,
    test: int,
    processes: int,
    out: Path,
) -> None:
    """Compare single options with the defaults: test score, rollouts, lengths, guarded rows lost."""
    arms: Sequence[str] = list(dict.fromkeys([DEFAULT, *chosen(names, OPTIONS, "--options")]))
    places = chosen(worlds, WORLD_NAMES, "--worlds")
    rows = Rows(train, val, test)
    todo = [Cell(world, arm, seed, budget, rows) for seed, world, arm in product(range(seeds), places, arms)]
    try:
        failures = run_and_tell(todo, out, run_cell, processes, summary)
    except OtherParametersError as error:
        raise click.ClickException(str(error)) from error
    found = read(out)
    if found.points:
        text = report(found)
        (out / "table.md").write_text(text, encoding="utf-8")
        click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
