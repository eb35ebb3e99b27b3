"""The agent task's metric: what is right, and what it says about every call."""

from __future__ import annotations

from datetime import date
from typing import Any

import dspy
import pytest

from benchmarks.tasks.agent_metric import DeskMetric
from benchmarks.tasks.depot import Depot, Item, Order

METRIC = DeskMetric(
    Depot(
        {"KX-204": Item("KX-204", 1250, 3400, 420)},
        {"000417": Order("000417", "KX-204", 7, date(2025, 3, 3))},
    )
)
GOLDS = {
    "cost": "12.50 EUR",
    "weight": "52.47 lb",
    "width": "16.54 in",
    "total": "87.50 EUR",
    "arrival": "2025-03-12",
    "later": "2025-03-10",
}
Calls = list[tuple[str, dict[str, Any], str]]
FOUND: tuple[str, dict[str, Any], str] = ("find", {"key": "000417"}, "000417: item KX-204, quantity 7")
FETCHED: tuple[str, dict[str, Any], str] = ("fetch", {"key": "KX-204"}, "KX-204: price 1250")
FINISHED: tuple[str, dict[str, Any], str] = ("finish", {}, "Completed.")


def judge(kind: str, answer: str, calls: Calls, pred_name: str | None = None) -> dspy.Prediction:
    gold = dspy.Example(answer=GOLDS[kind], kind=kind, code="KX-204", order="000417").with_inputs()
    trajectory: dict[str, Any] = {}
    for number, (tool, args, observation) in enumerate(calls):
        trajectory |= {
            f"tool_name_{number}": tool,
            f"tool_args_{number}": args,
            f"observation_{number}": observation,
        }
    return METRIC(gold, dspy.Prediction(answer=answer, trajectory=trajectory), None, pred_name)


def test_the_answer_counts_in_full_only_in_its_form() -> None:
    assert judge("weight", "52.47 lb", []).score == 1.0
    assert judge("weight", "It is 52.47 lb.", []).score == 0.5
    assert judge("weight", "52.47", []).score == 0.5
    assert judge("weight", "152.47 lb", []).score == 0.0


def test_a_failed_run_scores_zero() -> None:
    gold = dspy.Example(answer="12.50 EUR", kind="cost", code="KX-204", order="").with_inputs()
    for failed in (None, dspy.Prediction(), "FailedPrediction"):
        outcome = METRIC(gold, failed)
        assert outcome.score == 0.0
        assert outcome.feedback.startswith("Wrong: answered '', expected '12.50 EUR'.")


@pytest.mark.parametrize(
    ("kind", "call", "said"),
    [
        (
            "cost",
            ("find", {"key": "kx204"}, "No entry"),
            "`find` was asked for items, where `fetch` is the tool.",
        ),
        (
            "total",
            ("fetch", {"key": "#417"}, "No entry"),
            "`fetch` was asked for orders, where `find` is the tool.",
        ),
        (
            "arrival",
            ("shift", {"day": "2025-03-03", "count": 7}, "2025-03-10"),
            "`shift` was asked for working days, where `due` is the tool.",
        ),
        (
            "later",
            ("fetch", {"key": "03.03.2025"}, "No entry"),
            "`fetch` was asked for all days, where `shift` is the tool.",
        ),
        (
            "cost",
            ("fetch", {"key": "kx 204"}, "No entry"),
            "`fetch` was given key 'kx 204' where it understands 'KX-204'.",
        ),
        (
            "total",
            ("find", {"key": "no. 417"}, "No entry"),
            "`find` was given key 'no. 417' where it understands '000417'.",
        ),
        (
            "later",
            ("shift", {"day": "03.03.2025", "count": 7}, "Cannot read"),
            "`shift` was given day '03.03.2025' where it understands '2025-03-03'.",
        ),
        (
            "weight",
            ("calculate", {"expression": "7 x 3400"}, "Cannot work out"),
            "`calculate` was given expression '7 x 3400' where it understands '7 * 3400'.",
        ),
        (
            "width",
            ("convert", {"value": 420, "source": "mm", "target": "inches"}, "Unknown unit"),
            "`convert` was given target 'inches' where it understands 'in'.",
        ),
        (
            "weight",
            ("convert", {"value": 420, "source": "kg", "target": "lb"}, "925.94"),
            "`fetch` gives weights in grams, not in kg.",
        ),
        (
            "width",
            ("convert", {"value": 420, "source": "cm", "target": "in"}, "165.35"),
            "`fetch` gives widths in millimetres, not in cm.",
        ),
    ],
)
def test_every_call_that_went_astray_is_named(kind: str, call: tuple[str, Any, str], said: str) -> None:
    assert f"Call 1: {said}" in judge(kind, "unknown", [call]).feedback


def test_the_course_as_a_whole_is_judged_too() -> None:
    early = judge("arrival", "unknown", [FOUND, FINISHED]).feedback
    assert "finished before everything was known" in early
    by_head = judge("total", "88.00 EUR", [FOUND, FETCHED, FINISHED]).feedback
    assert "without `calculate`" in by_head
    assert "`fetch` gives prices in cents." in judge("cost", "1250.00 EUR", [FETCHED, FINISHED]).feedback


def test_a_right_course_gets_no_blame() -> None:
    good = judge("cost", "12.50 EUR", [FETCHED, FINISHED])
    assert good.feedback == "Correct: answered '12.50 EUR', expected '12.50 EUR'."


def test_the_feedback_on_the_predictor_that_answers_is_on_the_answer_alone() -> None:
    calls: Calls = [("find", {"key": "kx204"}, "No entry")]
    assert "Call 1" in judge("cost", "x", calls, "react").feedback
    assert "Call 1" not in judge("cost", "x", calls, "extract.predict").feedback
