"""The language model for tests answers as its script says, wherever a `dspy.LM` fits."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import dspy
import pytest
from dspy.adapters.baml_adapter import BAMLAdapter
from dspy.lm15 import TextPart, ThinkingPart

from dspy_gepa.testing import Prompt, ScriptedLM
from dspy_gepa.testing.scripted import TOKENS_IN, TOKENS_OUT

ADAPTERS = [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter(), BAMLAdapter()]


class Facts(dspy.Signature):
    """Tell facts."""

    city: str = dspy.InputField()
    notes: list[str] = dspy.InputField()
    country: str = dspy.OutputField()
    rivers: list[str] = dspy.OutputField()
    people: int = dspy.OutputField()


def facts(prompt: Prompt) -> dict[str, Any]:
    assert prompt.field("city") == "Rome\nin spring"
    assert prompt.field("notes") == '["a", "b"]'
    assert prompt.field("country") == prompt.field("nothing") == ""
    assert prompt.outputs == ["country", "rivers", "people"]
    assert prompt.instructions == "Tell facts."
    assert not prompt.asks_for_reflection
    return {"country": "Italy, é", "rivers": ["Tiber", "Aniene"], "people": 3}


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
def test_fields_of_any_type_are_read_and_written_in_the_adapters_format(adapter: dspy.Adapter) -> None:
    lm = ScriptedLM(facts)
    with dspy.context(lm=lm, adapter=adapter):
        found = dspy.Predict(Facts)(city="Rome\nin spring", notes=["a", "b"])
    assert (found.country, found.rivers, found.people) == ("Italy, é", ["Tiber", "Aniene"], 3)
    assert len(lm.prompts) == 1


def test_the_two_step_adapter_is_served_in_both_steps() -> None:
    def script(prompt: Prompt) -> dict[str, Any]:
        return {"answer": "in words"} if prompt.outputs == ["answer"] and "why" in prompt.user else {}

    extracts = ScriptedLM({"answer": "42"}, "scripted/extraction")
    with dspy.context(lm=ScriptedLM(script), adapter=dspy.TwoStepAdapter(extracts)):
        assert dspy.Predict("question -> answer")(question="why").answer == "42"
    assert "answer: in words" in extracts.prompts[0].user


def test_one_answer_can_serve_all_prompts() -> None:
    with dspy.context(lm=ScriptedLM({"answer": "Paris"})):
        assert [dspy.Predict("q -> answer")(q=q).answer for q in "ab"] == ["Paris", "Paris"]


def test_a_string_is_the_raw_text_of_the_answer() -> None:
    assert ScriptedLM("as it is")("hello") == ["as it is"]
    with dspy.context(lm=ScriptedLM("no fields")), pytest.raises(Exception, match="no fields"):
        dspy.Predict("q -> answer")(q="x")


def test_an_answer_may_have_parts_and_come_in_pieces() -> None:
    parts = [ThinkingPart("Let me see."), TextPart("[[ ## answer ## ]]\nParis")]
    lm = ScriptedLM(lambda prompt: parts, supports_reasoning=True)
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
        streamed = dspy.streamify(dspy.Predict("q -> answer"), async_streaming=False)(q="x")
        found = next(piece for piece in streamed if isinstance(piece, dspy.Prediction))
    assert found.answer == "Paris"


@pytest.mark.parametrize("given", [True, False])
def test_errors_are_raised_whether_they_are_given_or_raised(given: bool) -> None:
    error = dspy.LMRateLimitError("slow down", model="m", provider="p")

    def script(prompt: Prompt) -> Exception:
        if given:
            return error
        raise error

    with pytest.raises(dspy.LMRateLimitError, match="slow down"):
        ScriptedLM(script)("hello")


def test_calls_can_be_awaited() -> None:
    lm = ScriptedLM({"answer": "Paris"})
    with dspy.context(lm=lm):
        found = asyncio.run(dspy.Predict("q -> answer").acall(q="x"))
    assert found.answer == "Paris"
    assert len(lm.prompts) == 1


def test_copies_report_to_the_same_list_and_every_call_is_a_call() -> None:
    lm = ScriptedLM(lambda prompt: {"answer": str(prompt.temperature)}, temperature=0.5)
    copies = [lm, copy.deepcopy(lm), lm.copy(temperature=0.9)]
    answers = []
    for one in copies:
        with dspy.context(lm=one):
            answers += [dspy.Predict("q -> answer")(q="x").answer for _ in range(2)]
    assert answers == ["0.5", "0.5", "0.5", "0.5", "0.9", "0.9"]
    assert len(lm.prompts) == len(copies[1].prompts) == 6


def test_an_answer_that_was_cut_off_says_so() -> None:
    lm = ScriptedLM({"answer": "Par"}, finish_reason="length")
    with dspy.context(lm=lm):
        predictor = dspy.Predict("q -> answer")
        predictor(q="x")
    assert predictor.history[-1]["response"].finish_reason == "length"


def test_usage_is_counted_under_its_name() -> None:
    with dspy.context(lm=ScriptedLM({"answer": "Paris"}, "scripted/mine")), dspy.track_usage() as tracker:
        dspy.Predict("q -> answer")(q="x")
    used = tracker.get_total_tokens()["scripted/mine"]
    assert (used["prompt_tokens"], used["completion_tokens"]) == (TOKENS_IN, TOKENS_OUT)


def test_it_can_be_sent_to_another_process() -> None:
    lm = pickle.loads(pickle.dumps(ScriptedLM({"answer": "Paris"})))
    with dspy.context(lm=lm):
        assert dspy.Predict("q -> answer")(q="x").answer == "Paris"


def test_a_prompt_that_is_none_of_dspys_has_no_fields() -> None:
    prompt = Prompt(system="Be nice.", user="Hello", text="Hello")
    assert (prompt.outputs, prompt.field("x"), prompt.instructions) == ([], "", "Be nice.")
