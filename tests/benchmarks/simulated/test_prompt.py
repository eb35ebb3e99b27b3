"""Prompts are read, and replies written, in every format DSPy uses."""

from __future__ import annotations

import dspy
import pytest
from dspy.lm15 import Message, Request
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulated import reflection_lm
from benchmarks.simulated.prompt import Field, Prompt, read_prompt
from benchmarks.simulated.reply import default_value, write_reply
from tests.benchmarks.support_prompts import ADAPTERS, ask, reader

ANSWER = dspy.Signature("question, summary_1, summary_2 -> reasoning, answer", "Answer it.\nBe quick.")
FIELDS = {"question": "Who?", "summary_1": "Ann wrote it.\n\nBen did not.", "summary_2": "None."}


@pytest.mark.parametrize("style", ADAPTERS)
def test_instructions_inputs_and_outputs_are_read_in_every_format(style: str) -> None:
    request, _ = ask(reader(), ANSWER, style, **FIELDS)
    prompt = read_prompt(request)
    assert prompt.format == style
    assert prompt.instructions == "Answer it.\nBe quick."
    assert prompt.inputs == FIELDS
    assert [field.name for field in prompt.outputs] == ["reasoning", "answer"]


@pytest.mark.parametrize("style", ADAPTERS)
def test_demonstrations_are_read_in_every_format(style: str) -> None:
    demo = dspy.Example(question="Where?", summary_1="a", summary_2="b", reasoning="r", answer="Rome")
    prompt = read_prompt(ask(reader(), ANSWER, style, demos=(demo,), **FIELDS)[0])
    (seen,) = prompt.demos
    assert seen.inputs["question"] == "Where?"
    assert seen.outputs["answer"] == "Rome"
    assert prompt.inputs == FIELDS


@pytest.mark.parametrize("style", ADAPTERS)
def test_replies_are_parsed_by_the_adapter_that_asked(style: str) -> None:
    _, prediction = ask(reader(), ANSWER, style, **FIELDS)
    assert prediction.answer
    assert prediction.reasoning


@pytest.mark.parametrize("style", ["chat", "json", "xml"])
def test_fields_nobody_knows_get_text_of_their_type(style: str) -> None:
    class Odd(dspy.Signature):
        """Judge."""

        essay: str = dspy.InputField()
        grade: int = dspy.OutputField()
        good: bool = dspy.OutputField()
        share: float = dspy.OutputField()
        tags: list[str] = dspy.OutputField()
        remark: str = dspy.OutputField()

    _, prediction = ask(reader(), Odd, style, essay="A <b>bold</b> & long text")
    assert isinstance(prediction.grade, int)
    assert isinstance(prediction.good, bool)
    assert isinstance(prediction.share, float)
    assert isinstance(prediction.tags, list)
    assert prediction.remark


def test_a_literal_field_gets_one_of_its_choices() -> None:
    prompt = Prompt("chat", "", {}, (), (), "")
    assert default_value(Field("mood", "Literal['glad', 'sad']"), prompt) == "glad"


def test_a_plain_prompt_is_one_input_and_one_output() -> None:
    prompt = read_prompt(Request(model="m", messages=(Message.user("Say something."),)))
    assert prompt.format == "plain"
    assert prompt.inputs == {"prompt": "Say something."}
    assert [field.name for field in prompt.outputs] == ["text"]


def test_a_plain_reply_is_fenced_when_the_prompt_has_fences() -> None:
    prompt = Prompt("plain", "", {}, (Field("text"),), (), "give it within ``` blocks")
    assert write_reply(prompt, {"text": "New."}).endswith("```\nNew.\n```")


def test_passages_that_look_like_headers_stay_in_their_field() -> None:
    tricky = {**FIELDS, "summary_2": "Text\n[[ ## note ## ]]\nstill the summary"}
    assert read_prompt(ask(reader(), ANSWER, **tricky)[0]).inputs == tricky


@given(st.text(min_size=1))
def test_no_user_text_can_break_the_reader(text: str) -> None:
    request = Request(model="m", messages=(Message.user(text),), system=None)
    assert read_prompt(request).inputs["prompt"] == text


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_field_value_never_changes_the_format(question: str, summary: str) -> None:
    lm = reflection_lm()
    with dspy.context(lm=lm):
        assert dspy.Predict("question, summary -> remark")(question=question, summary=summary).remark
