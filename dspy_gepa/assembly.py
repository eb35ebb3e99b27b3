"""The steps between a user's arguments and a run: data checked, problem read, forecast announced."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import dspy

from dspy_gepa.errors import ConfigurationError, InfrastructureError
from dspy_gepa.ledger import price_per_token
from dspy_gepa.observe.log import log_forecast, log_warning
from dspy_gepa.options import UNLIMITED, require_examples
from dspy_gepa.program import read_candidate, read_components
from dspy_gepa.runtime.attempts import Done
from dspy_gepa.runtime.budget import Limits
from dspy_gepa.runtime.forecast import Forecast, Sample, Shape, forecast
from dspy_gepa.search.mutation import Reflector
from dspy_gepa.search.plan import Problem
from dspy_gepa.search.reflection import TextRules, render_program
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.session import Setup
from dspy_gepa.types import Outcome, Rollout, Row
from dspy_gepa.worker import Worker


def check_data(trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example] | None) -> None:
    """Refuse data that cannot be used; warn when train rows have to serve twice.

    Raises:
        ConfigurationError: With the first row that is wrong.
    """
    require_examples("trainset", trainset)
    if valset is None:
        log_warning("no valset was given: the train rows serve as validation rows too")
    else:
        require_examples("valset", valset)


def announce_once(setup: Setup, shape: Shape) -> Callable[[Done], None]:
    """Say what the run will come to as soon as its first rollout is there.

    Raises:
        ConfigurationError: From what it returns: only `max_cost` limits the run, and no price is known.
    """
    announced = False

    def on_result(done: Done) -> None:
        nonlocal announced
        if not announced and isinstance(done.result, Outcome):
            announced = True
            _refuse_unpriced(setup.limits, done.result)
            log_forecast(forecast(setup.limits, shape, sample_of(done.result, done.seconds)))

    return on_result


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
    outcome = work(Rollout(setup.problem.seed, setup.problem.val_rows[0]))
    if not isinstance(outcome, Outcome):
        raise InfrastructureError(f"The pre-flight rollout failed: {outcome.error}", {outcome.cause: 1})
    sample = sample_of(outcome, time.perf_counter() - started)
    return forecast(setup.limits, shape_of(setup, reflection_lm), sample)


def shape_of(setup: Setup, reflection_lm: Any) -> Shape:
    """The sizes that decide what a run costs."""
    components = setup.problem.components
    return Shape(
        val_size=len(setup.problem.val_rows),
        minibatch_size=setup.strategy.minibatch_size,
        components=len(components),
        rewritten=len(setup.strategy.choose_components(components, 0)),
        threads=setup.threads,
        reflection_price=price_per_token(reflection_lm),
    )


def read_problem(
    student: dspy.Module, train_size: int, val_rows: tuple[Row, ...], rules: TextRules
) -> Problem:
    """What is searched: the program's components and their texts today.

    Raises:
        ConfigurationError: There is no component.
    """
    if not isinstance(student, dspy.Module):
        raise ConfigurationError(f"The program is {type(student).__name__}, not a dspy.Module.")
    components = read_components(student)
    if not components:
        raise ConfigurationError(
            f"The program {type(student).__name__} has no predictor whose instructions could be improved. "
            "Predictors must be attributes (self.answer = dspy.Predict(...)). Submodules that were compiled "
            "before are frozen: set their _compiled = False to open them."
        )
    return Problem(
        seed=read_candidate(student),
        components=[c.name for c in components],
        train_size=train_size,
        val_rows=val_rows,
        reflector=Reflector(render_program(components), rules=rules),
    )


def adjust(strategy: Strategy, **explicit: Any) -> Strategy:
    """The strategy with every value that the user gave; None stands for the strategy's own."""
    return replace(strategy, **{name: value for name, value in explicit.items() if value is not None})
