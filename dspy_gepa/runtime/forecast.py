"""Forecast rollouts, tokens, cost and time of a run before it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dspy_gepa.errors import ConfigurationError, InfrastructureError
from dspy_gepa.program.log import log_warning
from dspy_gepa.runtime.budget import UNLIMITED, Limits
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.texts import counted
from dspy_gepa.types import Outcome, Rollout, Usage

# Tokens of a reflection besides its evidence: the task description, the current text, the answer.
REFLECTION_TOKENS = 1_500


@dataclass(frozen=True)
class Sample:
    """Measurements of one rollout.

    Attributes:
        tokens: Number of tokens of all its language model calls, those of the metric included.
        cost: US dollars, or None if no price is known.
        seconds: Run time.
        is_estimated: True if the model reported no tokens, so that they are estimated from lengths.
    """

    tokens: int
    cost: float | None
    seconds: float
    is_estimated: bool = False

    @classmethod
    def of(cls, outcome: Outcome, seconds: float) -> Sample:
        """Measure a rollout that was executed."""
        usage = outcome.usage
        return cls(usage.spent_tokens, usage.cost or None, seconds, bool(usage.estimated))


@dataclass(frozen=True)
class Shape:
    """Sizes that determine the cost of a step.

    Attributes:
        first: Number of rows on which the original program is run first.
        step: Mean number of rollouts of a step.
        rounds: Number of rollout durations a step takes; a reflection counts as one.
        evidence: Number of rollouts shown in a reflection.
        components: Number of components of the program.
        rewritten: Number of components that one mutation rewrites.
        threads: Number of rollouts at a time.
        kept: Share of the budget that is kept for the finals.
        reflection_price: US dollars per token of the reflection LM, or None if unknown.
        must_pass: Rollouts on rows that must pass: of the original, and of a step on average. They are part
            of `first` and `step`.
        test: Number of test rows.
    """

    first: int
    step: float
    rounds: float
    evidence: int
    components: int
    rewritten: int
    threads: int
    kept: float = 0.0
    reflection_price: float | None = None
    must_pass: tuple[float, float] = (0.0, 0.0)
    test: int = 0


@dataclass(frozen=True)
class Forecast:
    """Expected totals of a run; unknown figures are None.

    Attributes:
        steps: Number of trials, the steps that try a new candidate.
        rollouts: Number of rollouts; also the limit, which is never exceeded.
        reflections: Number of reflection LM calls.
        tokens: Number of tokens of all language models.
        cost: US dollars.
        seconds: Wall-clock seconds.
        tokens_estimated: True if the model reports no tokens, so that `tokens` rests on lengths of texts.
        must_pass: Number of the rollouts that are spent on rows that must pass.
        test_rollouts: Maximum number of rollouts on the test set, after the search. No limit counts them, and
            no figure above does.
        test_tokens: Number of tokens of these.
        test_cost: US dollars of these.
    """

    steps: int
    rollouts: int
    reflections: int
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    tokens_estimated: bool = False
    must_pass: int = 0
    test_rollouts: int = 0
    test_tokens: int | None = None
    test_cost: float | None = None

    def __str__(self) -> str:
        parts = [f"about {counted(self.steps, 'trial')}", f"at most {counted(self.rollouts, 'rollout')}"]
        parts += [f"about {self.must_pass:,} of them on rows that must pass"] if self.must_pass else []
        parts.append(f"about {counted(self.reflections, 'reflection')}")
        how = " (estimated from lengths: the model reports none)" if self.tokens_estimated else ""
        parts += [f"{counted(self.tokens, 'token')}{how}"] if self.tokens is not None else []
        parts += [f"${self.cost:,.2f}"] if self.cost is not None else []
        parts += [f"{self.seconds / 60:.1f} minutes"] if self.seconds is not None else []
        return ", ".join(parts) + self._test()

    def _test(self) -> str:
        if not self.test_rollouts:
            return ""
        parts = [f"at most {counted(self.test_rollouts, 'rollout')}"]
        parts += [counted(self.test_tokens, "token")] if self.test_tokens is not None else []
        parts += [f"${self.test_cost:,.2f}"] if self.test_cost is not None else []
        return f"; then the test set, beside all limits: {', '.join(parts)}"


def forecast(limits: Limits, shape: Shape, sample: Sample | None = None) -> Forecast:
    """Forecast the longest run within all limits, from its sizes and, if given, one measured rollout."""
    least, most = shape.first, max(shape.first, limits.rollouts)
    found = _run_of(most, shape, sample)
    if _fits(found, limits):
        return found
    while most - least > 1:  # more rollouts mean more of everything
        middle = (least + most) // 2
        if _fits(_run_of(middle, shape, sample), limits):
            least = middle
        else:
            most = middle
    return _run_of(least, shape, sample)


def forecast_by_trial(
    limits: Limits, shape: Shape, execute: Callable[[Rollout], Any], rollout: Rollout
) -> Forecast:
    """Execute one rollout, which is paid for, and return the forecast that follows from it.

    Raises:
        InfrastructureError: The rollout failed because of its provider.
    """
    started = time.perf_counter()
    # On a thread, as in a run: the caller, a notebook say, may be inside a running event loop.
    outcome = ThreadExecutor().submit(execute, rollout).result()
    if not isinstance(outcome, Outcome):
        raise InfrastructureError(f"The pre-flight rollout failed: {outcome.error}", {outcome.cause: 1})
    return forecast(limits, shape, Sample.of(outcome, time.perf_counter() - started))


def require_price(limits: Limits, first: Outcome) -> None:
    """Refuse a run that only a limit in dollars would end, if the first rollout shows no price.

    Raises:
        ConfigurationError: There is no other limit; with another one, a warning is logged.
    """
    if limits.cost is None or first.usage.cost or not first.usage.total_tokens:
        return
    problem = f"no price is known of {', '.join(first.usage.tokens)}, so that max_cost cannot limit its use"
    others = (limits.reflections, limits.tokens, limits.seconds)
    if limits.rollouts == UNLIMITED and others == (None, None, None):
        raise ConfigurationError(f"{problem[0].upper()}{problem[1:]}. Set max_metric_calls or max_tokens.")
    log_warning(problem)


class UsageWatch:
    """Notices models that do not report what they use.

    Args:
        limits: Limits of the run.
    """

    def __init__(self, limits: Limits) -> None:
        limited = {"max_tokens": limits.tokens, "max_cost": limits.cost}
        self._limited = [name for name, limit in limited.items() if limit is not None]
        self._reporting: set[str] = set()
        self._warned = False

    def add(self, usage: Usage) -> None:
        """Add a result's usage; warn once of answers whose tokens have to be estimated.

        Raises:
            ConfigurationError: A limit on tokens or dollars was given, and a model has never reported usage.
        """
        self._reporting |= {model for model, tokens in usage.tokens.items() if sum(tokens)}
        silent = sorted(usage.estimated.keys() - self._reporting)
        if silent and self._limited:
            raise ConfigurationError(
                f"The language model {silent[0]} reports no usage: the tokens of {usage.unreported} of "
                f"{counted(usage.calls, 'answer')} are not known, so that {' and '.join(self._limited)} "
                "cannot limit them. Set max_metric_calls, max_reflections or max_seconds instead, or have "
                "the server report usage."
            )
        if usage.estimated and not self._warned:
            self._warned = True
            log_warning(
                f"the language model {next(iter(usage.estimated))} reported no usage with an answer; tokens "
                "of such answers are estimated from the length of their texts, and count so"
            )


def _fits(found: Forecast, limits: Limits) -> bool:
    pairs = (
        (found.reflections, limits.reflections),
        (found.tokens, limits.tokens),
        (found.cost, limits.cost),
        (found.seconds, limits.seconds),
    )
    return all(limit is None or (expected or 0) <= limit for expected, limit in pairs)


def _run_of(rollouts: int, shape: Shape, sample: Sample | None) -> Forecast:
    steps = max(0.0, rollouts * (1 - shape.kept) - shape.first) / shape.step
    reflections = steps * shape.rewritten
    must_pass = round(shape.must_pass[0] + steps * shape.must_pass[1])
    if sample is None:
        return Forecast(
            round(steps), rollouts, round(reflections), must_pass=must_pass, test_rollouts=2 * shape.test
        )
    evidence = shape.evidence * sample.tokens / shape.components
    reflecting = reflections * (evidence + REFLECTION_TOKENS)
    priced = sample.cost is not None and shape.reflection_price is not None
    cost = rollouts * (sample.cost or 0.0) + reflecting * (shape.reflection_price or 0.0) if priced else None
    seconds = sample.seconds * (math.ceil(shape.first / shape.threads) + steps * shape.rounds)
    return Forecast(
        steps=round(steps),
        rollouts=rollouts,
        reflections=round(reflections),
        tokens=round(rollouts * sample.tokens + reflecting),
        cost=cost,
        seconds=seconds,
        tokens_estimated=sample.is_estimated,
        must_pass=must_pass,
        test_rollouts=2 * shape.test,
        test_tokens=2 * shape.test * sample.tokens if shape.test else None,
        test_cost=2 * shape.test * sample.cost if shape.test and sample.cost is not None else None,
    )
