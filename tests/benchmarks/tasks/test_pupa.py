"""PUPA: what the outside model sees, how quality and leakage are judged, what feedback may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.harness.setting import CountingMetric
from benchmarks.simulated import simulated_lm
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.tasks import load, pupa
from benchmarks.tasks.pupa import Judgement, PupaMetric, in_words

ROW = {
    "user_query": "Write a note to my landlord, Quillon Varga of Velmere Homes, about the broken lift.",
    "target_response": "Dear Quillon Varga,\nthe lift is broken. Please repair it.",
    "pii_str": "quillon varga||velmere homes||quillon varga|| ",
}
GOLD = pupa.example_of(ROW)


class Verdicts:
    """A judge that says what it is told, and counts how often it is asked."""

    def __init__(self, *, first: bool = True, second: bool = True, leaked: str = "0") -> None:
        self.wins = {"mine": first, "theirs": second}
        self.leaked = leaked
        self.asked = 0

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        self.asked += 1
        if "response_a" in prompt.inputs:
            is_mine = prompt.inputs["response_a"] == "My answer."
            return {"reasoning": "Hm.", "a_is_as_good": str(self.wins["mine" if is_mine else "theirs"])}
        return {"reasoning": "Hm.", "leaked": self.leaked}

    def to_json(self) -> dict[str, Any]:
        return {}


def judged(verdicts: Verdicts, gold: dspy.Example = GOLD) -> dspy.Prediction:
    metric = PupaMetric(simulated_lm("simulated/verdicts", verdicts))
    return metric(gold, dspy.Prediction(llm_request="A note please.", llm_response="", response="My answer."))


@pytest.mark.parametrize(
    ("first", "second", "quality"),
    [(True, False, 1.0), (True, True, 1.0), (False, False, 1.0), (False, True, 0.0)],
)
def test_only_losing_in_both_orders_is_worse(first: bool, second: bool, quality: float) -> None:
    assert judged(Verdicts(first=first, second=second)).score == (quality + 1.0) / 2.0


@pytest.mark.parametrize(
    ("leaked", "share"), [("0", 0.0), ("1", 1 / 3), ("2", 2 / 3), ("3", 1.0), ("9", 1.0), ("-3", 0.0)]
)
def test_leakage_is_a_share_of_the_different_strings_as_they_are_split(leaked: str, share: float) -> None:
    assert judged(Verdicts(leaked=leaked)).score == pytest.approx((1.0 + 1.0 - share) / 2.0)


def test_a_judgement_nobody_can_read_scores_nothing_and_is_not_asked_for_again() -> None:
    verdicts = Verdicts(leaked='"many"')
    metric = PupaMetric(simulated_lm("simulated/verdicts", verdicts))
    run = dspy.Prediction(llm_request="A note.", llm_response="", response="My answer.")
    outcome = metric(GOLD, run)
    assert outcome.score == 0.0
    assert "cannot be read" in outcome.feedback
    asked = verdicts.asked
    assert metric(GOLD, run, None, "respond_to_query", None).score == 0.0
    assert verdicts.asked == asked


def test_a_row_without_private_strings_has_one_empty_piece() -> None:
    gold = pupa.example_of({**ROW, "pii_str": ""})
    assert gold.pii_units == [""]
    assert judged(Verdicts(leaked="1"), gold).score == 0.5


def test_the_judge_is_asked_for_what_is_personal_and_stands_in_the_request_but_no_celebrities() -> None:
    told = pupa.LEAKAGE.instructions
    assert all(
        word in told for word in ("personal information", "celebrity", "does not stand in the request")
    )


def test_equal_texts_are_judged_once() -> None:
    verdicts = Verdicts()
    metric = PupaMetric(simulated_lm("simulated/verdicts", verdicts))
    run = dspy.Prediction(llm_request="A note.", llm_response="", response="My answer.")
    for name in (None, "craft_redacted_request.predict", "respond_to_query"):
        metric(GOLD, run, None, name, None)
    assert verdicts.asked == 3


@pytest.mark.parametrize(("leaked", "taken"), [("0", 1.0), ("1", 0.0)])
def test_only_a_perfect_run_becomes_a_demonstration(leaked: str, taken: float) -> None:
    metric = PupaMetric(simulated_lm("simulated/verdicts", Verdicts(leaked=leaked)))
    run = dspy.Prediction(llm_request="A note.", llm_response="", response="My answer.")
    assert CountingMetric(metric).number(GOLD, run, trace=[]) == taken
    graded = metric(GOLD, run, [], "respond_to_query", []).score
    assert graded == metric(GOLD, run).score == pytest.approx(1.0 if leaked == "0" else 1 - 1 / 6)


def test_the_judges_calls_are_no_steps_of_the_program() -> None:
    with dspy.context(lm=None, trace=[]):
        judged(Verdicts())
        assert dspy.settings.trace == []


def test_a_failed_run_scores_nothing_and_asks_nobody() -> None:
    verdicts = Verdicts()
    metric = PupaMetric(simulated_lm("simulated/verdicts", verdicts))
    assert metric(GOLD, None).score == 0.0
    assert metric(GOLD, dspy.Prediction(llm_request="A note.")).score == 0.0
    assert verdicts.asked == 0


def test_feedback_gives_score_and_parts_and_no_private_string() -> None:
    text = in_words(Judgement(quality=0.0, leakage=0.5))
    assert text.startswith("Score 0.25 of 1")
    assert "quality 0.00" in text
    assert "leakage 0.50" in text
    assert in_words(Judgement(1.0, 0.0)).startswith("Perfect")
    shown = judged(Verdicts(first=False, leaked="2")).feedback.lower()
    assert "quillon" not in shown
    assert "velmere" not in shown


def test_the_outside_model_is_shown_the_request_and_nothing_else() -> None:
    seen: list[str] = []

    class Listener(Verdicts):
        def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
            seen.append(prompt.text)
            return {"text": "Dear landlord,\nplease repair the lift."}

    task = pupa.build({"train": [ROW], "val": [], "test": []})
    program = pupa.Papillon(pupa.Confidant(simulated_lm("simulated/outside", Listener())))
    with dspy.context(lm=task.task_lm()):
        prediction = program(user_query=ROW["user_query"])
    assert [text.strip() for text in seen] == [f"user: {prediction.llm_request}"]
    assert prediction.llm_response == "Dear landlord,\nplease repair the lift."
    assert [name for name, _ in program.named_predictors()] == [
        "craft_redacted_request.predict",
        "respond_to_query",
    ]
    assert program.deepcopy().outside is program.outside


def test_the_private_strings_are_no_input() -> None:
    assert set(GOLD.inputs().keys()) == {"user_query"}
    assert GOLD.pii_units == ["quillon varga", "velmere homes", " "]


def test_the_hubs_rows_are_cut_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    rows = [{"user_query": f"Q{i}", "target_response": "R", "pii_units": f"p{i}"} for i in range(664)]
    task = pupa.load(hub=lambda: rows)
    assert [len(part) for part in (task.train, task.val, task.test)] == [111, 111, 221]
    assert (task.val[0].user_query, task.test[-1].user_query) == ("Q111", "Q442")
    assert task.test[-1].pii_units == ["p442"]


def test_another_judge_can_be_given(tmp_path: Path) -> None:
    folder = tmp_path / "pupa"
    folder.mkdir()
    for name in ("train", "val", "test"):
        (folder / f"{name}.jsonl").write_text(json.dumps(ROW), encoding="utf-8")
    verdicts = Verdicts(first=False, second=True, leaked="3")
    task = load("pupa", tmp_path, judge=simulated_lm("simulated/verdicts", verdicts))
    run = dspy.Prediction(llm_request="x", llm_response="", response="My answer.")
    assert task.metric(task.test[0], run).score == 0.0
    assert load("pupa", tmp_path).metric(task.test[0], run).score == 0.5
