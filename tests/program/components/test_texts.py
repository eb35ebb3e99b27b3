"""`Text` objects as components."""

from __future__ import annotations

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import Text
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.components.selection import Selection
from dspy_gepa.reflection.prompts import describe_subject
from tests.support import ADAPTERS, request_of

TEXTS = Selection(optimize=())


class Held(dspy.Module):
    """Texts in all places where DSPy looks for parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Text("Be brief.", desc="house rules")
        self.answer = dspy.Predict("rules, question -> answer")
        self.steps = [Text("first")]
        self.styles = {"warm": Text("x = 1", kind="code")}

    def forward(self, question: str) -> dspy.Prediction:
        return self.answer(rules=f"{self.rules} {self.steps[0]}", question=question)


def test_texts_are_components_by_default_in_the_programs_order() -> None:
    assert list(read_candidate(Held())) == ["rules", "answer", "steps[0]", "styles['warm']"]
    assert list(read_candidate(Held(), TEXTS)) == ["rules", "steps[0]", "styles['warm']"]


def test_a_component_says_what_the_text_is_for_and_is_shown_by_whole_rollouts() -> None:
    rules, _, code = read_components(Held(), TEXTS)
    assert (rules.kind, describe_subject(rules)) == ("text", "the text `rules` of the program: house rules")
    assert (code.kind, describe_subject(code)) == (
        "code",
        "the Python source code `styles['warm']` of the program",
    )
    assert rules.callers == ()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
def test_the_request_holds_the_new_text_and_the_old_no_more(adapter: dspy.Adapter) -> None:
    student = Held()
    program = build_program(student, read_candidate(student).with_texts({"rules": "Be kind."}))
    sent = request_of(program, adapter, {"answer": "x"}, question="why?")
    assert "Be kind. first" in sent
    assert "Be brief." not in sent
    assert str(student.rules) == "Be brief."


def test_texts_of_a_compiled_submodule_are_left_alone() -> None:
    program = Held()
    program.inner = Held()
    program.inner._compiled = True
    assert len(read_candidate(program, TEXTS)) == 3


@given(st.lists(st.text(), min_size=3, max_size=3))
def test_what_is_built_is_read_again(texts: list[str]) -> None:
    seed = read_candidate(Held(), TEXTS)
    candidate = seed.with_texts(dict(zip(seed, texts, strict=True)))
    assert read_candidate(build_program(Held(), candidate), TEXTS) == candidate
