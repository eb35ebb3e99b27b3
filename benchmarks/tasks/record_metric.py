"""The metric of the record worlds: compares values with those wanted, and says in words what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import dspy

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.worlds.records import RecordJudge
from benchmarks.simulated.worlds.records.catalogue import output_field
from benchmarks.simulated.worlds.records.faults import compare, value_in
from benchmarks.tasks.feedback import text_of

Scoring = Literal["fields", "binary", "judge"]

_GRADE = dspy.Signature(
    "given, reference -> grade: float",
    "Grade the lines given against the reference, from 0 to 10.",
)


@dataclass(frozen=True)
class RecordMetric:
    """Scores a prediction between 0 and 1.

    Attributes:
        kinds: The kinds of value, in the program's order.
        scoring: "fields": the share of values that are right; "binary": 1 when all are; "judge": what a
            simulated judge LM says.
        salt: The world and its seed, on which the judge's moods hang.
        noise: Standard deviation of the judge's grades.
    """

    kinds: tuple[str, ...]
    scoring: Scoring
    salt: str
    noise: float = 0.0

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score, and feedback on the predictor called `pred_name`, or on all of them."""
        about = [pred_name] if pred_name in self.kinds else self.kinds
        lines = [said_of(kind, gold, text_of(pred, output_field(kind))) for kind in about]
        return dspy.Prediction(score=self._score(gold, pred), feedback="\n".join(lines))

    def _score(self, gold: dspy.Example, pred: Any) -> float:
        wanted = [str(gold[output_field(kind)]) for kind in self.kinds]
        given = [text_of(pred, output_field(kind)) or "" for kind in self.kinds]
        right = [a.strip() == b for a, b in zip(given, wanted, strict=True)]
        if self.scoring == "fields":
            return sum(right) / len(right)
        if self.scoring == "binary":
            return float(all(right))
        # A trace of its own, so that the judge's call is not taken for a step of the program.
        with dspy.context(lm=judge_lm(self.salt, self.noise), adapter=dspy.ChatAdapter(), trace=[]):
            grade = dspy.Predict(_GRADE)(given="\n".join(given), reference="\n".join(wanted)).grade
        return float(grade) / 10


@lru_cache(maxsize=64)
def judge_lm(salt: str, noise: float) -> dspy.LM:
    """The judge of a world."""
    return simulated_lm("simulated/judge", RecordJudge(salt, noise))


def said_of(kind: str, gold: dspy.Example, given: str | None) -> str:
    """One line about one value: right, or what was given, what was expected and where the fault lies."""
    field = output_field(kind)
    raw, expected = value_in(gold.record, kind) or "", str(gold[field])
    if given is None:
        return f"Value {field}: wrong. Nothing was given for '{raw}', expected '{expected}'."
    if given.strip() == expected:
        return f"Value {field}: correct, '{expected}'."
    given = given.strip()
    faults = compare(kind, raw, given, expected).in_words()
    return f"Value {field}: wrong. '{given}' was given for '{raw}', expected '{expected}'. {faults}".rstrip()
