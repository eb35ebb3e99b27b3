"""The messages that a program's predictors send."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

from dspy_gepa.program.messages import messages_by_predictor
from tests.support import OneHop, TwoHops, knows_words, prompts_of, scripted_lm

DEMO = dspy.Example(question="q", answer="a")


@pytest.mark.parametrize("adapter", [None, dspy.ChatAdapter(), dspy.JSONAdapter()])
def test_they_are_what_the_program_really_sends(adapter: Any) -> None:
    program = OneHop()
    program.b.demos = [DEMO]
    lm = scripted_lm(knows_words)
    if isinstance(adapter, dspy.JSONAdapter):
        lm = scripted_lm(lambda prompt: '{"answer": "x"}')
    with dspy.context(lm=lm, adapter=adapter):
        program(question="1: b needs w1")
        found, missing = messages_by_predictor(program, {"question": "1: b needs w1"})
    sent = prompts_of(lm)[0]
    system, *others = found["b"]
    assert missing == {}
    assert (system["role"], system["content"]) == ("system", sent.system)
    assert "\n".join(m["content"] for m in others) == sent.text


def test_predictors_without_inputs_are_returned_with_the_inputs_they_lack() -> None:
    found, missing = messages_by_predictor(TwoHops(), {"question": "why?"})
    assert set(found) == {"a"}
    assert missing == {"b": ["hint"]}


def test_of_an_example_only_its_inputs_count() -> None:
    example = dspy.Example(question="why?", hint="because")
    assert messages_by_predictor(TwoHops(), example)[1] == {}
    assert messages_by_predictor(TwoHops(), example.with_inputs("question"))[1] == {"b": ["hint"]}


def test_inputs_with_a_default_or_that_may_be_none_need_not_be_given() -> None:
    class Ask(dspy.Signature):
        """Answer."""

        question: str = dspy.InputField()
        tone: str = dspy.InputField(default="kind")
        context: str | None = dspy.InputField()
        answer: str = dspy.OutputField()

    found, missing = messages_by_predictor(dspy.Predict(Ask), {"question": "why?"})
    assert missing == {}
    assert "kind" in found["self"][-1]["content"]
