"""The steps between a user's arguments and a run: data checked, problem read, forecast announced."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dspy

from dspy_gepa.errors import ConfigurationError, GEPAError, InfrastructureError, MetricError
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.checks import require_examples
from dspy_gepa.program.components.listing import PLACEHOLDER
from dspy_gepa.program.components.selection import DEFAULT, Selection
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.media import elide
from dspy_gepa.program.plain import to_plain
from dspy_gepa.program.usage import price_per_token
from dspy_gepa.reflection.prompts import describe_program
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.run import Foresight, Setup
from dspy_gepa.runtime.budget import UNLIMITED, Limits
from dspy_gepa.runtime.dispatcher import Done
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.runtime.forecast import Forecast, Sample, Shape, forecast
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search.choices.components import most_rewritten
from dspy_gepa.search.loop import Search
from dspy_gepa.search.plan import Problem
from dspy_gepa.search.pricing import ACCEPTED, auto_rollouts, default_width, price
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Candidate, Outcome, Rollout, Row


def check_data(trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example] | None) -> None:
    """Refuse data that cannot be used; warn when the train rows have to serve as validation rows.

    Raises:
        ConfigurationError: With the first row that is wrong.
    """
    require_examples("trainset", trainset)
    if valset is not None:
        require_examples("valset", valset)
    if valset is None or same_rows(trainset, valset):
        why = "no valset was given" if valset is None else "valset is equal to trainset"
        log_warning(
            f"{why}: the train rows serve as validation rows too, and the score that is reported is of the "
            "very rows that were reflected on. Expect less on others."
        )


def same_rows(trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example]) -> bool:
    """Whether two data sets are equal row by row, in fields, values and what is input."""
    if len(trainset) != len(valset):
        return False
    return all(
        train is val or (to_plain(train) == to_plain(val) and train.inputs().keys() == val.inputs().keys())
        for train, val in zip(trainset, valset, strict=True)
    )


def read_rows(
    trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example] | None
) -> tuple[Mapping[Row, dspy.Example], tuple[Row, ...]]:
    """Every row with its example, and which are the validation rows.

    Without a validation set, or with one that is equal to the train set, these are the train rows
    themselves, so that a program is never run twice on what is one task.
    """
    examples = {Row("train", i): example for i, example in enumerate(trainset)}
    if valset is None or same_rows(trainset, valset):
        return examples, tuple(examples)
    val = {Row("val", i): example for i, example in enumerate(valset)}
    return {**examples, **val}, tuple(val)


def forecaster(setup: Setup, shape: Shape) -> Foresight:
    """What the run will come to, before it and as soon as its first rollout is there.

    Raises:
        ConfigurationError: From what it returns: only `max_cost` limits the run, and no price is known.
    """

    def foresee(first: Done | None) -> Forecast:
        if first is None or not isinstance(first.result, Outcome):
            return forecast(setup.limits, shape)
        _refuse_unpriced(setup.limits, first.result)
        return forecast(setup.limits, shape, sample_of(first.result, first.seconds))

    return foresee


def _refuse_unpriced(limits: Limits, first: Outcome) -> None:
    if limits.cost is None or first.usage.cost or not first.usage.total_tokens:
        return
    problem = f"no price is known of {', '.join(first.usage.tokens)}, so that max_cost cannot limit its use"
    others = (limits.reflections, limits.tokens, limits.seconds)
    if limits.rollouts == UNLIMITED and others == (None, None, None):
        raise ConfigurationError(f"{problem[0].upper()}{problem[1:]}. Set max_metric_calls or max_tokens.")
    log_warning(problem)


def sample_of(outcome: Outcome, seconds: float) -> Sample:
    """What one rollout took, for the forecast."""
    return Sample(tokens=outcome.usage.total_tokens, cost=outcome.usage.cost or None, seconds=seconds)


def forecast_run(setup: Setup, work: Worker, reflection_lm: Any) -> Forecast:
    """What a run will come to, from its sizes and one pre-flight rollout.

    Raises:
        InfrastructureError: The rollout failed because of its provider.
    """
    started = time.perf_counter()
    # In a thread, as in a run: here, in a notebook say, an event loop may be running.
    rollout = Rollout(setup.problem.original, setup.problem.val_rows[0])
    outcome = ThreadExecutor().submit(work.execute, rollout).result()
    if not isinstance(outcome, Outcome):
        raise InfrastructureError(f"The pre-flight rollout failed: {outcome.error}", {outcome.cause: 1})
    sample = sample_of(outcome, time.perf_counter() - started)
    return forecast(setup.limits, shape_of(setup, reflection_lm), sample)


def shape_of(setup: Setup, reflection_lm: Any) -> Shape:
    """The sizes that decide what a run costs."""
    components, strategy = setup.problem.components, setup.strategy
    cost = price(strategy, *_sizes(setup.problem))
    return Shape(
        first=cost.first,
        step=cost.average(setup.limits.rollouts),
        waves=_waves(strategy, len(setup.problem.val_rows), setup.threads),
        evidence=strategy.minibatch_size,
        components=len(components),
        rewritten=most_rewritten(strategy.choose_components, components),
        threads=setup.threads,
        kept=cost.kept,
        reflection_price=price_per_token(reflection_lm),
    )


def _waves(strategy: Strategy, val_size: int, threads: int) -> float:
    """What a step waits for, one after the other: parent's rollouts, a reflection, the child's rollouts."""
    if strategy.sparse:
        return 1 + -(-strategy.most_trial_size // threads)
    return 2 * -(-strategy.minibatch_size // threads) + 1 + ACCEPTED * -(-val_size // threads)


def read_budget(
    setup: Setup,
    *,
    auto: str | None,
    max_full_evals: int | None,
    max_metric_calls: int | None,
    full_eval: int,
) -> Setup:
    """The run with its limit on rollouts, from the one size that was given, and its width.

    Args:
        setup: The run.
        auto: A size from `AUTO_TRIALS`.
        max_full_evals: Passes over train and validation set together, as `dspy.GEPA` counts them.
        max_metric_calls: Rollouts.
        full_eval: Rollouts of one such pass.

    Raises:
        ConfigurationError: The budget does not cover the rows that the seed is run on first.
    """
    problem, limit, origin = setup.problem, UNLIMITED, ""
    sizes = _sizes(problem)
    if max_metric_calls is not None:
        limit, origin = max_metric_calls, f"max_metric_calls={max_metric_calls}"
    elif max_full_evals is not None:
        limit, origin = max_full_evals * full_eval, f"max_full_evals={max_full_evals}"
    elif auto is not None:
        limit = auto_rollouts(auto, setup.strategy, *sizes, components=len(problem.components))
    first = price(setup.strategy, *sizes).first * (1 + len(problem.initial))
    if limit < first:
        who = "the program and each initial candidate are" if problem.initial else "the program itself is"
        raise ConfigurationError(
            f"{origin} allows {limit} rollouts, fewer than the {first} that it takes before the search, when "
            f"{who} run on the first rows. Raise it to {10 * first} or so."
        )
    limits = replace(setup.limits, rollouts=limit)
    return replace(setup, limits=limits, width=setup.width or default_width(setup.strategy, limit, *sizes))


def _sizes(problem: Problem) -> tuple[int, int]:
    """How many rows are for training alone, and how many for validation."""
    rows = {Row("train", i) for i in range(problem.train_size)}
    return len(rows.difference(problem.val_rows)), len(problem.val_rows)


def read_problem(
    student: dspy.Module,
    train_size: int,
    val_rows: tuple[Row, ...],
    *,
    rules: TextRules,
    selection: Selection = DEFAULT,
    initial: Sequence[Mapping[str, str] | dspy.Module] = (),
    show_failures: bool = True,
    with_records: bool = False,
    objectives: Sequence[str] = (),
    by_objectives: bool = False,
) -> Problem:
    """What is searched: the program's components and their texts today, and with what they are improved.

    Args:
        student: The program.
        train_size: How many train rows there are.
        val_rows: The validation rows.
        rules: What new texts must respect.
        selection: Which texts are rewritten.
        initial: Further candidates that the pool begins with.
        show_failures: Whether calls that failed are evidence.
        with_records: Whether evidence is handed on as data too.
        objectives: Names of the ready objectives that are measured.
        by_objectives: Whether members compete by them, which the reflection model is then told.

    Raises:
        ConfigurationError: There is no component, the program lacks what is selected, or an initial candidate
            has other components.
    """
    if not isinstance(student, dspy.Module):
        raise ConfigurationError(
            f"The program is {type(student).__name__}, not a dspy.Module. What dspy.streamify and "
            "dspy.asyncify give is none: compile the module itself, and wrap what compile returns."
        )
    components = read_components(student, selection)
    if not components:
        frozen = f" All it had is named in freeze={list(selection.freeze)}." if selection.freeze else ""
        raise ConfigurationError(
            f"The program {type(student).__name__} has no predictor whose instructions could be improved, "
            f"nor any other text that optimize={selection.optimize} names.{frozen} "
            "Predictors must be attributes (self.answer = dspy.Predict(...)). Submodules that were compiled "
            "before are frozen: set their _compiled = False to open them."
        )
    seed = read_candidate(student, selection)
    listed = tuple(found for text in seed.values() for found in PLACEHOLDER.findall(text))
    competing = objectives if by_objectives else ()
    reflection = ReflectionSettings(
        describe_program(read_components(student), components, competing),
        rules=replace(rules, keep=(*rules.keep, *listed)),
        show_failures=show_failures,
        with_records=with_records,
        components={c.name: c for c in components},
    )
    return Problem(
        original=seed,
        initial=tuple(dict.fromkeys(candidate_of(given, seed, selection) for given in initial)),
        components=[c.name for c in components],
        train_size=train_size,
        val_rows=val_rows,
        reflection=reflection,
        objectives=tuple(objectives),
    )


def candidate_of(
    given: Mapping[str, str] | dspy.Module, seed: Candidate, selection: Selection = DEFAULT
) -> Candidate:
    """An initial candidate: texts by component, or a program that has them. What it lacks is the seed's.

    Raises:
        ConfigurationError: It has a component that the seed has not.
    """
    texts = dict(read_candidate(given, selection) if isinstance(given, dspy.Module) else given)
    unknown = [name for name in texts if name not in seed]
    if unknown:
        raise ConfigurationError(
            f"initial_candidates has texts for {unknown[0]!r}; the components are {', '.join(seed)}."
        )
    return seed.with_texts(texts)


def attach_best_program(
    student: dspy.Module, examples: Mapping[Row, dspy.Example], error: GEPAError, search: Search
) -> None:
    """Give an error that ends a run the best program so far, and the example that a metric failed on."""
    if search.pool.is_run(0):
        error.program = build_program(student, search.pool.members[search.choice.member].candidate)
    if isinstance(error, MetricError) and error.row is not None:
        shown = elide(repr(examples[error.row]), 600)
        error.args = (f"{error}\nThe example ({error.row}) was:\n{shown}",)
