"""Ready objectives: cost, tokens, latency and length, measured on each run of the program.

All are negated, so that higher is better as with any score. The metric's own work, such as calls of a judge,
is not part of the run: a program in use does not pay for it.
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
        seconds: Its duration.
        calls: Its language model calls.
    """

    candidate: Candidate
    seconds: float
    calls: Sequence[Call]


@dataclass(frozen=True)
class Measure:
    """A ready objective.

    Attributes:
        take: Returns the negated value for a run; None if it is unknown.
        unit: Unit, in words.
        remedy: Why it may be unknown, and what helps.
    """

    take: Callable[[Run], float | None]
    unit: str
    remedy: str


def cost(run: Run) -> float | None:
    """Return US dollars of all calls; cached answers count at their original price."""
    return _negated_sum([call.cost for call in run.calls])


def tokens(run: Run) -> float | None:
    """Return prompt and completion tokens of all calls, cached answers included."""
    return _negated_sum([call.tokens for call in run.calls])


def latency(run: Run) -> float | None:
    """Return seconds; None if DSPy's cache answered a call, which says nothing about the model."""
    if any(call.cached for call in run.calls):
        return None
    return -run.seconds


def length(run: Run) -> float:
    """Return the characters of all texts of the candidate, which do not depend on the run."""
    return length_of(run.candidate)


def length_of(candidate: Candidate) -> float:
    """Return the objective "length" of a candidate, which requires no run."""
    return -float(sum(map(len, candidate.values())))


def _negated_sum(amounts: Sequence[float | None]) -> float | None:
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
    """Return the ready objectives of a run, by name; unavailable ones are omitted."""
    found = {name: MEASURES[name].take(run) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def joined(own: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
    """Return the metric's own objectives and the ready ones together.

    Raises:
        MetricError: A name is in both.
    """
    twice = [name for name in measured if name in own]
    if twice:
        raise MetricError(
            f"The metric gives an objective {twice[0]!r}, and objectives= asks for the ready one of that "
            "name. Leave it out of objectives=, or give the metric's another name."
        )
    return {**own, **measured}
