"""Metrics that keep their contract pass; for every rule one that breaks it is told so."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import dspy
import pytest

from dspy_gepa.testing import ScriptedLM, check_metric
from tests.testing.broken import refused

GOLD = dspy.Example(question="Capital of France?", answer="Paris").with_inputs("question")
GOOD, BAD = dspy.Prediction(answer="Paris"), dspy.Prediction(answer="Rome")


def says(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    right = gold.answer == pred.answer
    return {"score": right, "feedback": "Right." if right else f"Expected {gold.answer}."}


async def in_time(gold: Any, pred: Any) -> Any:
    await asyncio.sleep(0)
    return says(gold, pred)


class Judge:
    """Asks a language model."""

    def __init__(self) -> None:
        self.judge = dspy.Predict("question, answer -> right: bool, why")

    def __call__(self, gold: Any, pred: Any) -> dspy.Prediction:
        verdict = self.judge(question=gold.question, answer=str(pred.answer))
        return dspy.Prediction(score=float(verdict.right), feedback=verdict.why)


@pytest.mark.parametrize("metric", [says, in_time, lambda gold, pred, trace: says(gold, pred)])
def test_metrics_in_every_form_pass(metric: Any) -> None:
    check_metric(metric, GOLD, good=GOOD, bad=BAD)


def test_a_judge_passes_under_a_scripted_model() -> None:
    lm = ScriptedLM(lambda prompt: {"right": "Paris" in prompt.field("answer"), "why": "I know."})
    with dspy.context(lm=lm):
        check_metric(Judge(), GOLD, good=GOOD, bad=BAD)


def test_dspys_metric_passes_when_it_is_told_what_it_cannot_do() -> None:
    metric = dspy.evaluate.answer_exact_match
    check_metric(metric, GOLD, good=GOOD, bad=BAD, feedback=False, odd=["", "a b"])
    refused(check_metric, metric, "no feedback", GOLD, good=GOOD, bad=BAD)
    refused(check_metric, metric, r"TypeError.*\(answer = None\)", GOLD, good=GOOD, bad=BAD, feedback=False)


def test_a_check_inside_an_event_loop_works_as_well() -> None:
    async def check() -> None:
        check_metric(in_time, GOLD, good=GOOD, bad=BAD)

    asyncio.run(check())


def test_other_scales_pass_when_they_are_said() -> None:
    def percent(gold: Any, pred: Any) -> Any:
        return {"score": 100 if gold.answer == pred.answer else -100, "feedback": "x"}

    refused(check_metric, percent, "no score is above perfect_score", GOLD, good=GOOD, bad=BAD)
    refused(
        check_metric, percent, "no score is below failure_score", GOLD, good=GOOD, bad=BAD, perfect_score=100
    )
    check_metric(percent, GOLD, good=GOOD, bad=BAD, perfect_score=100, failure_score=-100)


def silent_on_predictors(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    return float(gold.answer == pred.answer) if pred_name else says(gold, pred)


def knows_names(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    hints = {None: "x", "answer.predict": "Think of capitals."}
    return {"score": says(gold, pred)["score"], "feedback": hints[pred_name]}


def reads_the_trace(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    if pred_name:
        ((predictor, inputs, outputs),) = pred_trace
        assert inputs == {"question": "Capital of France?"}
        assert list(predictor.signature.output_fields) == list(outputs.keys()) == ["answer"]
        assert trace == pred_trace
    return says(gold, pred)


def counts_calls(gold: Any, pred: Any, *, program_trace: Any) -> Any:
    ((_, inputs, outputs),) = program_trace
    assert inputs == {"question": "Capital of France?"}
    return {"score": says(gold, outputs)["score"], "feedback": "x"}


def test_a_metric_that_wants_the_trace_at_scoring_gets_one() -> None:
    check_metric(counts_calls, GOLD, good=GOOD, bad=BAD)


class Program(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.ChainOfThought("question -> answer")


def test_a_metric_is_asked_about_each_predictor_of_the_program() -> None:
    check_metric(reads_the_trace, GOLD, good=GOOD, bad=BAD)
    refused(check_metric, knows_names, "KeyError: 'predict'", GOLD, good=GOOD, bad=BAD)
    check_metric(knows_names, GOLD, good=GOOD, bad=BAD, program=Program())


def with_lock() -> Any:
    lock = threading.Lock()

    def metric(gold: Any, pred: Any) -> Any:
        with lock:
            return says(gold, pred)

    return metric


def changes_gold(gold: Any, pred: Any) -> Any:
    gold.answer = gold.answer.lower()
    return {"score": gold.answer == str(pred.answer).lower(), "feedback": "x"}


def changes_pred(gold: Any, pred: Any) -> Any:
    pred.answer = str(pred.answer).strip().lower()
    return {"score": gold.answer.lower() == pred.answer, "feedback": "x"}


def guesses(gold: Any, pred: Any) -> Any:
    return {"score": says(gold, pred)["score"] / 2 + random.random() / 4, "feedback": "x"}


class Shares:
    """Keeps on itself what it works with, while another thread may come."""

    def __init__(self) -> None:
        self.inside = 0

    def __call__(self, gold: Any, pred: Any) -> Any:
        self.inside += 1
        self.right = gold.answer == pred.answer
        threading.Event().wait(0.01)
        self.inside -= 1
        return {"score": self.right, "feedback": "x"}


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda gold: 1.0, r"called as metric\(gold, pred, trace=None"),
        (lambda gold, pred: "good", "it returns a score.*\n.*gave 'good'"),
        (lambda gold, pred: float("nan"), "it returns a score.*\n.*nan"),
        (lambda gold, pred: {"feedback": "x"}, "has no 'score'"),
        (lambda gold, pred: pred.reply == gold.answer, "AttributeError"),
        (lambda gold, pred: gold.answer != pred.answer, "higher is better"),
        (lambda gold, pred: {"score": 1.0, "feedback": "x"}, "scores a good prediction higher"),
        (lambda gold, pred: float(gold.answer == pred.answer), r"no feedback \(the bad prediction\)"),
        (silent_on_predictors, r"no feedback \(pred_name='predict'\)"),
        (lambda gold, pred: {"score": len(pred.answer) / 9, "feedback": "x"}, r"TypeError.*answer = None"),
        (lambda gold, pred: {"score": 1 / len(pred.answer or "x"), "feedback": "x"}, "higher"),
        (changes_gold, "gold changed"),
        (changes_pred, "pred changed"),
        (guesses, "equal predictions give equal answers"),
        (with_lock(), "can be sent to another process.*\n.*lock"),
        (Shares(), "called from several threads at once"),
        ("accuracy", "Found: 'accuracy'"),
    ],
)
def test_a_broken_metric_is_told_what_it_broke(metric: Any, words: str) -> None:
    refused(check_metric, metric, words, GOLD, good=GOOD, bad=BAD)


def test_what_a_metric_does_not_promise_is_not_asked_of_it() -> None:
    check_metric(with_lock(), GOLD, good=GOOD, bad=BAD, picklable=False)
    check_metric(guesses, GOLD, good=GOOD, bad=BAD, deterministic=False)
