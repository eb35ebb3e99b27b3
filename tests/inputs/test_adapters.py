"""Every adapter: candidates' texts reach the request, and the reflector sees fields and failures."""

from __future__ import annotations

import json
from typing import Any

import dspy
import pytest
from dspy.adapters.baml_adapter import BAMLAdapter
from pydantic import BaseModel

from tests.support import Answer, Prompt, in_chat_format, prompts_of, request_of, scripted_lm
from tests.support_study import KNOW, answers, is_yes, knows, rows_of, study, teaches

LAID_OUT = [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter(), BAMLAdapter()]
BY_NAME = {"ids": lambda adapter: type(adapter).__name__}


class Place(BaseModel):
    city: str
    street: str


class Locate(dspy.Signature):
    """Locate."""

    question: str = dspy.InputField()
    around: Place = dspy.InputField()
    place: Place = dspy.OutputField()
    answer: str = dspy.OutputField()


def located(adapter: dspy.Adapter, answer: str) -> dict[str, Any]:
    place = {"city": "Ulm", "street": "Lange Gasse"}
    if isinstance(adapter, dspy.XMLAdapter):
        return {"place": "<city>Ulm</city><street>Lange Gasse</street>", "answer": answer}
    return {"place": place if isinstance(adapter, dspy.JSONAdapter) else json.dumps(place), "answer": answer}


@pytest.mark.parametrize("adapter", LAID_OUT, **BY_NAME)
def test_a_program_is_improved_under_every_adapter(adapter: dspy.Adapter) -> None:
    rows = rows_of(around=Place(city="Bonn", street="Kurze Gasse"))
    task = answers(located(adapter, "yes"), located(adapter, "no"))
    run = study(dspy.Predict(Locate), rows, is_yes, task, adapter=adapter)
    assert run.improved == {"self"}
    assert run.result.gain > 0.8
    shown = " ".join(run.evidence.replace('\\"', '"').replace("\\n", " ").split())
    assert '### around { "city": "Bonn", "street": "Kurze Gasse" }' in shown
    assert '### place { "city": "Ulm", "street": "Lange Gasse" } ### answer no' in shown


@pytest.mark.parametrize("adapter", LAID_OUT, **BY_NAME)
def test_the_candidates_text_is_in_the_request(adapter: dspy.Adapter) -> None:
    task = answers({"answer": "yes"}, {"answer": "no"})
    run = study(dspy.Predict("question -> answer"), rows_of(), is_yes, task, adapter=adapter)
    assert KNOW in request_of(run.program, adapter, {"answer": "yes"}, question="is it?")


@pytest.mark.parametrize("adapter", LAID_OUT, **BY_NAME)
def test_what_cannot_be_parsed_is_shown_with_the_adapters_own_format(adapter: dspy.Adapter) -> None:
    task = scripted_lm(lambda p: {"answer": "yes"} if knows(p) else "</I do not know>")
    run = study(dspy.Predict("question -> answer"), rows_of(), is_yes, task, adapter=adapter)
    assert run.improved == {"self"}
    assert "</I do not know>" in run.evidence
    layout = adapter.format_field_structure(dspy.Signature("question -> answer"))
    assert layout.splitlines()[-1].strip() in run.evidence


# TwoStepAdapter: free text from one model, read by another --------------------------------------------------


def free_text(prompt: Prompt) -> Answer:
    return f"I am sure that it is {'yes' if knows(prompt) else 'no'}."


def reads_answers(prompt: Prompt) -> Answer:
    return in_chat_format({"answer": prompt.field("text").rstrip(".").split()[-1]})


def test_two_steps_are_improved_and_the_reflector_answers_in_one() -> None:
    extraction = scripted_lm(reads_answers, "scripted/extraction")
    run = study(
        dspy.Predict("question -> answer"),
        rows_of(),
        is_yes,
        scripted_lm(free_text),
        reflection=teaches(),
        adapter=dspy.TwoStepAdapter(extraction),
    )
    assert run.improved == {"self"}
    assert run.result.gain > 0.8
    assert "### answer\nno" in run.evidence
    assert not any("new_instruction" in prompt.text for prompt in prompts_of(extraction))
    assert any(f"Specific instructions: Answer. {KNOW}" in p.system for p in prompts_of(run.task))


def test_usage_counts_the_model_that_reads_answers() -> None:
    extraction = scripted_lm(reads_answers, "scripted/extraction")
    run = study(
        dspy.Predict("question -> answer"),
        rows_of(),
        is_yes,
        scripted_lm(free_text),
        adapter=dspy.TwoStepAdapter(extraction),
        reflection=teaches(),
    )
    calls = len(prompts_of(extraction)) + len(prompts_of(run.task)) + len(prompts_of(run.reflection))
    assert sum(used.calls for used in run.result.usage.values()) == calls


def test_text_that_the_second_model_cannot_read_is_shown_as_the_first_wrote_it() -> None:
    def reads_only_yes(prompt: Prompt) -> Answer:
        return reads_answers(prompt) if "yes" in prompt.field("text") else "?"

    run = study(
        dspy.Predict("question -> answer"),
        rows_of(),
        is_yes,
        scripted_lm(free_text),
        reflection=teaches(),
        adapter=dspy.TwoStepAdapter(scripted_lm(reads_only_yes, "scripted/extraction")),
    )
    assert run.improved == {"self"}
    assert "raw text was:\nI am sure that it is no." in run.evidence
    assert "The expected format is:\nthe output fields answer" in run.evidence
