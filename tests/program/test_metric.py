"""How metrics are called and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import dspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.program.metric import Judgement, Metric, default_feedback, read_judgement
from dspy_gepa.types import LARGEST_SCORE

GOLD = dspy.Example(question="q", answer="yes").with_inputs("question")
PRED = dspy.Prediction(answer="no")


class Recorder:
    """A metric that keeps its arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def note(self, *args: Any) -> float:
        self.calls.append(args)
        return 0.5


def test_a_metric_of_two_gets_gold_and_prediction() -> None:
    kept = Recorder()
    assert Metric(lambda gold, pred: kept.note(gold, pred)).judge(GOLD, PRED).score == 0.5
    assert kept.calls == [(GOLD, PRED)]


def test_a_metric_of_three_is_called_without_a_trace_as_on_a_test_set() -> None:
    kept = Recorder()
    Metric(lambda gold, pred, trace: kept.note(gold, pred, trace)).judge(GOLD, PRED)
    assert kept.calls == [(GOLD, PRED, None)]


def test_a_metric_of_five_is_called_without_component_for_the_score() -> None:
    kept = Recorder()
    Metric(lambda g, p, trace, pred_name, pred_trace: kept.note(g, p, trace, pred_name, pred_trace)).judge(
        GOLD, PRED
    )
    assert kept.calls == [(GOLD, PRED, None, None, None)]


def test_a_metric_of_any_number_gets_five() -> None:
    kept = Recorder()
    Metric(kept.note).judge(GOLD, PRED)
    assert kept.calls == [(GOLD, PRED, None, None, None)]


def test_keywords_of_its_own_do_not_disturb() -> None:
    def metric(gold: Any, pred: Any, *, strict: bool = True, **more: Any) -> bool:
        return strict and not more

    assert Metric(metric).judge(GOLD, PRED).score == 1.0


def test_an_async_metric_is_awaited() -> None:
    async def metric(gold: Any, pred: Any) -> float:
        return 0.25

    assert Metric(metric).judge(GOLD, PRED).score == 0.25


class CallableMetric:
    def __call__(self, gold: Any, pred: Any, trace: Any = None) -> bool:
        return True

    def method(self, gold: Any, pred: Any) -> bool:
        return True


class AsyncCallable:
    async def __call__(self, gold: Any, pred: Any) -> bool:
        return True


@pytest.mark.parametrize("metric", [CallableMetric(), CallableMetric().method, AsyncCallable()])
def test_callable_objects_and_methods_are_metrics(metric: Any) -> None:
    assert Metric(metric).judge(GOLD, PRED).score == 1.0


def test_dspy_metrics_fit() -> None:
    assert Metric(dspy.evaluate.answer_exact_match).judge(GOLD, dspy.Prediction(answer="Yes")).score == 1.0


@pytest.mark.parametrize(
    ("metric", "takes"),
    [
        (lambda gold, pred: 1, False),
        (lambda gold, pred, trace=None: 1, False),
        (lambda gold, pred, pred_name=None: 1, False),
        (lambda gold, pred, trace=None, pred_name=None, pred_trace=None: 1, True),
        (lambda *args: 1, True),
    ],
)
def test_only_metrics_with_room_for_a_component_are_asked_about_one(metric: Any, takes: bool) -> None:
    assert Metric(metric).takes_pred_name is takes


@pytest.mark.parametrize(
    "metric",
    [
        lambda: 1,
        lambda gold: 1,
        lambda gold, pred, trace, pred_name: 1,
        lambda gold, pred, trace, pred_name, pred_trace, more: 1,
        lambda gold, pred, *, strict: 1,
        lambda gold, pred, trace=None, *, strict: 1,
        lambda *args, strict: 1,
    ],
)
def test_a_function_that_cannot_be_called_as_a_metric_is_refused_with_the_three_forms(metric: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"it must be metric\(gold, pred\), metric\(gold, pred, trace\) or"
    ):
        Metric(metric)


def test_a_thing_that_is_no_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"metric=0\.5"):
        Metric(0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (0.25, 0.25),
        (-3, -3.0),
        (True, 1.0),
        (False, 0.0),
        (np.float32(0.5), 0.5),
        (np.int64(2), 2.0),
        (np.bool_(True), 1.0),
        ({"score": 0.5}, 0.5),
        ({"score": True, "feedback": None}, 1.0),
        (dspy.Prediction(score=0.5), 0.5),
        (dspy.Example(score=np.float64(0.5)), 0.5),
    ],
)
def test_an_answer_is_read_as_a_score(answer: Any, score: float) -> None:
    judgement = read_judgement(answer)
    assert judgement == Judgement(score)
    assert type(judgement.score) is float


@pytest.mark.parametrize("shape", [dict, dspy.Prediction])
def test_feedback_and_objectives_come_with_the_score(shape: Any) -> None:
    answer = shape(score=1, feedback="well done", objective_scores={"speed": 0.5, "tone": True})
    assert read_judgement(answer) == Judgement(1.0, "well done", {"speed": 0.5, "tone": 1.0})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "0.5",
        float("nan"),
        float("inf"),
        np.float64("nan"),
        [1.0],
        1j,
        np.complex128(1.0),
        {"score": None},
        {"score": "high"},
        dspy.Prediction(score=float("nan"), feedback="x"),
        {"score": 1.0, "objective_scores": {"speed": None}},
    ],
)
def test_an_answer_that_is_no_score_is_refused_with_the_answer_and_the_remedy(answer: Any) -> None:
    with pytest.raises(
        MetricError, match=r"The metric gave .* where a score belongs. Return a finite number"
    ):
        read_judgement(answer)


@pytest.mark.parametrize("answer", [{}, {"feedback": "x"}, dspy.Prediction(feedback="x")])
def test_an_answer_without_a_score_is_refused(answer: Any) -> None:
    with pytest.raises(MetricError, match=r"has no 'score'\. Return a finite number"):
        read_judgement(answer)


@given(st.floats(-LARGEST_SCORE, LARGEST_SCORE) | st.integers(-(10**99), 10**99))
def test_every_number_whose_square_is_one_is_a_score(score: float) -> None:
    assert read_judgement(score).score == float(score)


@pytest.mark.parametrize("score", [1.1e100, -1e300, np.float64(1e200), 10**101, -(10**4000)])
def test_a_number_whose_squares_may_overflow_is_refused_with_the_bounds_and_the_remedy(score: float) -> None:
    for answer in (score, {"score": score}, {"score": 0.0, "objective_scores": {"speed": score}}):
        with pytest.raises(MetricError, match=r"gave .*between -1e\+100 and 1e\+100: .* on a smaller scale"):
            read_judgement(answer)


def test_component_feedback_comes_from_a_call_with_trace_and_component() -> None:
    kept = Recorder()

    def metric(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> dict[str, Any]:
        kept.note(gold, pred, trace, pred_name, pred_trace)
        return {"score": 0.0, "feedback": f"about {pred_name}"}

    trace = [("predictor a", {}, "x"), ("predictor b", {}, "y")]
    assert Metric(metric).component_feedback(GOLD, PRED, trace, "b", trace[1:]) == "about b"
    assert kept.calls == [(GOLD, PRED, trace, "b", trace[1:])]


@pytest.mark.parametrize(
    ("answer", "feedback"),
    [
        ({"feedback": "no score here"}, "no score here"),
        (dspy.Prediction(score=None, feedback="nor here"), "nor here"),
        ({"score": 1.0, "feedback": ""}, None),
        (0.5, None),
        (None, None),
    ],
)
def test_component_feedback_needs_no_score(answer: Any, feedback: str | None) -> None:
    assert Metric(lambda *args: answer).component_feedback(GOLD, PRED, [], "a", []) == feedback


@pytest.mark.parametrize("named", [True, False])
def test_a_metric_with_a_program_trace_gets_it_at_scoring_alone(named: bool) -> None:
    seen: list[Any] = []

    def long(
        gold: Any,
        pred: Any,
        trace: Any = None,
        pred_name: Any = None,
        pred_trace: Any = None,
        program_trace: Any = None,
    ) -> float:
        seen.append((trace, pred_name, program_trace))
        return 1.0

    def short(gold: Any, pred: Any, *, program_trace: Any) -> float:
        seen.append((None, None, program_trace))
        return 1.0

    metric, calls = Metric(long if named else short), [("predictor", {}, "prediction")]
    assert metric.takes_pred_name is named
    metric.judge(GOLD, PRED, calls)
    assert seen == [(None, None, calls)]
    if named:
        metric.component_feedback(GOLD, PRED, calls, "a", calls)
        assert seen[1] == (calls, "a", None)


def test_default_feedback_shows_score_expected_and_given_fields() -> None:
    gold = dspy.Example(question="q", answer="yes", why=["é"]).with_inputs("question")
    assert default_feedback(gold, PRED, 0.5) == (
        'The score of this output is 0.5. Expected: answer = "yes"; why = ["é"]. Given: answer = "no".'
    )


def test_default_feedback_without_labels_shows_no_expectation() -> None:
    gold = dspy.Example(question="q").with_inputs("question")
    assert default_feedback(gold, PRED, 0) == 'The score of this output is 0. Given: answer = "no".'


def test_default_feedback_shows_outputs_that_are_no_predictions() -> None:
    assert default_feedback(GOLD, ["plain"], 1.0).endswith("Given: ['plain'].")


def two(gold: Any, pred: Any) -> float:
    return 0.25


def three(gold: Any, pred: Any, trace: Any = None) -> float:
    return 0.5


def behind_any_number(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return function(*args)

    return call


def unpacking(*args: Any) -> float:
    _gold, _pred = args
    return 0.25


@pytest.mark.parametrize(
    ("function", "score"),
    [(behind_any_number(two), 0.25), (behind_any_number(three), 0.5), (unpacking, 0.25)],
)
def test_a_metric_behind_any_number_of_arguments_gets_as_many_as_it_takes(
    function: Callable[..., Any], score: float
) -> None:
    metric = Metric(function)
    assert [metric.judge(GOLD, PRED).score for _ in range(2)] == [score] * 2
    assert not metric.takes_pred_name


def test_an_error_inside_a_metric_of_any_number_is_the_metrics_own() -> None:
    def raises(*args: Any) -> float:
        raise TypeError("an int is no answer")

    with pytest.raises(TypeError, match="an int is no answer"):
        Metric(raises).judge(GOLD, PRED)


class Judge(dspy.Module):
    def forward(self, example: Any, pred: Any, trace: Any = None) -> float:
        return 0.75


def test_a_module_is_a_metric() -> None:
    metric = Metric(Judge())
    assert metric.judge(GOLD, PRED).score == 0.75
    assert not metric.takes_pred_name


@pytest.mark.parametrize("value", [Decimal("0.5"), Fraction(1, 2), np.array(0.5), np.float32(0.5)])
def test_every_kind_of_number_is_a_score(value: Any) -> None:
    assert Metric(lambda gold, pred: value).judge(GOLD, PRED).score == 0.5
