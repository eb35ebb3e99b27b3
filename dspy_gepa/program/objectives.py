"""Ready objectives: what a run of the program takes, beside what the metric says of its answer.

All are negated, so that higher is better as with any score. What the metric does, a judge's call for one, is
no part of the run: it costs nothing once the program is in use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dspy_gepa.errors import MetricError
from dspy_gepa.program.usage import Call
from dspy_gepa.types import Candidate


@dataclass(frozen=True)
class Run:
    """One run of the program.

    Attributes:
        candidate: Its texts.
        seconds: How long it took.
        calls: Its language model calls; None where DSPy keeps no record of them (``disable_history=True``).
    """

    candidate: Candidate
    seconds: float
    calls: Sequence[Call] | None


@dataclass(frozen=True)
class Measure:
    """A ready objective.

    Attributes:
        take: What it comes to for a run, negated; None where that cannot be told.
        unit: What is counted.
        remedy: Why it cannot be told of a run, and what helps.
    """

    take: Callable[[Run], float | None]
    unit: str
    remedy: str


def cost(run: Run) -> float | None:
    """US dollars of all calls, those that DSPy's cache answered at the price they had."""
    return _less([call.cost for call in run.calls]) if run.calls is not None else None


def tokens(run: Run) -> float | None:
    """Prompt and completion tokens of all calls, those that DSPy's cache answered included."""
    return _less([call.tokens for call in run.calls]) if run.calls is not None else None


def latency(run: Run) -> float | None:
    """Seconds; unknown where DSPy's cache answered a call, since that says nothing about the model."""
    if run.calls is None or any(call.cached for call in run.calls):
        return None
    return -run.seconds


def length(run: Run) -> float:
    """Characters of all texts of the candidate together, whatever the run."""
    return length_of(run.candidate)


def length_of(candidate: Candidate) -> float:
    """The objective "length" of a candidate, which takes no run to be known."""
    return -float(sum(map(len, candidate.values())))


def _less(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return 0.0 - math.fsum(known) if len(known) == len(amounts) else None


_HISTORY = "DSPy keeps no history (dspy.configure(disable_history=False) helps)"
MEASURES: Mapping[str, Measure] = {
    "cost": Measure(
        cost,
        "US dollars of a run",
        f"No price is known of a model that was called, or {_HISTORY}. 'tokens' needs no prices.",
    ),
    "tokens": Measure(
        tokens, "tokens of a run", f"A model does not say how many tokens it used, or {_HISTORY}."
    ),
    "latency": Measure(
        latency,
        "seconds of a run",
        "DSPy's cache answered, or a model that does not say how many tokens it used, which looks the same "
        f"(dspy.LM(..., cache=False) helps), or {_HISTORY}.",
    ),
    "length": Measure(length, "characters of all texts together", ""),
}


def measure(names: Sequence[str], run: Run) -> dict[str, float]:
    """The ready objectives of a run, by name; without those that cannot be told of it."""
    found = {name: MEASURES[name].take(run) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def joined(own: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
    """The metric's own objectives and the ready ones.

    Raises:
        MetricError: Both have one of that name.
    """
    twice = [name for name in measured if name in own]
    if twice:
        raise MetricError(
            f"The metric gives an objective {twice[0]!r}, and objectives= asks for the ready one of that "
            "name. Leave it out of objectives=, or give the metric's another name."
        )
    return {**own, **measured}


def render_goals(names: Sequence[str]) -> str:
    """What the reflection model is told where members compete by these objectives."""
    units = "; ".join(MEASURES[name].unit for name in names)
    return f"Beside their scores, texts are compared by these, of which less is better: {units}."
