"""The wording of the reflection model's prompts."""

from __future__ import annotations

import pytest

from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.reflection.prompts import build_prompt, describe_components, describe_goals, describe_program
from dspy_gepa.types import Component, Reflect

HOP = Component("a", {"question": ""}, {"hint": "one line"})


def test_a_prompt_has_the_fields_that_have_a_value() -> None:
    signature, fields = build_prompt(Reflect("b", "Answer.", "p", "e", objection="It was empty."))
    assert list(signature.input_fields) == list(fields)
    assert list(fields) == [
        "program",
        "component",
        "current_instruction",
        "examples_with_feedback",
        "objection",
    ]
    assert list(signature.output_fields) == ["new_instruction"]


def test_the_program_is_described_component_by_component() -> None:
    components = [
        HOP,
        Component("b", {"question": "", "hint": "from a"}, {"answer": ""}, purpose="Be\nbrief."),
    ]
    assert describe_components(components).splitlines() == [
        "- a: question -> hint (one line)",
        "- b: question, hint (from a) -> answer. Be brief.",
    ]


def test_other_texts_are_described_by_their_subject() -> None:
    text = Component("rules", {}, {}, purpose="house rules", kind="text")
    assert describe_components([text]) == "- rules: the text `rules` of the program: house rules"


def test_all_predictors_and_all_other_optimized_texts_are_described_once() -> None:
    rewritten = [HOP, Component("rules", {}, {}, kind="text")]
    rewritten += [Component(f"a/{kind}", {}, {}, kind=kind) for kind in ("field", "argument")]
    assert describe_program([HOP, Component("b", {}, {})], rewritten).splitlines() == [
        "- a: question -> hint (one line)",
        "- b:  -> ",
        "- rules: the text `rules` of the program",
    ]


def test_a_program_that_competes_by_objectives_has_them_described() -> None:
    assert describe_program([HOP], [HOP], ["cost"]) == (
        f"{describe_components([HOP])}\n\n{describe_goals(['cost'])}"
    )


def test_goals_are_described_by_their_units() -> None:
    words = describe_goals(["cost", "length"])
    assert "less is better: US dollars of a run; characters of all texts together." in words


@pytest.mark.parametrize("name", MEASURES)
def test_every_ready_objective_has_a_unit_in_the_prompt(name: str) -> None:
    assert MEASURES[name].unit in describe_goals([name])
