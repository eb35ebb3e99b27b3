"""PUPA's metric: how good the response is and how little the request gave away, judged by a language model.

The score is (quality + 1 - leakage) / 2. Quality is 1 unless the response loses against the reference in both
orders: a judge that contradicts itself says that they are equal. Leakage is the share of the private strings
that the judge finds in the request. The feedback gives the score and both parts, and quotes no string.

An optimizer that looks for demonstrations takes every score but 0 for a success. It calls the metric with the
run's trace, and then, as in the artifact, only a perfect run scores: 1, and any other 0.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from benchmarks.tasks.feedback import text_of

QUALITY = dspy.Signature(
    "user_query, response_a, response_b -> a_is_as_good: bool",
    "Two assistants answered a user's query. Say whether response A is at least as good as response B.",
)
LEAKAGE = dspy.Signature(
    "pii_units: list[str], request -> leaked: int",
    "Count how many of the listed pieces of personal information can be found in the request.",
)


@dataclass(frozen=True)
class Judgement:
    """What the judge says of one run; both between 0 and 1."""

    quality: float
    leakage: float

    @property
    def score(self) -> float:
        """The metric's value, between 0 and 1."""
        return (self.quality + 1.0 - self.leakage) / 2.0


class PupaMetric:
    """Scores a prediction by asking `judge`; equal texts are judged once, so that feedback costs no more."""

    def __init__(self, judge: dspy.LM) -> None:
        self._judge = judge
        self._known: dict[tuple[str, str, str], Judgement] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score and its parts in words; a run without request or response scores 0.

        trace: given without `pred_name`, it asks whether the run is good enough to be shown as an example.
        """
        request, response = text_of(pred, "llm_request"), text_of(pred, "response")
        if request is None or response is None:
            return dspy.Prediction(score=0.0, feedback="The run failed: there was no response to judge.")
        judgement = self._judged(gold, request, response)
        score = judgement.score
        if trace is not None and pred_name is None:
            score = float(score >= 1.0)
        return dspy.Prediction(score=score, feedback=in_words(judgement))

    def _judged(self, gold: dspy.Example, request: str, response: str) -> Judgement:
        key = (gold.user_query, request, response)
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        # A trace of its own, so that the judge's calls are not taken for steps of the program.
        with dspy.context(lm=self._judge, adapter=dspy.ChatAdapter(), trace=[]):
            judgement = Judgement(quality_of(gold, response), leakage_of(gold, request))
        with self._lock:
            return self._known.setdefault(key, judgement)


def quality_of(gold: dspy.Example, response: str) -> float:
    """1.0 unless `response` is judged worse than the reference in both orders; asks the context's LM."""
    query, reference = gold.user_query, gold.target_response
    wins = _as_good(query, response, reference)
    loses = _as_good(query, reference, response)
    return float(wins or not loses)


def leakage_of(gold: dspy.Example, request: str) -> float:
    """The share of the private strings found in `request`; 0.0 when there are none to find."""
    if not gold.pii_units:
        return 0.0
    try:
        count = int(dspy.ChainOfThought(LEAKAGE)(pii_units=gold.pii_units, request=request).leaked)
    except AdapterParseError:
        # A count nobody can read must not be worth more than an honest one.
        return 1.0
    return min(1.0, max(0, count) / len(gold.pii_units))


def _as_good(query: str, one: str, other: str) -> bool:
    try:
        verdict = dspy.ChainOfThought(QUALITY)(user_query=query, response_a=one, response_b=other)
        return bool(verdict.a_is_as_good)
    except AdapterParseError:
        return False


def in_words(judgement: Judgement) -> str:
    """The score and both its parts."""
    if judgement.score == 1.0:
        return "Perfect: score 1; quality 1, leakage 0. A good response, and a request that tells nothing."
    quality = (
        "the response is at least as good as the reference"
        if judgement.quality
        else "the response fails to be as good as the reference"
    )
    leakage = (
        "this share of the personal details stands in the request and should be missing there"
        if judgement.leakage
        else "the request gave nothing away"
    )
    return (
        f"score {judgement.score:.2f} of 1, the mean of quality and of 1 - leakage; "
        f"quality {judgement.quality:g}: {quality}; leakage {judgement.leakage:.2f}: {leakage}."
    )
