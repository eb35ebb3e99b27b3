"""Every form of metric, and metrics that break their contract."""

from __future__ import annotations

import re
from typing import Any

import dspy
import pytest

from dspy_gepa import (
    MetricError,
)
from tests.support import (
    is_right,
    prompts_of,
)
from tests.support_runs import TRAIN, VAL, compile_words


def plain(gold: Any, pred: Any) -> bool:
    return gold.answer == pred.answer


def with_feedback(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> dspy.Prediction:
    return dspy.Prediction(score=is_right(gold, pred), feedback=f"Told to {pred_name}. {gold.question}")


async def awaited(gold: Any, pred: Any, trace: Any = None) -> dict[str, Any]:
    return {"score": is_right(gold, pred), "feedback": "Awaited feedback.", "objective_scores": {"tone": 0.5}}


class CallableMetric:
    def __call__(self, *args: Any) -> float:
        return is_right(args[0], args[1])


@pytest.mark.parametrize("metric", [plain, is_right, with_feedback, awaited, CallableMetric()])
def test_every_form_of_metric_leads_to_a_better_program(metric: Any) -> None:
    assert max(compile_words(metric=metric).result.val_aggregate_scores) == 1.0


def test_feedback_of_a_component_reaches_its_reflection() -> None:
    run = compile_words(metric=with_feedback, max_metric_calls=40)
    told_to = {p.field("component"): p.field("examples_with_feedback") for p in prompts_of(run.reflection)}
    assert "Told to a." in told_to["a"]
    assert "Told to None." not in told_to["a"]


def test_feedback_of_the_whole_reaches_every_reflection() -> None:
    assert "Awaited feedback." in compile_words(metric=awaited, max_metric_calls=40).evidence


def test_without_feedback_the_reflector_is_shown_score_expected_and_given_fields() -> None:
    evidence = compile_words(max_metric_calls=40).evidence
    assert 'The score of this output is 0. Expected: answer = "right". Given: answer = "wrong".' in evidence


def test_a_metric_of_five_is_called_once_more_per_called_component_of_train_rows_only() -> None:
    calls: list[tuple[str, str | None]] = []

    def metric(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> float:
        calls.append((gold.question, pred_name))
        return is_right(gold, pred)

    run = compile_words(metric=metric, max_metric_calls=40)
    whole = [question for question, name in calls if name is None]
    train = [question for question in whole if question in {row.question for row in TRAIN}]
    assert len(whole) == run.result.total_metric_calls
    assert sorted(question for question, name in calls if name == "a") == sorted(train)
    assert sorted(question for question, name in calls if name == "b") == sorted(train)


def raises(gold: Any, pred: Any) -> float:
    raise AttributeError("no field named anser")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (raises, "AttributeError: no field named anser"),
        (lambda gold, pred: None, "gave None"),
        (lambda gold, pred: float("nan"), "gave nan"),
        (lambda gold, pred: "good", "gave 'good'"),
        (lambda gold, pred: {"feedback": "x"}, "has no 'score'"),
    ],
    ids=["raises", "None", "NaN", "string", "no score"],
)
def test_a_broken_metric_is_reported_after_one_rollout_with_the_example(metric: Any, words: str) -> None:
    called: list[str] = []

    def counted(gold: Any, pred: Any) -> Any:
        called.append(gold.question)
        return metric(gold, pred)

    with pytest.raises(MetricError, match=re.escape(words)) as caught:
        compile_words(metric=counted)
    assert called == [VAL[0].question]
    assert VAL[0].question in str(caught.value)
    assert "MetricError" not in str(caught.value)  # its class stands before the message in summaries


@pytest.mark.parametrize("answer", [None, float("nan"), "good", {"feedback": "x"}])
def test_an_answer_that_is_no_score_is_reported_with_the_remedy(answer: Any) -> None:
    with pytest.raises(MetricError, match=r"Return a finite number, a bool, a dict like"):
        compile_words(metric=lambda gold, pred: answer)
