"""The recipes do what their pages say; `test_examples` runs their code, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest

from tests.docs import support_stage as stage
from tests.support_docs import ROOT, python_blocks


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dspy, "LM", stage.model)
    with dspy.context(lm=stage.model("task")):
        yield stage.names_of_examples()


def after(recipe: str, names: dict[str, Any]) -> dict[str, Any]:
    page = ROOT / "docs" / "recipes" / f"{recipe}.md"
    for block in python_blocks(page.read_text(encoding="utf-8")):
        exec(compile(block, page, "exec", dont_inherit=True), names)
    return names


def test_better_together_runs_both_steps_and_returns_the_better_instructions(names: dict[str, Any]) -> None:
    better = after("better_together", names)["better"]
    scores = {step["strategy"]: step["score"] for step in better.candidate_programs}
    assert not better.flag_compilation_error_occurred
    assert scores.keys() == {"", "p", "p -> d"}
    assert scores["p"] > scores[""]
    assert stage.RULE.strip() in better.predictors()[0].signature.instructions


def test_the_vector_store_is_asked_and_the_decision_is_improved(names: dict[str, Any]) -> None:
    better = after("rag", names)["better"]
    assert stage.RULE.strip() in better.decide.signature.instructions
    assert better(message="I cannot log in").urgency == "high"


def test_the_optimized_judge_is_the_metric_of_the_program(names: dict[str, Any]) -> None:
    found = after("judge", names)
    assert found["judge"].detailed_results.total_metric_calls <= 100
    assert found["judged"](names["trainset"][0], dspy.Prediction(reply="no")) == {
        "score": 2 / 3,
        "feedback": "It makes a promise.",
    }


def test_the_exported_messages_hold_the_optimized_instructions_and_a_mark_for_the_input(
    names: dict[str, Any],
) -> None:
    found = after("without_dspy", names)
    assert any(stage.RULE.strip() in part["content"] for part in found["PROMPT"])
    assert sum("<<message>>" in part["content"] for part in found["PROMPT"]) == 1
