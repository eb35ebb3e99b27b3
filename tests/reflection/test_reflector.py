"""Asking the reflection language model, through DSPy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import LMInvalidRequestError, LMRateLimitError

from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.types import Fault, Reflect, Reflection, TextKind
from tests.support import TOKENS_IN, TOKENS_OUT, Prompt, prompts_of, scripted_lm

REQUEST = Reflect(
    component="hop.b",
    current_text="Answer.",
    program="- hop.b: question -> answer",
    evidence="# Example 1\nthe evidence",
)
WRITES = scripted_lm(lambda prompt: {"new_instruction": "Answer well."}, "scripted/reflection")


def test_the_answer_is_the_new_text() -> None:
    reflection = ReflectionRunner(WRITES)(REQUEST)
    assert (reflection.text, reflection.truncated, reflection.error) == ("Answer well.", False, "")


def test_the_prompt_holds_component_text_program_and_evidence() -> None:
    ReflectionRunner(WRITES)(REQUEST)
    prompt = prompts_of(WRITES)[-1]
    assert prompt.field("component") == "hop.b"
    assert prompt.field("current_instruction") == "Answer."
    assert prompt.field("program") == "- hop.b: question -> answer"
    assert prompt.field("examples_with_feedback") == "# Example 1\nthe evidence"


def test_halves_of_surrogate_pairs_do_not_reach_the_model() -> None:
    odd = dataclasses.replace(REQUEST, evidence="half of it \ud83d, all of it \ud83d\ude00")
    assert ReflectionRunner(WRITES)(odd).error == ""
    shown = prompts_of(WRITES)[-1].field("examples_with_feedback")
    assert shown == "half of it \ufffd, all of it \U0001f600"


def test_fields_without_a_value_are_not_in_the_prompt() -> None:
    ReflectionRunner(WRITES)(REQUEST)
    prompt = prompts_of(WRITES)[-1]
    assert "earlier_edits" not in prompt.system + prompt.user
    assert "objection" not in prompt.system + prompt.user


def test_earlier_edits_and_the_objection_are_shown_when_there_are_any() -> None:
    request = Reflect("b", "Answer.", "p", "e", history="- rejected: x", objection="It was empty.")
    ReflectionRunner(WRITES)(request)
    assert prompts_of(WRITES)[-1].field("earlier_edits") == "- rejected: x"
    assert prompts_of(WRITES)[-1].field("objection") == "It was empty."


def test_an_empty_current_text_is_shown_as_such() -> None:
    ReflectionRunner(WRITES, dspy.ChatAdapter())(Reflect("b", "", "p", "e"))
    assert "[[ ## current_instruction ## ]]" in prompts_of(WRITES)[-1].user


def test_the_reflection_lm_answers_not_the_one_that_is_configured() -> None:
    task = scripted_lm(lambda prompt: "unused")
    with dspy.context(lm=task):
        assert ReflectionRunner(WRITES)(REQUEST).text == "Answer well."
    assert not prompts_of(task)


@pytest.mark.parametrize("as_argument", [True, False])
def test_any_adapter_works(as_argument: bool) -> None:
    lm = scripted_lm(lambda prompt: json.dumps({"new_instruction": "From JSON."}))
    adapter = dspy.JSONAdapter()
    with dspy.context(adapter=None if as_argument else adapter):
        reflection = ReflectionRunner(lm, adapter if as_argument else None)(REQUEST)
    assert reflection.text == "From JSON."
    assert len(prompts_of(lm)) == 1


def test_an_answer_that_was_cut_off_is_marked() -> None:
    lm = scripted_lm(lambda prompt: {"new_instruction": "Answer we"}, finish_reason="length")
    assert ReflectionRunner(lm)(REQUEST).truncated


def test_an_answer_without_a_plain_text_is_the_models_error() -> None:
    reflection = ReflectionRunner(scripted_lm(lambda prompt: "rubbish"))(REQUEST)
    assert isinstance(reflection, Reflection)
    assert (reflection.text, bool(reflection.error)) == ("", True)


def test_a_model_that_ignores_the_layout_is_asked_once() -> None:
    lm = scripted_lm(lambda prompt: "Answer the question with one word.")
    assert ReflectionRunner(lm)(REQUEST).text == "Answer the question with one word."
    assert len(prompts_of(lm)) == 1


class Template(dspy.Adapter):
    """An adapter made for the signature of one program."""

    def format(self, signature: Any, demos: Any, inputs: Any) -> Any:
        return [{"role": "user", "content": inputs["question"]}]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        return {"answer": completion}


@pytest.mark.parametrize("adapter", [Template(), dspy.TwoStepAdapter(WRITES)])
def test_an_adapter_made_for_the_program_is_not_forced_on_the_reflection(adapter: dspy.Adapter) -> None:
    with dspy.context(adapter=adapter):
        assert ReflectionRunner(WRITES)(REQUEST).text == "Answer well."


def test_an_answer_that_was_cut_off_is_marked_without_a_history() -> None:
    lm = scripted_lm(lambda prompt: {"new_instruction": "Answer we"}, finish_reason="length")
    with dspy.context(disable_history=True):
        assert ReflectionRunner(lm)(REQUEST).truncated


def test_a_provider_that_fails_gives_no_reflection_but_a_fault() -> None:
    fault = ReflectionRunner(scripted_lm(lambda prompt: LMRateLimitError("slow")))(REQUEST)
    assert isinstance(fault, Fault)
    assert fault.cause == "LMRateLimitError"


def test_usage_is_counted() -> None:
    usage = ReflectionRunner(WRITES)(REQUEST).usage
    assert usage.calls == 1
    assert usage.tokens == {"scripted/reflection": (TOKENS_IN, TOKENS_OUT)}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("field", "what the field holds"),
        ("tool", "when another tool is the right one"),
        ("argument", "what the argument means"),
        ("text", "one text that a language model program makes use of"),
        ("code", "Python source code that a language model program makes use of"),
        ("module", "a module of a language model program"),
    ],
)
def test_every_kind_of_text_is_asked_for_in_words_of_its_own(kind: TextKind, words: str) -> None:
    lm = scripted_lm(lambda prompt: {"new_text": "New."})
    request = Reflect("b/x", "", "p", "e", kind=kind, subject="the description of b", context="know this")
    assert ReflectionRunner(lm, dspy.ChatAdapter())(request).text == "New."
    (prompt,) = prompts_of(lm)
    assert words.lower() in " ".join(prompt.system.lower().split())
    assert prompt.field("subject") == "the description of b"
    assert prompt.field("context") == "know this"
    assert "[[ ## current_text ## ]]" in prompt.user
    assert "instruction text" not in prompt.system


def test_instructions_come_with_what_has_to_be_known_to_write_them() -> None:
    ReflectionRunner(WRITES)(dataclasses.replace(REQUEST, context="Keep {tool search}."))
    assert prompts_of(WRITES)[-1].field("context") == "Keep {tool search}."


EXAMPLES = replace(REQUEST, evidence="\n\n".join(f"# Example {i}\n{w}" for i, w in enumerate("abXcXd", 1)))


def refusing(message: str, when: Callable[[str], bool]) -> dspy.LM:
    def answer(prompt: Prompt) -> dict[str, str] | Exception:
        shown = prompt.field("examples_with_feedback")
        return (
            LMInvalidRequestError(message, status=400) if when(shown) else {"new_instruction": "Answer well."}
        )

    return scripted_lm(answer, "scripted/refusing")


def test_examples_that_a_filter_refuses_are_left_out() -> None:
    lm = refusing("blocked by the content filter", lambda shown: "X" in shown)
    assert ReflectionRunner(lm)(EXAMPLES).text == "Answer well."
    shown = prompts_of(lm)[-1].field("examples_with_feedback")
    assert "X" not in shown
    assert "# Example" in shown


def test_a_filter_that_refuses_every_example_is_the_answers_error() -> None:
    reflection = ReflectionRunner(refusing("content_filter", lambda shown: True))(EXAMPLES)
    assert isinstance(reflection, Reflection)
    assert "content_filter" in reflection.error


@pytest.mark.parametrize("message", ["context_length_exceeded: context length", "no words"])
def test_evidence_is_halved_until_it_fits(message: str) -> None:
    lm = refusing(message, lambda shown: len(shown) > 6_000)
    assert ReflectionRunner(lm)(replace(REQUEST, evidence="e" * 20_000)).text == "Answer well."
    assert len(prompts_of(lm)) == 3


def test_a_parameter_that_no_text_can_mend_ends_the_run() -> None:
    lm = refusing("Unsupported value: 'temperature' does not support 0.3", lambda shown: True)
    fault = ReflectionRunner(lm)(REQUEST)
    assert isinstance(fault, Fault)
    assert fault.fatal
    assert "temperature" in fault.error
    assert len(prompts_of(lm)) == 1
