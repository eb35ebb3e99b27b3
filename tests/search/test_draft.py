"""First versions of texts that are not written yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dspy
import pytest
from litellm import AuthenticationError

from dspy_gepa import GEPA, InfrastructureError, ReflectionError, RetryPolicy, Text, read_run
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search.draft import draft, missing_texts
from dspy_gepa.search.strategy import Problem
from dspy_gepa.testing import Prompt, ScriptedLM
from dspy_gepa.types import Candidate, Component, Reflection, Row


class Ruled(dspy.Module):
    """A predictor, and rules that are not written yet."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Text(None, desc="What urgent means.")
        self.answer = dspy.Predict("rules, question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.answer(rules=self.rules.value, question=question)


ROWS = [dspy.Example(question=f"q{i}", answer="yes").with_inputs("question") for i in range(4)]


def is_right(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> float:
    return float(pred.answer == gold.answer)


def answers(prompt: Prompt) -> dict[str, str]:
    return {"answer": "yes" if "Rule" in prompt.field("rules") else "no"}


def problem_of(*components: Component, initial: tuple[Candidate, ...] = ()) -> Problem:
    texts = Candidate.of({c.name: "" if c.missing else "written" for c in components})
    settings = ReflectionSettings("a program", components={c.name: c for c in components})
    names = [c.name for c in components]
    return Problem(texts, names, 1, (Row("train", 0),), settings, initial=initial)


def writes(prompt: Prompt) -> dict[str, str]:
    return dict.fromkeys(prompt.outputs, "Rule.")


MISSING = Component("a", {}, {}, purpose="for a", kind="text", missing=True)
WRITTEN = Component("b", {}, {}, purpose="for b", kind="text")


def test_only_missing_texts_are_asked_for_and_initial_candidates_get_them_too() -> None:
    own = Candidate.of({"a": "", "b": "other"})
    problem = problem_of(MISSING, WRITTEN, initial=(own, Candidate.of({"a": "own", "b": "other"})))
    assert missing_texts(problem) == ["a"]
    work = draft(problem)
    (request,) = next(work)
    assert (request.component, request.current_text, request.evidence) == ("a", "", "")
    assert "for a" in request.subject
    with pytest.raises(StopIteration) as ended:
        work.send([Reflection(text=" new ")])
    drafted = ended.value.value
    assert dict(drafted.original) == {"a": "new", "b": "written"}
    assert [dict(other) for other in drafted.initial] == [
        {"a": "new", "b": "other"},
        {"a": "own", "b": "other"},
    ]


def test_the_prompt_of_a_first_version_asks_for_no_rewrite() -> None:
    lm = ScriptedLM(writes)
    with dspy.context(lm=ScriptedLM(answers)):
        better = GEPA(is_right, reflection_lm=lm, max_metric_calls=8, progress="off").compile(
            Ruled(), trainset=ROWS
        )
    assert better.rules.value == "Rule."
    first = lm.prompts[0]
    assert first.field("component") == "rules"
    assert first.outputs == ["new_text"]
    for name in ("current_text", "examples_with_feedback", "earlier_edits"):
        assert name not in first.system


def test_a_proposer_of_ones_own_rewrites_and_the_reflection_lm_writes_the_first_version() -> None:
    asked: list[str] = []

    def propose(
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Any],
        components_to_update: list[str],
    ) -> dict[str, str]:
        asked.extend(components_to_update)
        return {name: f"{candidate[name]} more" for name in components_to_update}

    lm = ScriptedLM({"new_text": "First."})
    with dspy.context(lm=ScriptedLM({"answer": "no"})):
        GEPA(
            is_right, reflection_lm=lm, instruction_proposer=propose, max_metric_calls=16, progress="off"
        ).compile(Ruled(), trainset=ROWS)
    assert len(lm.prompts) == 1
    assert "rules" in asked


def test_a_provider_that_fails_on_the_first_version_ends_the_run_which_can_be_resumed(tmp_path: Path) -> None:
    def compiled(lm: ScriptedLM) -> dspy.Module:
        with dspy.context(lm=ScriptedLM(answers)):
            return GEPA(
                is_right,
                reflection_lm=lm,
                max_metric_calls=4,
                log_dir=tmp_path,
                retry=RetryPolicy(first_delay=0.0),
                progress="off",
            ).compile(Ruled(), trainset=ROWS)

    error = AuthenticationError("wrong key", llm_provider="x", model="y")
    with pytest.raises(InfrastructureError):
        compiled(ScriptedLM(lambda prompt: error))
    assert read_run(tmp_path).state == "failed"
    assert compiled(ScriptedLM(writes)).rules.value == "Rule."
    assert read_run(tmp_path).members[0].texts["rules"] == "Rule."


def test_the_remedy_is_for_the_text_that_could_not_be_written() -> None:
    other = Component("c", {}, {}, purpose="for c", kind="text", missing=True)
    work = draft(problem_of(MISSING, other))
    assert [request.component for request in next(work)] == ["a", "c"]
    cut_off = Reflection(text="half", truncated=True)
    assert [request.component for request in work.send([cut_off, Reflection(text="Rule.")])] == ["a"]
    with pytest.raises(ReflectionError, match="max_tokens"):
        work.send([cut_off])
    work = draft(problem_of(MISSING, other))
    next(work)
    with pytest.raises(ReflectionError, match="provider"):  # without evidence it is not asked again
        work.send([Reflection(error="HTTP 500", unavailable=True), Reflection(text="Rule.")])
