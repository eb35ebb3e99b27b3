"""What makes each message that docs/troubleshooting.md quotes appear, on scripted models."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import dspy
from dspy.utils.exceptions import LMAuthError, LMRateLimitError

from dspy_gepa import GEPA, RetryPolicy
from dspy_gepa.record.lock import lock
from dspy_gepa.testing import ScriptedLM
from dspy_gepa.testing.practice import is_right, word_rows

LM = ScriptedLM({"new_instruction": "Answer."})
PROVIDER = {"model": "openai/x", "provider": "openai"}
KEY = "sk-" + "0123456789" * 2
AT_ONCE = RetryPolicy(first_delay=0.0, longest_delay=0.0)


class NoPredictor(dspy.Module):
    def forward(self, question: str) -> dspy.Prediction:
        return dspy.Prediction(answer=question)


class Broken(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return dspy.Prediction(answer=self.answer(text=question).reply)


class Locked(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.Predict("question -> answer")
        self.lock = threading.Lock()

    def forward(self, question: str) -> Any:
        return self.answer(question=question)


def compiled(program: Any = None, *, answer: Any = None, rows: Any = None, **options: Any) -> Any:
    """Compile a small program on scripted models."""
    settings: dict[str, Any] = {"metric": is_right, "reflection_lm": LM, "max_metric_calls": 60} | options
    with dspy.context(lm=ScriptedLM(answer or {"answer": "right"})):
        return GEPA(**settings).compile(
            program or dspy.Predict("question -> answer"), trainset=rows or word_rows(12), valset=word_rows(8)
        )


def three_arguments_too_many(gold: Any, pred: Any, threshold: Any, weights: Any) -> float:
    return 0.0


def strict_with_a_trace(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> Any:
    return {"score": float(trace is None), "feedback": "x"}


def resumed(**change: Any) -> None:
    with tempfile.TemporaryDirectory() as directory:
        compiled(log_dir=directory, seed=0, width=1)
        compiled(**{"log_dir": directory, "seed": 0, "width": 1} | change)


def while_another_runs() -> None:
    with tempfile.TemporaryDirectory() as directory, lock(Path(directory)):
        compiled(log_dir=directory)


def without_validation_rows() -> None:
    with dspy.context(lm=ScriptedLM({"answer": "right"})):
        program = dspy.Predict("question -> answer")
        GEPA(is_right, reflection_lm=LM, max_metric_calls=20).compile(program, trainset=word_rows(4))


def on_processes() -> None:
    with ProcessPoolExecutor(1) as pool:  # nothing is sent to it, so that it starts no process
        compiled(Locked(), executor=pool)


def result_of_nothing() -> Any:
    """A run in which no proposal helps, since the reflection model has one answer only."""
    return compiled(answer={"answer": "wrong"}, track_stats=True).detailed_results


SYMPTOMS: dict[str, Callable[[], Any]] = {
    "No budget": lambda: GEPA(is_right, reflection_lm=LM),
    "No reflection model": lambda: GEPA(is_right, auto="light"),
    "Examples without inputs": lambda: compiled(rows=[dspy.Example(question="a", answer="b")]),
    "The budget is too small": lambda: compiled(max_metric_calls=5),
    "The metric cannot be used": lambda: GEPA(three_arguments_too_many, reflection_lm=LM, auto="light"),
    "The metric returns no score": lambda: compiled(metric=lambda gold, pred: None),
    "The metric raises": lambda: compiled(metric=lambda gold, pred: gold.label == pred.answer),
    "No predictor": lambda: compiled(NoPredictor()),
    "The program raises on every row": lambda: compiled(Broken()),
    "A component to freeze is not there": lambda: compiled(freeze=["anwser"]),
    "A wrong key": lambda: compiled(answer=LMAuthError(f"Incorrect API key provided: {KEY}", **PROVIDER)),
    "429s": lambda: compiled(answer=LMRateLimitError("Rate limit reached", **PROVIDER), retry=AT_ONCE),
    "Unusable answers": lambda: compiled(
        answer={"answer": "wrong"},
        reflection_lm=ScriptedLM({"new_instruction": "I"}, finish_reason="length"),
        max_metric_calls=200,
    ),
    "max_cost without a price": lambda: compiled(max_metric_calls=None, max_cost=1.0),
    "Something cannot be pickled": on_processes,
    "Another run": lambda: resumed(seed=1),
    "Another budget": lambda: resumed(max_metric_calls=90),
    "Another process": while_another_runs,
    "The seed was returned": lambda: result_of_nothing().choice_reason,
    "Everything is rejected": lambda: result_of_nothing().proposals[2].reason,
    "It stopped early": lambda: result_of_nothing().stop_reason,
    "The score is lower on my test set": without_validation_rows,
    "The score of the run and of dspy.Evaluate differ": lambda: compiled(
        metric=strict_with_a_trace, perfect_score=2.0
    ),
}
"""By heading of the page, what raises, warns of or returns the text below it."""
