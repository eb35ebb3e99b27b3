"""The metric's contract: how a user's function is called, and how its answer is read."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import dspy
import numpy as np

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.program.plain import repr_of, to_plain
from dspy_gepa.types import LARGEST_SCORE

_log = logging.getLogger("dspy_gepa")
Trace = Sequence[tuple[Any, Mapping[str, Any], Any]]
PROGRAM_TRACE = "program_trace"
_GEPA_ARITY = 5  # gold, pred, trace, pred_name, pred_trace
_TOO_MANY = re.compile(r"positional arguments? but \d+ (?:was|were) given|too many values to unpack")

_REMEDY = (
    "Return a finite number, a bool, a dict like {'score': 0.5, 'feedback': 'why'}, or "
    "dspy.Prediction(score=0.5, feedback='why'). Return a low score, not an error, for a bad output."
)


@dataclass(frozen=True)
class Judgement:
    """A metric's answer in one shape.

    Attributes:
        score: Finite, at most `LARGEST_SCORE` in size; higher is better.
        feedback: The metric's text, or None if it gave none.
        objectives: The metric's `objective_scores`, or empty.
    """

    score: float
    feedback: str | None = None
    objectives: Mapping[str, float] = field(default_factory=dict)


class Metric:
    """A user's metric behind one interface.

    Accepted forms are DSPy's ``metric(gold, pred)`` and ``metric(gold, pred, trace)`` and GEPA's
    ``metric(gold, pred, trace, pred_name, pred_trace)``, synchronous or async, and a `dspy.Module` whose
    ``forward`` has one of these forms. A callable that takes ``*args`` is called with five arguments, or
    with fewer if the function behind it accepts fewer.

    The score comes from one call with ``trace=None``, which is how `dspy.Evaluate` calls a metric on a
    test set: many metrics turn strict when they see a trace. A metric that takes `pred_name` is called
    once more per component with the trace, for feedback only; a score in that answer is ignored. A metric
    with a parameter ``program_trace`` also receives the whole trace for scoring.

    Args:
        function: The user's metric.
        warn_on_mismatch: True to warn, once, if that ignored score differs.

    Raises:
        ConfigurationError: `function` cannot be called with two arguments (gold, pred).
    """

    def __init__(self, function: Callable[..., Any], *, warn_on_mismatch: bool = True) -> None:
        self._function = function
        self._warns = warn_on_mismatch
        self._arity = _arity(function)
        signature = _signature(function)
        self._takes_program_trace = signature is not None and PROGRAM_TRACE in signature.parameters

    @property
    def takes_pred_name(self) -> bool:
        """True if the metric gives feedback on single components."""
        return self._arity in (_GEPA_ARITY, None)

    def judge(self, gold: dspy.Example, pred: Any, trace: Trace = ()) -> Judgement:
        """Return score and feedback for a whole rollout, from one call.

        Args:
            gold: The example.
            pred: The program's prediction.
            trace: All calls of the rollout, for a metric with a parameter ``program_trace``.

        Raises:
            MetricError: The answer is not a score.
        """
        how = {PROGRAM_TRACE: list(trace)} if self._takes_program_trace else {}
        if self._arity is not None:
            return read_judgement(self._call(gold, pred, *[None] * (self._arity - 2), **how))
        for arity in (_GEPA_ARITY, 3):
            try:
                answer = self._call(gold, pred, *[None] * (arity - 2), **how)
            except (TypeError, ValueError) as error:
                if not _TOO_MANY.search(str(error)):
                    raise
            else:
                self._arity = arity
                return read_judgement(answer)
        self._arity = 2
        return read_judgement(self._call(gold, pred, **how))

    def component_feedback(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Trace,
        component: str,
        component_trace: Trace,
        score: float | None = None,
    ) -> str | None:
        """Return the metric's feedback on one component, or None. It needs no score in the answer.

        Args:
            gold: The example.
            pred: The program's prediction.
            trace: All calls of the rollout as (predictor, inputs, prediction).
            component: The component's name, passed as `pred_name`.
            component_trace: This component's calls alone, in order, passed as `pred_trace`.
            score: The rollout's score, to warn once of an answer with a different score.
        """
        answer = self._call(gold, pred, trace, component, component_trace)
        fields = _fields_of(answer)
        feedback = None if fields is None else fields.get("feedback")
        if score is not None:
            self._compare(answer if fields is None else fields.get("score"), score, component)
        return str(feedback) if feedback else None

    def _compare(self, own: Any, score: float, component: str) -> None:
        if not self._warns or not isinstance(own, (bool, int, float)) or float(own) == score:
            return
        self._warns = False
        _log.warning(
            "the metric scored %g, and %g when it was called for the feedback on %r; the first counts. "
            "Metrics that turn strict when they see a trace do so. warn_on_score_mismatch=False hides this.",
            score,
            own,
            component,
        )

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._function(*args, **kwargs)
        return asyncio.run(_wait(answer)) if inspect.isawaitable(answer) else answer


def read_judgement(answer: Any) -> Judgement:
    """Return a metric's answer as a `Judgement`.

    Raises:
        MetricError: It is None, a string, NaN, infinite, beyond `LARGEST_SCORE`, or has no score.
    """
    fields = _fields_of(answer)
    if fields is None:
        return Judgement(_number(answer))
    if "score" not in fields:
        raise MetricError(f"The metric returned {answer!r}, which has no 'score'. {_REMEDY}")
    feedback = fields.get("feedback")
    objectives = fields.get("objective_scores") or {}
    return Judgement(
        score=_number(fields["score"]),
        feedback=str(feedback) if feedback else None,
        objectives={str(name): _number(value) for name, value in dict(objectives).items()},
    )


def _fields_of(answer: Any) -> dspy.Example | Mapping[str, Any] | None:
    """Return a metric's answer as fields by name; None if it is a bare number."""
    return answer if isinstance(answer, (dspy.Example, Mapping)) else None


def default_feedback(gold: dspy.Example, pred: Any, score: float) -> str:
    """Return feedback for a metric that gives a bare number: the score, expected and given fields."""
    expected = _shown(gold.labels())
    given = _shown(pred) if isinstance(pred, dspy.Example) else repr_of(pred)
    parts = [f"The score of this output is {score:g}."]
    if expected:
        parts.append(f"Expected: {expected}.")
    if given:
        parts.append(f"Given: {given}.")
    return " ".join(parts)


def _shown(fields: dspy.Example) -> str:
    shown = {name: value for name, value in fields.items() if name != "logprobs"}  # added by DSPy, and long
    return "; ".join(
        f"{name} = {json.dumps(to_plain(value), ensure_ascii=False)}" for name, value in shown.items()
    )


def _number(value: Any) -> float:
    if isinstance(value, (Decimal, Fraction)) or (
        getattr(value, "shape", None) == () and hasattr(value, "item")
    ):
        value = value.item() if hasattr(value, "item") else float(value)  # an array or a tensor of one number
    if isinstance(value, (int, float, np.integer, np.floating, np.bool_)):
        number = value if isinstance(value, int) else float(value)  # some ints exceed every float
        if abs(number) <= LARGEST_SCORE:
            return float(number)
        if isinstance(number, int) or math.isfinite(number):
            raise MetricError(
                f"The metric gave {_brief(number)} where a score belongs, and scores lie between "
                f"-{LARGEST_SCORE:g} and {LARGEST_SCORE:g}: beyond, their squares overflow. Return a "
                "number on a smaller scale, its logarithm for one, or one that is capped."
            )
    raise MetricError(f"The metric gave {value!r} ({type(value).__name__}) where a score belongs. {_REMEDY}")


def _brief(number: float) -> str:
    # Python refuses to print integers of more than some thousand digits.
    return f"a whole number of {number.bit_length()} bits" if isinstance(number, int) else repr(number)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        # A module's __call__ takes anything; DSPy's ready-made metrics are modules.
        return inspect.signature(function.forward if isinstance(function, dspy.Module) else function)
    except (TypeError, ValueError):  # some callables written in C have none
        return None


def _arity(function: Callable[..., Any]) -> int | None:
    """Return how many positional arguments a metric is called with; None if only a call can show it."""
    if not callable(function):
        raise ConfigurationError(f"metric={function!r} is not callable. Pass a function metric(gold, pred).")
    signature = _signature(function)
    if signature is None:
        return 3
    parameters = [p for p in signature.parameters.values() if p.name != PROGRAM_TRACE]
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in by_position]
    required = [p for p in parameters if p.kind in by_position and p.default is p.empty]
    missing = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    # A fourth parameter with a default of its own is DSPy's: answer_exact_match(gold, pred, trace, frac=1.0).
    if missing or len(required) not in (0, 1, 2, 3, 5) or not (any_number or len(names) >= 2):
        raise ConfigurationError(
            f"The metric {_name_of(function)}{signature} cannot be used: it must be metric(gold, pred), "
            "metric(gold, pred, trace) or metric(gold, pred, trace, pred_name, pred_trace)."
        )
    if any_number:
        return None
    return _GEPA_ARITY if len(names) >= _GEPA_ARITY else min(3, len(names))


def _name_of(function: Callable[..., Any]) -> str:
    return function.__qualname__ if inspect.isroutine(function) else type(function).__qualname__


async def _wait(answer: Awaitable[Any]) -> Any:
    return await answer
