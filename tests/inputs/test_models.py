"""Models that answer in forms of their own, and reflection models that do not take all they are shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from dspy import (
    ContextWindowExceededError,
    LMAuthError,
    LMInvalidRequestError,
    LMUnsupportedFeatureError,
)
from dspy.lm15 import TextPart, ThinkingPart, ToolCallPart

from dspy_gepa.program.plain import to_plain
from dspy_gepa.reflection.reflector import SHORTEST_EVIDENCE, ReflectionRunner
from dspy_gepa.testing import ScriptedLM
from dspy_gepa.types import Fault, Reflect
from tests.support import SINCE_3_5, Answer, Prompt, in_chat_format, prompts_of, scripted_lm
from tests.support_study import KNOW, answers, is_yes, knows, rows_of, study

ANSWER = dspy.Predict("question -> answer")
IMAGE = dspy.Image(url="data:image/png;base64,iVBORw0KGgo=")
THOUGHT = "I have to mull this over."


def says(text: str) -> str:
    return in_chat_format({"answer": text})


# Models that think ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("native", [True, False])
def test_native_reasoning_is_shown_as_the_reasoning_field(native: bool) -> None:
    def thinks(prompt: Prompt) -> Answer:
        answer = "yes" if knows(prompt) else "no"
        if not native:
            return in_chat_format({"reasoning": THOUGHT, "answer": answer})
        return [ThinkingPart(THOUGHT), TextPart(says(answer))]

    task = scripted_lm(thinks, supports_reasoning=native)
    program = dspy.Predict("question -> reasoning: dspy.Reasoning, answer")
    run = study(program, rows_of(), is_yes, task)
    assert run.improved == {"self"}
    assert f"### reasoning\n{THOUGHT}\n### answer\nno" in run.evidence


def test_thoughts_of_the_reflection_model_are_no_part_of_the_new_text() -> None:
    reflection = scripted_lm(
        lambda prompt: [ThinkingPart(THOUGHT), TextPart(in_chat_format({"new_instruction": KNOW}))],
        supports_reasoning=True,
    )
    task = answers({"answer": "yes"}, {"answer": "no"})
    run = study(ANSWER, rows_of(), is_yes, task, reflection=reflection)
    assert run.program.signature.instructions == KNOW


class AnswersInDicts(dspy.BaseLM):
    """An LM class of a user's own that gives dictionaries, as DSPy allows."""

    def __init__(self, right: str, wrong: str) -> None:
        super().__init__("own/model", cache=False)
        self.answers = (wrong, right)

    def __call__(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> list[Any]:
        text = self.answers[KNOW in str(messages)]
        odds = {"content": [{"token": "it", "logprob": -0.25}]}
        return [{"text": text, "reasoning_content": THOUGHT, "logprobs": odds}]


@pytest.mark.skipif(SINCE_3_5, reason="language models answer requests there")
def test_answers_may_be_dictionaries_and_probabilities_are_not_shown() -> None:
    run = study(ANSWER, rows_of(), is_yes, AnswersInDicts(says("yes"), says("no")))
    assert run.improved == {"self"}
    assert "### answer\nno" in run.evidence
    assert "logprob" not in run.evidence


@pytest.mark.skipif(SINCE_3_5, reason="language models answer requests there")
def test_a_reflection_model_may_answer_in_dictionaries() -> None:
    text = in_chat_format({"new_instruction": KNOW})
    task = answers({"answer": "yes"}, {"answer": "no"})
    run = study(ANSWER, rows_of(), is_yes, task, reflection=AnswersInDicts(text, text))
    assert run.program.signature.instructions == KNOW


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"finish_reason": "length"}]},
        SimpleNamespace(choices=[SimpleNamespace(finish_reason="length")]),
        SimpleNamespace(status="incomplete", output=[]),
        SimpleNamespace(finish_reason="length"),
        (SimpleNamespace(finish_reason="stop"), SimpleNamespace(finish_reason="length")),
    ],
    ids=["dict", "object", "responses", "typed", "several"],
)
def test_an_answer_that_was_cut_off_is_noticed_in_every_shape(response: Any) -> None:
    assert ReflectionRunner(RecordsResponse(response))(REQUEST).truncated


@pytest.mark.parametrize("response", [{"choices": [{"message": "m"}]}, SimpleNamespace(choices=None), None])
def test_an_answer_that_does_not_say_how_it_ended_was_not_cut_off(response: Any) -> None:
    reflection = ReflectionRunner(RecordsResponse(response))(REQUEST)
    assert (reflection.text, reflection.truncated) == (KNOW, False)


class RecordsResponse(ScriptedLM):
    """An LM whose history holds this response."""

    def __init__(self, response: Any) -> None:
        super().__init__({"new_instruction": KNOW})
        self.response = response

    def update_history(self, entry: dict[str, Any]) -> None:
        entry["response"] = self.response
        super().update_history(entry)


# Native function calling ------------------------------------------------------------------------------------


def weather(city: str) -> str:
    """Tells the weather."""
    return f"It rains in {city}."


class Asks(dspy.Module):
    """One call that may ask for a tool, and one that answers."""

    def __init__(self) -> None:
        super().__init__()
        self.tools = [dspy.Tool(weather)]
        self.ask = dspy.Predict("question, tools: list[dspy.Tool] -> calls: dspy.ToolCalls")

    def forward(self, question: str) -> dspy.Prediction:
        calls = self.ask(question=question, tools=self.tools).calls
        return dspy.Prediction(answer="yes" if calls.tool_calls[0].args == {"city": "Ulm"} else "no")


def test_native_tool_calls_are_evidence() -> None:
    def calls(prompt: Prompt) -> Answer:
        return [ToolCallPart("call-1", "weather", {"city": "Ulm" if knows(prompt) else "Rome"})]

    task = scripted_lm(calls, supports_function_calling=True)
    adapter = dspy.ChatAdapter(use_native_function_calling=True)
    run = study(Asks(), rows_of(), is_yes, task, adapter=adapter)
    assert run.improved == {"ask"}
    shown = " ".join(run.evidence.split())
    assert '"tool_calls": [ { "name": "weather", "args": { "city": "Rome" } } ]' in shown
    assert "weather, whose description is <desc>Tells the weather.</desc>" in shown


def test_a_tools_new_description_is_in_the_native_request() -> None:
    def calls(prompt: Prompt) -> Answer:
        return [ToolCallPart("call-1", "weather", {"city": "Ulm" if KNOW in prompt.tools else "Rome"})]

    task = scripted_lm(calls, supports_function_calling=True)
    adapter = dspy.ChatAdapter(use_native_function_calling=True)
    run = study(Asks(), rows_of(), is_yes, task, adapter=adapter, optimize=("tools",))
    assert run.program.tools[0].desc == f"Answer. {KNOW}"
    assert run.result.gain > 0.8


@pytest.mark.parametrize("native", [True, False])
def test_an_agents_history_is_shown_as_it_was_at_every_turn(native: bool) -> None:
    agent = dspy.ReActV2("question -> answer", tools=[weather], max_iters=3)

    def acts(prompt: Prompt) -> Answer:
        answer = "yes" if knows(prompt) else "no"
        asked = "It rains" in prompt.text
        name, args = ("submit", {"answer": answer}) if asked else ("weather", {"city": "Ulm"})
        if native:
            return [ToolCallPart("call-1", name, args)]
        call = f'{{"tool_calls": [{{"name": "{name}", "args": {str(args).replace(chr(39), chr(34))}}}]}}'
        return in_chat_format({"next_thought": "so", "tool_calls": call})

    task = scripted_lm(acts, supports_function_calling=native)
    adapter = dspy.ChatAdapter(use_native_function_calling=native)
    run = study(agent, rows_of(), is_yes, task, adapter=adapter)
    assert run.improved == {"react"}
    first, second = run.evidence.split("# Example 2")[0].split("## Inputs (call 2)")
    assert "### history\n[]" in first
    assert "It rains in Ulm." not in first
    assert "It rains in Ulm." in second
    assert "### tools\n(as in the call before)" in second


# Reflection models that refuse what they are shown ----------------------------------------------------------

REQUEST = Reflect("b", "Answer.", "- b: picture -> answer", "# Example 1\nthe evidence")
PICTURED = Reflect("b", "Answer.", "- b: picture -> answer", f"the evidence {to_plain(IMAGE)} goes on")


def refusing(error: Exception) -> dspy.LM:
    """A reflection model that takes no images."""

    def script(prompt: Prompt) -> Answer:
        return {"new_instruction": KNOW} if "left out" in prompt.user else error

    return scripted_lm(script)


@pytest.mark.parametrize(
    "error",
    [
        LMInvalidRequestError("images are not supported", status=400),
        LMUnsupportedFeatureError("no images", feature="image"),
        ContextWindowExceededError(message="too many tokens"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_model_that_refuses_media_is_asked_without_them(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    runner = ReflectionRunner(refusing(error))
    for _ in range(2):
        reflection = runner(PICTURED)
        assert (reflection.text, reflection.error) == (KNOW, "")
    assert caplog.text.count("sent again without them") == 1


def test_a_refusal_that_is_not_about_media_is_not_repeated() -> None:
    lm = scripted_lm(lambda prompt: LMInvalidRequestError("bad parameter", status=400))
    reflection = ReflectionRunner(lm)(REQUEST)
    assert "bad parameter" in reflection.error
    assert len(prompts_of(lm)) == 1


def test_a_wrong_key_is_no_refusal_of_media() -> None:
    lm = scripted_lm(lambda prompt: LMAuthError("wrong key", status=401))
    assert isinstance(ReflectionRunner(lm)(PICTURED), Fault)
    assert len(prompts_of(lm)) == 1


def test_evidence_that_is_too_long_is_halved_until_it_fits() -> None:
    def script(prompt: Prompt) -> Answer:
        fits = len(prompt.field("examples_with_feedback")) < 3_000
        return {"new_instruction": KNOW} if fits else ContextWindowExceededError(message="too many tokens")

    lm = scripted_lm(script)
    request = Reflect("b", "Answer.", "p", "begin " + "x" * 10_000 + " end")
    assert ReflectionRunner(lm)(request).text == KNOW
    shown = prompts_of(lm)[-1].field("examples_with_feedback")
    assert len(prompts_of(lm)) == 3
    assert shown.startswith("begin")
    assert shown.endswith("end")


def test_a_prompt_that_is_too_long_without_evidence_is_the_answers_error() -> None:
    lm = scripted_lm(lambda prompt: ContextWindowExceededError(message="too many tokens"))
    reflection = ReflectionRunner(lm)(Reflect("b", "x" * 9_000, "p", "y" * SHORTEST_EVIDENCE * 3))
    assert reflection.cause == "ContextWindowExceededError"
    assert len(prompts_of(lm)) == 3


# Candidates of very different length ------------------------------------------------------------------------


def test_texts_that_are_too_long_for_the_model_lose_to_short_ones() -> None:
    """The reflector writes a hundred thousand characters, or a few."""

    def writes(prompt: Prompt) -> Answer:
        long = len(prompt.field("current_instruction")) < 1_000 and "earlier_edits" not in prompt.user
        return {"new_instruction": f"{KNOW} " + "Be thorough. " * 8_000 if long else KNOW}

    def answer(prompt: Prompt) -> Answer:
        if len(prompt.system) > 50_000:
            return ContextWindowExceededError(message="too many tokens")
        return {"answer": "yes" if knows(prompt) else "no"}

    reflection = scripted_lm(writes)
    run = study(ANSWER, rows_of(), is_yes, scripted_lm(answer), reflection=reflection, max_metric_calls=60)
    assert run.program.signature.instructions == KNOW
    lengths = sorted(len(candidate.signature.instructions) for candidate in run.result.candidates)
    assert lengths[0] < 100
    assert lengths[-1] > 100_000
    too_long = [
        p for p in run.result.proposals if p.candidate and sum(map(len, p.candidate.values())) > 50_000
    ]
    assert {score for proposal in too_long for score in proposal.after} == {0.0}


def test_max_chars_keeps_them_out() -> None:
    def writes(prompt: Prompt) -> Answer:
        return {"new_instruction": KNOW if prompt.field("objection") else KNOW * 1_000}

    task = answers({"answer": "yes"}, {"answer": "no"})
    run = study(ANSWER, rows_of(), is_yes, task, reflection=scripted_lm(writes), max_chars=500)
    assert run.program.signature.instructions == KNOW
