"""AIME: whole numbers, worked solutions as feedback, the 2025 problems five times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.tasks import aime, load

GOLD = dspy.Example(problem="How many?", answer="042", solution="Count them: 42.").with_inputs("problem")


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"problem": f"Find the number {number}.", "answer": str(number), **more}


def said(answer: Any) -> str:
    return str(aime.metric(GOLD, dspy.Prediction(answer=answer)).feedback)


@pytest.mark.parametrize("answer", ["42", "042", " 42\n", 42, "+42", "4_2", "٤٢", "0" * 150 + "42"])
def test_the_right_number_scores_however_it_is_padded(answer: Any) -> None:
    assert aime.metric(GOLD, dspy.Prediction(answer=answer)).score == 1.0


@pytest.mark.parametrize("answer", ["43", "42.", "42 apples", r"\boxed{42}", "", "4 2", "9" * 5000, None])
def test_everything_else_scores_nothing(answer: Any) -> None:
    assert aime.metric(GOLD, dspy.Prediction(answer=answer)).score == 0.0


def test_feedback_gives_the_answer_the_solution_and_the_complaint() -> None:
    assert said("42").startswith("Correct")
    assert "the answer given is '43'. The correct answer is '042'" in said("43")
    assert "not a whole number" in said("It is 42")
    assert "Count them: 42." in said("43")
    assert "no answer" in aime.metric(GOLD, None).feedback
    bare = GOLD.copy(solution="")
    assert "solution" not in aime.metric(bare, dspy.Prediction(answer="43")).feedback


def test_an_endless_answer_is_not_quoted_in_full() -> None:
    assert len(said("x" * 10_000)) < 1_000
    assert len(said("9" * 4_000)) < 1_000


def test_the_hubs_problems_are_halved_and_the_tests_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    task = aime.load(
        hub=lambda: [row(i, solution="So.") for i in range(90)],
        hub_test=lambda: [row(500 + i) for i in range(30)],
    )
    assert [len(part) for part in (task.train, task.val, task.test)] == [45, 45, 150]
    assert len({example.problem for example in task.test}) == 30
    assert not {example.problem for example in task.train} & {example.problem for example in task.val}
    assert task.test[0].solution == ""


def test_local_files_keep_their_splits(tmp_path: Path) -> None:
    folder = tmp_path / "aime"
    folder.mkdir()
    for number, name in enumerate(("train", "val", "test_2025")):
        (folder / f"{name}.jsonl").write_text(json.dumps(row(number, solution="")), encoding="utf-8")
    task = load("aime", tmp_path)
    assert [example.answer for example in task.train + task.val] == ["0", "1"]
    assert len(task.test) == 5


def test_the_program_is_one_chain_of_thought() -> None:
    task = aime.build({"train": [row(7)], "val": [], "test": []})
    program = task.program()
    assert [name for name, _ in program.named_predictors()] == ["predict"]
    with dspy.context(lm=task.task_lm()):
        prediction = program(problem=task.train[0].problem)
    assert set(prediction.keys()) == {"reasoning", "answer"}
