"""The forecast of a cell before it is paid for: arithmetic on a measured rollout of the seed program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import dspy

from benchmarks.harness.arms import BASELINE, TRANSFER
from benchmarks.harness.evaluation import scores
from benchmarks.harness.meter import Meter, Prices, Usage, scaled, total
from benchmarks.harness.others import grpo
from benchmarks.harness.others.fewshot import DEMOS as SHOTS
from benchmarks.harness.others.fewshot import SIMBA_SAMPLES, simba_plan
from benchmarks.harness.others.miprov2 import fitted, heavy
from benchmarks.paper.rows import PaperCell
from dspy_gepa.search import Adaptive, Paper, Strategy

# How much longer the program's prompts are than the seed program's, on average over a run and its test:
# instructions grow a little, demonstrations a lot (read off simulated runs of all tasks).
LONGER = {"instructions": 1.1, "demonstrations": 2.5}
REFLECTION, ANSWER = 1_500, 400  # tokens of a reflection besides its evidence, and of what it writes
PROPOSAL = 2_000  # tokens of a prompt in which MIPROv2 or SIMBA asks for a text


@dataclass(frozen=True)
class Rollout:
    """Usage of one rollout of the seed program, its judges included, by model, and its task's conditions.

    components: texts that are optimized, where the program has no predictors.
    """

    by_model: Mapping[str, Usage]
    predictors: int
    val: int
    test: int
    train: int
    conditions: Mapping[str, str] = field(default_factory=dict)
    components: int = 0


@dataclass(frozen=True)
class Forecast:
    """Expected rollouts of a cell's optimizer, and the usage of all models, the test included.

    usage: `dollars` is NaN if a model's price is unknown.
    """

    metric_calls: int
    usage: Usage


@dataclass(frozen=True)
class Work:
    """Work of an optimizer: rollouts, texts it requests, tokens of such a request, kind of prompt."""

    rollouts: int
    texts: int = 0
    request: int = 0
    kind: str = "instructions"


def measure(cell: PaperCell, data_dir: str | None, prices: Prices) -> Rollout:
    """Measure one rollout of the seed program, on the first validation row, with its metric: it is paid.

    Raises DataNotFound, and InfrastructureError where a provider fails for good.
    """
    task, meter = cell.load(data_dir), Meter(prices)
    with dspy.context(lm=cell.models.task_lm(task, cell.seed), **meter.settings()):
        scores(task, task.program(), task.val[:1], threads=1)
    predictors = len(task.program().predictors())
    return Rollout(
        dict(meter.by_model),
        predictors,
        len(task.val),
        len(task.test),
        len(task.train),
        dict(task.conditions()),
        len(task.texts_of(task.program())),
    )


def forecast(cell: PaperCell, rollout: Rollout, prices: Prices) -> Forecast:
    """Return the forecast of a cell; a baseline cell is only the test of the seed program."""
    work = WORK[cell.arm](cell, rollout)
    longer = 1.0 if cell.arm == BASELINE else LONGER[work.kind]
    by_model = {
        model: scaled(usage, work.rollouts + rollout.test, longer=longer)
        for model, usage in rollout.by_model.items()
    }
    reflector = (
        cell.models.reflection if cell.models.reflection in cell.models.named else "simulated/reflection"
    )
    texts = Usage(work.texts, work.texts * work.request, work.texts * ANSWER)
    by_model[reflector] = by_model.get(reflector, Usage()).plus(texts)
    dollars = 0.0
    for model, usage in by_model.items():
        known = prices(model)
        dollars += known.of(usage.prompt, usage.completion) if known else float("nan")
    return Forecast(work.rollouts, replace(total(by_model), dollars=dollars))


def heavy_rollouts(rollout: Rollout) -> int:
    """Return the rollouts of MIPROv2 heavy: the paper's budget rule for a task without a published number."""
    return heavy(rollout.predictors, rollout.val).rollouts


def _nothing(cell: PaperCell, rollout: Rollout) -> Work:
    return Work(0)


def _gepa(strategy: Strategy, *, every: bool) -> Callable[[PaperCell, Rollout], Work]:
    """every: a mutation rewrites all components, else one."""

    def work(cell: PaperCell, rollout: Rollout) -> Work:
        steps = strategy.price(rollout.train, rollout.val).steps(cell.budget)
        used = total(rollout.by_model)
        evidence = strategy.minibatch_size * (used.prompt + used.completion) // max(1, rollout.predictors)
        # Without predictors a row reads a text of its own: as many are rewritten as rows are looked at.
        rewritten = rollout.predictors or min(rollout.components, strategy.minibatch_size)
        texts = round(steps * (rewritten if every else 1))
        return Work(cell.budget, texts, evidence + REFLECTION)

    return work


def _miprov2(*, zeroshot: bool) -> Callable[[PaperCell, Rollout], Work]:
    def work(cell: PaperCell, rollout: Rollout) -> Work:
        if cell.paper:
            plan = heavy(rollout.predictors, rollout.val, zeroshot=zeroshot)
        else:
            plan = fitted(cell.budget, rollout.predictors, rollout.val, zeroshot=zeroshot)
        written = plan.candidates if zeroshot else plan.candidates // 2
        summary = 1 + min(10, -(-rollout.train // 10))  # of the data, in batches of ten rows
        kind = "instructions" if zeroshot else "demonstrations"
        # A text is asked for in three requests: about the program, the module, and then for the text.
        return Work(plan.rollouts, summary + 3 * rollout.predictors * written, PROPOSAL, kind)

    return work


def _simba(cell: PaperCell, rollout: Rollout) -> Work:
    plan = simba_plan(cell.budget, rollout.train)
    return Work(plan.rollouts, plan.steps * SIMBA_SAMPLES // 2, PROPOSAL, "demonstrations")


def _bootstrap(cell: PaperCell, rollout: Rollout) -> Work:
    return Work(min(cell.budget, rollout.train, 2 * SHOTS), kind="demonstrations")


def _grpo(cell: PaperCell, rollout: Rollout) -> Work:
    steps = grpo.STEPS if cell.paper else grpo.steps_within(cell.budget)
    validations = 1 + steps // grpo.VALIDATE_EVERY
    return Work(steps * grpo.GROUP * grpo.EXAMPLES + validations * rollout.val)


_TUNED = Paper(minibatch_size=8)
WORK: dict[str, Callable[[PaperCell, Rollout], Work]] = {
    BASELINE: _nothing,
    "gepa": _gepa(Adaptive(), every=True),
    "gepa-paper": _gepa(Paper(), every=False),
    "gepa-paper+merge": _gepa(Paper(), every=False),
    "dspy-gepa": _gepa(Paper(), every=False),
    "dspy-gepa-tuned": _gepa(_TUNED, every=True),
    "dspy-gepa-parallel": _gepa(Paper(), every=False),
    "miprov2": _miprov2(zeroshot=False),
    "miprov2-zeroshot": _miprov2(zeroshot=True),
    "simba": _simba,
    "bootstrap": _bootstrap,
    "grpo": _grpo,
    TRANSFER: _nothing,
}
