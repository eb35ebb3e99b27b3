"""Descriptions of input and output fields as components."""

from __future__ import annotations

from pathlib import Path

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.components.selection import Selection
from dspy_gepa.reflection.prompts import describe_subject
from tests.support import ADAPTERS, TwoHops, request_of

FIELDS = Selection(optimize=("fields",))


class Ask(dspy.Signature):
    """Answer."""

    question: str = dspy.InputField(desc="an old riddle")
    answer: str = dspy.OutputField()


def rewritten(program: dspy.Module, **texts: str) -> dspy.Module:
    names = {f"self/fields/{field}": text for field, text in texts.items()}
    return build_program(program, read_candidate(program, FIELDS).with_texts(names))


def test_every_field_of_every_predictor_is_a_component_in_the_programs_order() -> None:
    assert list(read_candidate(TwoHops(), FIELDS)) == [
        "a/fields/question",
        "a/fields/hint",
        "b/fields/question",
        "b/fields/hint",
        "b/fields/answer",
    ]


def test_a_fields_text_is_its_description_or_empty() -> None:
    texts = read_candidate(dspy.Predict(Ask), FIELDS)
    assert dict(texts) == {"self/fields/question": "an old riddle", "self/fields/answer": ""}


def test_a_component_says_which_field_of_which_predictor_it_describes() -> None:
    question, answer = read_components(dspy.Predict(Ask), FIELDS)
    assert describe_subject(question) == "the description of input field `question` of component self"
    assert describe_subject(answer) == "the description of output field `answer` of component self"
    assert question.callers == ("self",)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
def test_the_request_holds_the_new_descriptions_and_the_old_no_more(adapter: dspy.Adapter) -> None:
    program = rewritten(dspy.Predict(Ask), question="a new riddle", answer="one word, in capitals")
    sent = request_of(program, adapter, {"answer": "x"}, question="why?")
    assert "a new riddle" in sent
    assert "one word, in capitals" in sent
    assert "an old riddle" not in sent


def test_an_emptied_description_leaves_no_placeholder_in_the_request() -> None:
    sent = request_of(
        rewritten(dspy.Predict(Ask), question=""), ADAPTERS[0], {"answer": "x"}, question="why?"
    )
    assert "an old riddle" not in sent
    assert "${question}" not in sent


def test_the_student_keeps_its_descriptions() -> None:
    student = dspy.Predict(Ask)
    rewritten(student, question="new")
    assert read_candidate(student, FIELDS)["self/fields/question"] == "an old riddle"


def test_instructions_demos_and_types_stay_as_they_are() -> None:
    student = dspy.Predict(Ask)
    student.demos = [dspy.Example(question="q", answer="a")]
    program = rewritten(student, answer="new")
    assert program.signature.instructions == "Answer."
    assert program.demos == student.demos
    assert program.signature.fields["answer"].annotation is str


def test_saved_and_loaded_descriptions_are_the_same(tmp_path: Path) -> None:
    program = rewritten(dspy.Predict(Ask), question="new", answer="newer")
    program.save(tmp_path / "program.json")
    loaded = dspy.Predict(Ask)
    loaded.load(tmp_path / "program.json")
    assert read_candidate(loaded, FIELDS) == read_candidate(program, FIELDS)


def test_fields_of_a_compiled_submodule_are_left_alone() -> None:
    program = TwoHops()
    program.inner = TwoHops()
    program.inner._compiled = True
    assert not [name for name in read_candidate(program, FIELDS) if name.startswith("inner")]


@given(st.lists(st.text(), min_size=5, max_size=5))
def test_what_is_built_is_read_again(texts: list[str]) -> None:
    names = list(read_candidate(TwoHops(), FIELDS))
    fields = [name.rpartition("/")[2] for name in names]
    wanted = {
        name: "" if text == f"${{{field}}}" else text
        for name, field, text in zip(names, fields, texts, strict=True)
    }
    candidate = read_candidate(TwoHops(), FIELDS).with_texts(wanted)
    assert read_candidate(build_program(TwoHops(), candidate), FIELDS) == candidate
