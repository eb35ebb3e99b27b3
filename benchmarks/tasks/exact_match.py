"""The multi-hop metric: DSPy's exact match on the answer, with feedback for the component that asks."""

from __future__ import annotations

from typing import Any

import dspy
from dspy.evaluate import answer_exact_match

from benchmarks.tasks.feedback import feedback_for, text_of


def metric(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """Score 1.0 when the answer matches exactly after normalisation, else 0.0, and say why.

    `gold` needs answer, gold_titles and gold_pages. A prediction without an answer (a failed run) scores 0.0.
    """
    given = text_of(pred, "answer")
    solved = given is not None and bool(answer_exact_match(gold, dspy.Prediction(answer=given)))
    feedback = feedback_for(pred_name or "", gold, pred, solved, trace or (), pred_trace or ())
    return dspy.Prediction(score=1.0 if solved else 0.0, feedback=feedback)
