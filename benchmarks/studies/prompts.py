"""`python -m benchmarks prompts`: ways to ask for instructions, compared on real models without a search.

A cell asks with one prompt for the instructions of one task, twice: from rollouts of the seed program, then
from rollouts of what came out. Both texts are run on the test rows. Draws differ in the rows that are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import click
import dspy

from benchmarks.harness.cell import OtherParametersError, Rows
from benchmarks.harness.estimates import estimate
from benchmarks.harness.evaluation import Tester
from benchmarks.harness.options import AT_LEAST_ONE, chosen, of_served_models
from benchmarks.harness.results import cells_in, kinds
from benchmarks.harness.runner import run_and_tell
from benchmarks.harness.served import Record, ServedModels
from benchmarks.harness.tables import Table, page
from benchmarks.studies.real import RealCell, file_hashes
from benchmarks.tasks import SMALL_NAMES
from benchmarks.tasks.data import DataNotFound
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.reflection.evidence import EvidenceLimits, has_evidence, render_evidence, split_examples
from dspy_gepa.reflection.prompts import RewriteInstruction, describe_program
from dspy_gepa.reflection.published import render_published
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to
from dspy_gepa.types import Candidate, Component, Fault, Outcome, Reflect, Rollout, Row

SHOWN = 8  # rollouts in a prompt
RUN = 16  # train rows that the second parent is run on, of which it is shown some
GENERATIONS = ("From the seed program", "From what came out")
DEFAULT = "failures"  # what the others are compared with
Show = Callable[[Sequence[Outcome]], Sequence[Outcome]]


def failures_first(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return failures only, or all if there are none: the evidence of the search before it had successes."""
    return ([o for o in outcomes if o.score < 1] or list(outcomes))[:SHOWN]


def with_successes(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return failures and, as the last three, successes; the search shows two beside up to eight failures."""
    failures, successes = [o for o in outcomes if o.score < 1], [o for o in outcomes if o.score >= 1]
    kept = successes[: max(3, SHOWN - len(failures))]
    return [*failures[: SHOWN - len(kept)], *kept]


def as_drawn(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return the first rollouts, whatever their scores: what the published algorithm shows."""
    return outcomes[:SHOWN]


def all_seen(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return every rollout, the failures first."""
    return sorted(outcomes, key=lambda o: o.score)


def _closing(text: str) -> Any:
    """Return the signature with another last paragraph, which may quote the examples."""
    today = RewriteInstruction.instructions
    opening = today[: today.index("Where inputs and outputs are short")]
    opening = opening.replace("Do not\nmention the examples themselves: the text", "The text")
    return RewriteInstruction.with_instructions(opening + text)


QUOTED = """Where inputs and outputs are short, close with worked examples: an input, then the exact output.
Take them from the calls below, word for word, with the output that the feedback shows to be right;
choose them so that every kind of case is seen, up to ten. Make one up only for a rule that no call
shows. Small models follow an example more surely than a rule."""
MANY = """Where inputs and outputs are short, close with eight to twelve worked examples that you make up: an
input in the form that inputs have here, then the exact output. Choose them so that each rule is
seen at work, above all those that were broken. Small models follow an example more surely than a
rule."""
OF_ANOTHER = "This call was made with another version of the text, not with the one to rewrite."
BRIEF = """The component may be a small model, which loses the thread in a long text. State each rule in one
line, the most frequent case first, in the words of the inputs; leave out what the calls do not show
to be needed. Then give one worked example for each rule and each output, taken from the calls below
where one fits: an input, then the exact output. Keep the whole under 150 words, unless facts of the
domain need more."""


@dataclass(frozen=True)
class Variant:
    """A way to ask.

    signature: that for instructions.
    show: the rollouts that are shown.
    published: True for the published prompt.
    earlier: True to show what earlier texts did on other rows, too.
    """

    signature: Any = RewriteInstruction
    show: Show = failures_first
    published: bool = False
    earlier: bool = False


VARIANTS: Mapping[str, Variant] = {
    DEFAULT: Variant(),
    "quoted": Variant(_closing(QUOTED)),
    "many": Variant(_closing(MANY)),
    "brief": Variant(_closing(BRIEF)),
    "successes": Variant(show=with_successes),
    "all-seen": Variant(show=all_seen),
    "earlier": Variant(show=with_successes, earlier=True),
    "published": Variant(show=as_drawn, published=True),
}


@dataclass(frozen=True)
class PromptCell(RealCell):
    """A variant on a task; its seed is the number of the draw, its budget that of the rows shown."""

    @property
    def name(self) -> str:
        """Name of the cell for people."""
        return f"{self.task}, {self.arm}, draw {self.seed}"


@dataclass(frozen=True)
class Asked:
    """The answers to a prompt.

    text: the text that can be tried; None if no answer can.
    unusable: number of answers that cannot be tried.
    """

    text: str | None
    answers: int
    unusable: int


def run_cell(cell: PromptCell) -> dict[str, Any]:
    """Run a cell, and return the content of its file."""
    task = cell.load()
    variant, started = VARIANTS[cell.arm], time.perf_counter()
    program, tester = task.program(), Tester(task, cell.threads)
    examples = {Row("train", place): row for place, row in enumerate(task.train)}
    order = list(examples)
    runner = RolloutRunner(program, Metric(task.metric), examples)
    ask = ReflectionRunner(cell.models.reflection_lm(task, cell.seed), rewrite=variant.signature)
    components, candidate = read_components(program), read_candidate(program)
    generations: list[Mapping[str, Any]] = []
    earlier: list[Outcome] = []
    with cell.playing(task):
        before = tester.rows(program)
        for rows in (order[:SHOWN], order[SHOWN : SHOWN + RUN]):
            outcomes = [_outcome(runner(Rollout(candidate, row))) for row in rows]
            shown = variant.show(outcomes)
            beside = earlier if variant.earlier else []
            requests = [
                _request(c, components, candidate, shown, beside, variant, cell.seed)
                for c in components
                if has_evidence(c, shown)
            ]
            asked = {request.component: _ask(ask, request, [*shown, *beside]) for request in requests}
            texts = {name: each.text for name, each in asked.items() if each.text is not None}
            candidate = candidate.with_texts(texts)
            after = tester.rows(build_program(program, candidate))
            generations.append(
                {
                    "before": fmean(before),
                    "after": fmean(after),
                    "answers": sum(each.answers for each in asked.values()),
                    "unusable": sum(each.unusable for each in asked.values()),
                    "quoted": _quoted(texts.values(), task.train),
                    "texts": dict(candidate.items()),
                }
            )
            before, earlier = after, [*earlier, *outcomes]
    seconds = round(time.perf_counter() - started, 1)
    return {**cell.origin(), "seconds": seconds, "generations": generations}


def _outcome(found: Outcome | Fault) -> Outcome:
    if isinstance(found, Fault):
        raise RuntimeError(f"The task model failed: {found.error}")
    return found


def _request(
    component: Component,
    components: Sequence[Component],
    candidate: Candidate,
    shown: Sequence[Outcome],
    beside: Sequence[Outcome],
    variant: Variant,
    draw: int,
) -> Reflect:
    evidence = (
        render_published(component, shown, Random(draw))
        if variant.published
        else _with_earlier(component, shown, beside)
    )
    return Reflect(
        component.name,
        candidate[component.name],
        describe_program(components, components),
        evidence,
        published=variant.published,
    )


def _with_earlier(component: Component, shown: Sequence[Outcome], earlier: Sequence[Outcome]) -> str:
    """Return the evidence; calls of earlier texts stand last and are marked."""
    examples = split_examples(render_evidence(component, [*shown, *earlier], EvidenceLimits()))
    mine = sum(has_evidence(component, [outcome]) for outcome in shown)
    marked = [example.replace("\n", f"\n{OF_ANOTHER}\n", 1) for example in examples[mine:]]
    return "".join([*examples[:mine], *marked])


def _ask(runner: ReflectionRunner, request: Reflect, shown: Sequence[Outcome]) -> Asked:
    """Ask, and once more with the reason if the answer cannot be used, as the search does."""
    seen = [str(value) for o in shown for step in o.trace for value in step.inputs.values()]
    answers = unusable = 0
    for _ in range(2):
        answer = runner(request)
        if isinstance(answer, Fault):
            raise RuntimeError(f"The reflection model failed: {answer.error}")
        answers, text = answers + 1, clean_text(answer.text)
        objection = answer.error or objection_to(
            text,
            current=request.current_text,
            truncated=answer.truncated,
            rules=TextRules(),
            training_texts=seen,
        )
        if objection is None:
            return Asked(text, answers, unusable)
        unusable, request = unusable + 1, replace(request, objection=objection)
    return Asked(None, answers, unusable)


def _quoted(texts: Iterable[str], rows: Sequence[dspy.Example]) -> int:
    """Return the number of train rows of which an input stands in one of the texts, word for word."""
    joined = "\n".join(texts)
    return sum(any(str(value) in joined for value in row.inputs().values()) for row in rows)


def report(
    results: Sequence[Mapping[str, Any]],
    models: ServedModels,
    hashes: str,
    record: Mapping[str, tuple[int, str]],
) -> str:
    """Return the page: a line for each variant, paired with `failures` by task and draw."""
    tasks = sorted({cell["world"] for cell in results})
    found = {(cell["arm"], cell["world"], cell["seed"]): cell["generations"] for cell in results}
    tables = [
        Table(
            title,
            "Test score of the texts, by task; mean: where a variant has the cells of `failures`; better: "
            "share of texts above their parent by test rows; "
            "difference: to `failures` on the same task with the same rows shown, with its 95 % interval "
            "over draws; unusable: share of answers; quoted: train rows in a text; characters: of a text.",
            ["variant", "texts", "mean", *tasks, "better", "difference", "unusable", "quoted", "characters"],
            [
                _line(variant, generation, tasks, found)
                for variant in VARIANTS
                if any(arm == variant for arm, _, _ in found)
            ],
        )
        for generation, title in enumerate(GENERATIONS)
    ]
    rows = kinds(cell["parameters"] for cell in results)[0]
    arms = [variant for variant in VARIANTS if any(cell["arm"] == variant for cell in results)]
    calls = ", ".join(f"{model}: {number} calls, {digest}" for model, (number, digest) in record.items())
    made = (
        f"python -m benchmarks prompts --task-lm {models.task} --reflection-lm {models.reflection} "
        f"--api-base URL --tasks {','.join(tasks)} --variants {','.join(arms)} "
        f"--draws {1 + max(cell['seed'] for cell in results)} --test {rows['test']}"
    )
    head = (
        f"# Ways to ask: {models.label}\n\nOne text for each draw and generation, run on {rows['test']} test "
        f"rows; no search.\n\n    {made}\n\nFiles of the models: {hashes or 'not named'}.\n\n"
        f"Recorded prompts and answers (kept outside the repository): {calls}.\n\n"
        f"Versions: {', '.join(f'{k} {v}' for k, v in results[0]['versions'].items())}."
    )
    return page([head, *tables])


def _line(
    variant: str,
    generation: int,
    tasks: Sequence[str],
    found: Mapping[tuple[str, str, int], Sequence[Mapping[str, Any]]],
) -> list[Any]:
    mine = {(task, draw): g[generation] for (arm, task, draw), g in found.items() if arm == variant}
    pairs = [
        [
            g["after"] - found[DEFAULT, task, draw][generation]["after"]
            for (task, draw), g in mine.items()
            if task == name and variant != DEFAULT and (DEFAULT, task, draw) in found
        ]
        for name in tasks
    ]
    difference = estimate([differences for differences in pairs if differences])
    answers = sum(g["answers"] for g in mine.values())
    alike = mine.keys() == {(task, draw) for arm, task, draw in found if arm == DEFAULT}
    by_task = [[g["after"] for (task, _), g in mine.items() if task == name] for name in tasks]
    return [
        variant,
        len(mine),
        f"{fmean(g['after'] for g in mine.values()):.3f}" if alike else "-",
        *(f"{fmean(scores):.3f}" if scores else "-" for scores in by_task),
        f"{fmean(g['after'] > g['before'] for g in mine.values()):.0%}",
        str(difference or ""),
        f"{sum(g['unusable'] for g in mine.values()) / answers:.0%}" if answers else "-",
        f"{fmean(g['quoted'] for g in mine.values()):.1f}",
        f"{fmean(sum(map(len, g['texts'].values())) for g in mine.values()):.0f}",
    ]


def summary(result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    scores = " -> ".join(f"{g['after']:.3f}" for g in result["generations"])
    return f"{result['generations'][0]['before']:.3f} -> {scores}, {result['seconds']:.0f} s"


@click.command()
@of_served_models
@click.option("--tasks", default=",".join(SMALL_NAMES), show_default=True, help="Names, comma-separated.")
@click.option("--variants", default=",".join(VARIANTS), show_default=True, help="Names, comma-separated.")
@click.option("--draws", type=AT_LEAST_ONE, default=3, show_default=True, help="Number of draws, from 0.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results/prompts"))
def prompts(
    task_lm: str,
    reflection_lm: str | None,
    api_base: str,
    reflection_api_base: str | None,
    tasks: str,
    variants: str,
    draws: int,
    test: int,
    processes: int,
    threads: int,
    data: str | None,
    model_files: tuple[Path, ...],
    report_only: bool,
    out: Path,
) -> None:
    """Compare ways to ask for instructions: scores of the texts, usable answers, quoted rows."""
    record = out / "record.sqlite"
    models = ServedModels(
        task_lm,
        reflection_lm or task_lm,
        api_base=api_base,
        reflection_api_base=reflection_api_base,
        record=str(record),
    )
    like = PromptCell("", "", 0, SHOWN, Rows(SHOWN + RUN, 1, test), models, data=data, threads=threads)
    todo = [
        replace(like, task=task, arm=variant, seed=draw)
        for draw, task, variant in product(
            range(draws), chosen(tasks, SMALL_NAMES, "--tasks"), chosen(variants, VARIANTS, "--variants")
        )
    ]
    failures: list[str] = []
    if not report_only:
        try:
            failures = run_and_tell(todo, out, run_cell, processes, summary)
        except (OtherParametersError, DataNotFound) as error:
            raise click.ClickException(str(error)) from error
    found = cells_in(out)
    if not found:
        raise click.ClickException("\n".join([f"There are no results in {out}.", *failures]))
    text = report(found, models, file_hashes(model_files), Record(record).digest())
    (out / "table.md").write_text(text, encoding="utf-8")
    click.echo(text)
    if failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
