"""The published reflection prompt: what it shows, in which order, and how its answer is read."""

from __future__ import annotations

from random import Random
from typing import Any

import dspy
import pytest

from dspy_gepa.reflection.published import published_prompt, read_published, render_published
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.types import Component, Outcome, Reflect, Reflection, TraceStep
from tests.support import prompts_of, scripted_lm

ABOUT = Component("answer", {"question": ""}, {"answer": ""})


def call(component: str = "answer", failure: str | None = None, **inputs: Any) -> TraceStep:
    return TraceStep(component, inputs or {"question": "Q"}, {"answer": "A"}, failure=failure)


def outcome(*calls: TraceStep, feedback: str = "Too long.") -> Outcome:
    return Outcome("scored", score=0.25, feedback=feedback, trace=calls)


def rendered(*outcomes: Outcome, seed: int = 0) -> str:
    return render_published(ABOUT, outcomes, Random(seed))


def request(evidence: str, **changes: Any) -> Reflect:
    fields = {"component": "answer", "current_text": "Be brief.", "program": "the program", "published": True}
    return Reflect(**{**fields, "evidence": evidence, **changes})


def test_an_example_is_inputs_outputs_and_feedback_in_this_order() -> None:
    text = rendered(outcome(call(question="Why?", hint=["a", 1])))
    parts = ["# Example 1", "## Inputs", "### question\nWhy?", "### hint", "## Generated Outputs"]
    places = [text.index(part) for part in [*parts, "### answer\nA", "## Feedback\nToo long."]]
    assert places == sorted(places)


def test_neither_scores_nor_the_program_nor_names_are_shown() -> None:
    prompt = published_prompt(request(rendered(outcome(call()))))
    for hidden in ("0.25", "Score", "the program", "answer_step"):
        assert hidden not in prompt


def test_rows_without_a_call_are_left_out() -> None:
    text = rendered(outcome(call("other")), outcome(call(question="Second?")))
    assert (text.count("# Example"), "Second?" in text) == (1, True)


def test_one_call_of_a_row_is_drawn_and_a_failed_one_before_others() -> None:
    calls = [call(question=f"Q{i}") for i in range(4)]
    drawn = {rendered(outcome(*calls), seed=seed) for seed in range(30)}
    assert len(drawn) == 4
    assert all(text.count("## Inputs") == 1 for text in drawn)
    failed = call(question="Qx", failure="no JSON")
    assert {rendered(outcome(*calls, failed), seed=seed) for seed in range(9)} == {rendered(outcome(failed))}
    assert "no JSON" in rendered(outcome(failed))


def test_a_history_comes_first_as_numbered_messages() -> None:
    text = rendered(outcome(call(question="Q", history={"messages": [{"question": "before"}]})))
    assert text.index("1. {") < text.index("### question")


def test_the_prompt_has_its_parts_in_the_artifacts_order() -> None:
    prompt = published_prompt(request("EVIDENCE", objection="It was empty."))
    parts = [
        "```\nBe brief.\n```",
        "```\nEVIDENCE\n```",
        "inputs first",
        "feedback on them",
        "new instructions",
    ]
    places = [prompt.rindex(part) for part in parts]
    assert places == sorted(places)
    assert prompt.endswith("It was empty.")


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("Here:\n```\nNew.\n```\nBye.", "New."),
        ("```\nA\n```\nand\n```\nB\n```", "A\n```\nand\n```\nB"),
        ("```markdown\nNew.\n```", "markdown\nNew."),
        ("Just words.", "Just words."),
        ("```\nCut off", "Cut off"),
        ("No opening\n```", "No opening"),
        ("<think>```x```</think>\n```\nNew.\n```", "New."),
    ],
)
def test_the_text_stands_between_the_outer_fences(completion: str, text: str) -> None:
    assert (read_published(completion).text, read_published(completion).objection) == (text, "")


@pytest.mark.parametrize("completion", ["", "``````", "```\n \n```", "<think>and so on"])
def test_an_answer_without_a_text_is_an_objection(completion: str) -> None:
    assert read_published(completion).text == ""
    assert read_published(completion).objection


def test_it_is_sent_as_one_message_without_a_system_message() -> None:
    lm = scripted_lm("```\nBe brief and right.\n```")
    with dspy.context(adapter=dspy.JSONAdapter()):
        found = ReflectionRunner(lm)(request("EVIDENCE"))
    assert isinstance(found, Reflection)
    assert found.text == "Be brief and right."
    (asked,) = prompts_of(lm)
    assert (asked.system, asked.user) == ("", published_prompt(request("EVIDENCE")))


def test_digests_of_other_requests_are_what_they_were() -> None:
    assert request("E", published=False).digest != request("E").digest
