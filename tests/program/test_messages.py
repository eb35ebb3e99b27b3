"""The messages that a program's predictors send."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from dspy.lm15 import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

from dspy_gepa.program.messages import chat_messages, messages_by_predictor
from tests.support import OneHop, TwoHops, knows_words, prompts_of, scripted_lm

DEMO = dspy.Example(question="q", answer="a")


@pytest.mark.parametrize("adapter", [None, dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
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


# Prompts of DSPy 3.5 ----------------------------------------------------------------------------------------


def prompt(*messages: Message, system: Any = None) -> Any:
    """A prompt as adapters write it in DSPy 3.5."""
    return SimpleNamespace(messages=messages, system=system)


def test_messages_of_the_older_form_stay_as_they_are() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert chat_messages(messages) is messages


def test_a_typed_prompt_becomes_messages_with_its_system_text_first() -> None:
    typed = prompt(Message.user("q"), Message.assistant("a"), Message.user("why?"), system="Answer.")
    assert chat_messages(typed) == [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "why?"},
    ]
    assert (
        chat_messages(prompt(Message.user("q"), system=(TextPart("a"), TextPart("b"))))[0]["content"] == "ab"
    )
    assert [message["role"] for message in chat_messages(prompt(Message.user("q")))] == ["user"]


def test_media_of_a_typed_prompt_become_blocks() -> None:
    parts = [
        TextPart("Look:"),
        ImagePart(url="https://pictures.example/1.png"),
        ImagePart(data="iVBORw0KGgo=", media_type="image/png"),
        AudioPart(data="AAAA", media_type="audio/mpeg"),
        DocumentPart(data="AAAA", media_type="application/pdf"),
        DocumentPart(file_id="file-1"),
    ]
    assert chat_messages(prompt(Message.user(parts)))[0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_calls_of_tools_and_their_results_become_messages_without_thoughts() -> None:
    called = Message.assistant([ThinkingPart("hm"), ToolCallPart("1", "look", {"word": "wörd"})])
    answered = Message.tool(
        [ToolResultPart("1", (TextPart("found"),)), ToolResultPart("2", (TextPart("lost"),))]
    )
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"word": "wörd"}'}}
    messages = chat_messages(prompt(called, answered))
    assert messages == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "found"},
        {"role": "tool", "tool_call_id": "2", "content": "lost"},
    ]
    assert json.loads(json.dumps(messages)) == messages
