"""LiveBench-Math: the scorer of each question's kind, and feedback that says what was read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.scorers.verdict import Found, Verdict
from benchmarks.tasks import livebench_math, load

CHOICE = dspy.Example(question="Pick one, A to E.", truth="B", kind="choice")
PROOF = dspy.Example(question="Match them.", truth="1,2,3,4", kind="proof")
EXPRESSION = dspy.Example(question="Differentiate.", truth="2 x", kind="expression")


def row(number: int, task: str = "math_comp", subtask: str = "smc") -> dict[str, Any]:
    return {"turns": [f"Question {number}"], "ground_truth": "B", "task": task, "subtask": subtask}


def outcome(gold: dspy.Example, answer: Any) -> dspy.Prediction:
    return livebench_math.metric(gold, dspy.Prediction(answer=answer))


def test_right_wrong_and_partly_right() -> None:
    assert outcome(CHOICE, "BBBBB").score == 1.0
    assert outcome(CHOICE, "CCCCC").score == 0.0
    assert outcome(PROOF, "Answer: 2,1,3,4").score == 0.5
    assert outcome(EXPRESSION, r"\boxed{2x}").score == 1.0


def test_feedback_says_what_was_read_where_and_what_is_wanted() -> None:
    wrong = outcome(CHOICE, "CCCCC").feedback
    assert "'C' was read from the repeated letter" in wrong
    assert "correct answer is 'B'" in wrong
    assert "five times" in wrong
    part = outcome(PROOF, "Answer: 2,1,3,4").feedback
    assert part.startswith("Wrong in part")
    assert "50%" in part
    assert outcome(CHOICE, "BBBBB").feedback.startswith("Correct")


def test_feedback_distinguishes_an_unreadable_answer_from_none() -> None:
    assert "no answer could be read" in outcome(EXPRESSION, "4x").feedback
    assert "there was no answer" in livebench_math.metric(EXPRESSION, None).feedback
    assert livebench_math.metric(EXPRESSION, None).score == 0.0


def test_why_an_expression_could_not_be_compared_is_passed_on() -> None:
    verdict = Verdict(0.0, Found("3 +", "the box"), "it is not a LaTeX expression")
    text = livebench_math.feedback_on(EXPRESSION, verdict)
    assert "'3 +' was read from the box and it is not a LaTeX expression" in text


def test_the_hubs_rows_are_cut_in_thirds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    task = livebench_math.load(hub=lambda: [row(i) for i in range(368)])
    assert [len(part) for part in (task.train, task.val, task.test)] == [121, 121, 126]


def test_local_files_keep_their_splits_and_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "livebench_math"
    folder.mkdir()
    rows = {"train": row(1), "val": row(2, "olympiad", "imo"), "test": row(3, "AMPS_Hard", "amps_hard_gcd")}
    for name, record in rows.items():
        (folder / f"{name}.jsonl").write_text(json.dumps(record), encoding="utf-8")
    task = load("livebench_math", tmp_path)
    kinds = [example.kind for example in task.train + task.val + task.test]
    assert kinds == ["choice", "proof", "expression"]
    assert set(task.train[0].inputs().keys()) == {"question"}
