"""`python -m benchmarks calibrate`: properties of the record worlds that hold for every optimizer.

`worlds` requests proposals in the prompt layout of the `gepa` package, for two parents: the seed prompt, and
the seed prompt with every second sentence of the hand-made one. `choice` measures if keeping the winners of
single rows pays: a bare search (one component and three rows per step, accepted if they improve, all
validation rows for each accepted candidate) runs twice per seed, with parents drawn from the frontier of
per-row winners and with the best average as the only parent. Figures of simulated LMs say nothing about any
real model.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
import dspy
from gepa.strategies.instruction_proposal import InstructionProposalSignature

from benchmarks.harness.options import AT_LEAST_ONE
from benchmarks.harness.tables import markdown
from benchmarks.simulated.curriculum import FILLER
from benchmarks.simulated.prompt import Field, Prompt
from benchmarks.simulated.text import sentences
from benchmarks.simulated.worlds.records.catalogue import output_field
from benchmarks.tasks import WORLD_NAMES, Task, load

Texts = Mapping[str, str]
TRUE_ROWS = 60
MEASURED_CHILDREN = 12
CHOICE_ROWS, CHOICE_VAL = 3, 60


@dataclass
class Bench:
    """One world, with the values its model wrote so far."""

    task: Task
    seed: int
    known: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def value(self, kind: str, text: str, record: str) -> str:
        """Return the output of the predictor for `kind` under the instructions `text`."""
        key = kind, text, record
        if key not in self.known:
            # The role is asked directly, which is a hundred times cheaper than through DSPy.
            asked = Field(output_field(kind))
            prompt = Prompt("chat", text, {"record": record}, (asked,), (), "")
            assert self.task.task_role is not None  # every world has one
            answer = self.task.task_role.answer(prompt, f"{self.seed}/None")
            self.known[key] = str(answer[asked.name])
        return self.known[key]

    def prediction(self, texts: Texts, row: dspy.Example) -> dspy.Prediction:
        """Return the program's prediction for `row`."""
        return dspy.Prediction(
            **{output_field(kind): self.value(kind, text, row.record) for kind, text in texts.items()}
        )

    def scores(self, texts: Texts, rows: Sequence[dspy.Example]) -> list[float]:
        """Return the score of each row."""
        return [float(self.task.metric(row, self.prediction(texts, row)).score) for row in rows]

    def rewritten(self, kind: str, texts: Texts, rows: Sequence[dspy.Example], call: int) -> str:
        """Return the reflection model's rewrite of the text for `kind`, after seeing `rows`."""
        samples = [self._sample(kind, texts, row) for row in rows]
        prompt = InstructionProposalSignature.prompt_renderer(
            {
                "current_instruction_doc": texts[kind],
                "dataset_with_feedback": samples,
                "prompt_template": None,
            }
        )
        (reply,) = self.task.reflection_lm(seed=1000 * self.seed + call)(prompt)
        return str(InstructionProposalSignature.output_extractor(reply)["new_instruction"])

    def _sample(self, kind: str, texts: Texts, row: dspy.Example) -> dict[str, Any]:
        prediction = self.prediction(texts, row)
        return {
            "Inputs": {"record": row.record},
            "Generated Outputs": {output_field(kind): prediction[output_field(kind)]},
            "Feedback": self.task.metric(row, prediction, None, kind).feedback,
        }


@dataclass(frozen=True)
class Acceptance:
    """Outcome of proposals that were tried on their parent's own minibatch."""

    share: float
    true_gain: float
    seen_gain: float


def acceptance(bench: Bench, parent: Texts, size: int, trials: int, *, every: bool) -> Acceptance:
    """Measure the rewrites, that beat `parent` on the `size` rows reflected on."""
    rng = random.Random(f"{bench.task.name}/{size}")
    tried, accepted, gains = 0, [], []
    for call in range(trials):
        rows = rng.sample(bench.task.train, size)
        before = bench.scores(parent, rows)
        if min(before) == 1.0:  # as the paper's algorithm, which learns nothing from such rows
            continue
        kinds = list(parent) if every else [rng.choice(list(parent))]
        child = {**parent, **{kind: bench.rewritten(kind, parent, rows, call) for kind in kinds}}
        gain = statistics.fmean(bench.scores(child, rows)) - statistics.fmean(before)
        tried += 1
        if gain > 1e-9:
            accepted.append(child)
            gains.append(gain)
    rows = bench.task.test[:TRUE_ROWS]
    base = statistics.fmean(bench.scores(parent, rows))
    true = [statistics.fmean(bench.scores(child, rows)) - base for child in accepted[:MEASURED_CHILDREN]]
    mean = statistics.fmean
    return Acceptance(
        len(accepted) / max(1, tried), mean(true) if true else 0.0, mean(gains) if gains else 0.0
    )


def halfway(task: Task) -> dict[str, str]:
    """Return the seed prompt with every second of the sentences of the hand-made one."""
    best = {kind: sentences(text)[1::2] for kind, text in task.best_instructions.items()}
    return {
        kind: "\n".join(dict.fromkeys([*sentences(text), *best[kind]])) for kind, text in start(task).items()
    }


def start(task: Task) -> dict[str, str]:
    """Return the seed prompt by predictor."""
    return {name: p.signature.instructions for name, p in task.program().named_predictors()}


def noise(bench: Bench, texts: Texts) -> float:
    """Return the standard deviation of a row's score over changes of the prompt that mean nothing."""
    rows = bench.task.val[:TRUE_ROWS]
    variants = [{kind: f"{text}\n{idle}" for kind, text in texts.items()} for idle in FILLER[:4]]
    columns = zip(*(bench.scores(variant, rows) for variant in variants), strict=True)
    return math.sqrt(statistics.fmean(statistics.variance(column) for column in columns))


def milliseconds(task: Task, seed: int) -> float:
    """Return the processor time in milliseconds of one rollout with its metric call."""
    program, rows = task.program(), task.train[:60]
    started = time.process_time()
    for row in rows:
        task.metric(row, program(**row.inputs()))
    return (time.process_time() - started) / len(rows) * 1000


HEAD = (
    "world", "seed", "halfway", "best",
    "accepted at seed (one, 3 rows)", "halfway (one, 3)", "true gain", "seen gain",
    "accepted at seed (all, 8 rows)", "halfway (all, 8)", "true gain", "noise sd", "ms",
)  # fmt: skip


def figures_of(name: str, seed: int, trials: int) -> list[float]:
    """Return the figures of one world and seed, in the order of `HEAD`."""
    task = load(name, seed=seed)
    bench = Bench(task, seed)
    with dspy.context(lm=task.task_lm(seed=seed)):
        spent = milliseconds(task, seed)
        first, middle = start(task), halfway(task)
        levels = [
            statistics.fmean(bench.scores(t, task.test)) for t in (first, middle, task.best_instructions)
        ]
        few = [acceptance(bench, parent, 3, trials, every=False) for parent in (first, middle)]
        many = [acceptance(bench, parent, 8, trials // 2, every=True) for parent in (first, middle)]
        return [
            *levels,
            *(a.share for a in few),
            statistics.fmean(a.true_gain for a in few),
            statistics.fmean(a.seen_gain for a in few),
            *(a.share for a in many),
            statistics.fmean(a.true_gain for a in many),
            noise(bench, middle),
            spent,
        ]


def search(bench: Bench, steps: int, *, frontier: bool) -> Texts:
    """Return the candidate with the best validation mean after `steps` proposals."""
    rng, task = random.Random(f"{bench.task.name}/{bench.seed}"), bench.task
    val = task.val[:CHOICE_VAL]
    pool: list[Texts] = [start(task)]
    columns, turns = [bench.scores(pool[0], val)], [0]
    for step in range(steps):
        chosen = draw_winner(columns, rng) if frontier else best_of(columns)
        parent, rows = pool[chosen], rng.sample(task.train, CHOICE_ROWS)
        kind = list(parent)[turns[chosen] % len(parent)]
        turns[chosen] += 1
        child = {**parent, kind: bench.rewritten(kind, parent, rows, step)}
        if sum(bench.scores(child, rows)) > sum(bench.scores(parent, rows)) + 1e-9:
            pool.append(child)
            columns.append(bench.scores(child, val))
            turns.append(turns[chosen])
    return pool[best_of(columns)]


def best_of(columns: list[list[float]]) -> int:
    """Return the candidate with the best mean."""
    return max(range(len(columns)), key=lambda i: sum(columns[i]))


def draw_winner(columns: list[list[float]], rng: random.Random) -> int:
    """Draw a candidate of the frontier, in proportion to the rows it wins, as in the paper's Algorithm 2."""
    best = [max(scores) for scores in zip(*columns, strict=True)]
    fronts = [{i for i, c in enumerate(columns) if c[row] == top} for row, top in enumerate(best)]
    alive = set().union(*fronts)
    for i in sorted(alive, key=lambda i: sum(columns[i])):
        if all(i not in front or front & alive - {i} for front in fronts):
            alive.discard(i)
    members = sorted(alive)
    return rng.choices(members, [sum(i in front for front in fronts) for i in members])[0]


@click.group()
def calibrate() -> None:
    """Measure the record worlds themselves, independently of any optimizer."""


@calibrate.command("worlds")
@click.argument("worlds", nargs=-1, type=click.Choice(WORLD_NAMES))
@click.option("--seeds", type=AT_LEAST_ONE, default=3, show_default=True, help="Number of seeds, from 0.")
@click.option("--trials", type=AT_LEAST_ONE, default=40, show_default=True, help="Proposals per parent.")
def calibrate_worlds(worlds: tuple[str, ...], seeds: int, trials: int) -> None:
    """Print the figures of each world (default: all), the mean over seeds."""
    lines: list[list[str]] = []
    for name in worlds or WORLD_NAMES:
        runs = [figures_of(name, seed, trials) for seed in range(seeds)]
        lines.append([name, *(f"{statistics.fmean(column):.2f}" for column in zip(*runs, strict=True))])
        click.echo(" ".join(lines[-1]))
    click.echo(markdown(list(HEAD), lines))


@calibrate.command("choice")
@click.argument("worlds", nargs=-1, type=click.Choice(WORLD_NAMES))
@click.option("--seeds", type=click.IntRange(min=2), default=12, show_default=True, help="Number of seeds.")
@click.option("--steps", type=AT_LEAST_ONE, default=120, show_default=True, help="Proposals per search.")
def calibrate_choice(worlds: tuple[str, ...], seeds: int, steps: int) -> None:
    """Print the mean test score of both ways to choose a parent, and their paired difference."""
    lines: list[list[object]] = []
    for name in worlds or ("specialists", "specialists-tuning"):
        found: dict[bool, list[float]] = {True: [], False: []}
        for seed in range(seeds):
            bench = Bench(load(name, seed=seed), seed)
            with dspy.context(lm=bench.task.task_lm(seed=seed)):
                for frontier, scores in found.items():
                    best = search(bench, steps, frontier=frontier)
                    scores.append(statistics.fmean(bench.scores(best, bench.task.test)))
        gains = [a - b for a, b in zip(found[True], found[False], strict=True)]
        error = statistics.stdev(gains) / len(gains) ** 0.5
        means = (statistics.fmean(column) for column in (found[True], found[False], gains))
        lines.append([name, *means, error])
    click.echo(markdown(["world", "frontier", "best only", "difference", "standard error"], lines))
