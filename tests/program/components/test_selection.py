"""Which texts are optimized: kinds, frozen names, order."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, Text
from dspy_gepa.program.build import build_program, read_candidate
from dspy_gepa.program.components.selection import DEFAULT, KINDS, Selection, select
from tests.support import SINCE_3_5, TwoHops, is_right, scripted_lm, word_rows


class Everything(dspy.Module):
    """One of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Text("Be brief.")
        self.answer = dspy.Predict("question -> answer")
        self.agent = dspy.ReAct("question -> answer", tools=[self.look])

    @staticmethod
    def look(word: str) -> str:
        """Looks a word up."""
        return word


ALL = Selection(tuple(KINDS))


def names(*freeze: str, optimize: Any = tuple(KINDS)) -> list[str]:
    return list(read_candidate(Everything(), select(optimize, freeze)))


def test_instructions_alone_are_the_default() -> None:
    assert select(("instructions",), ()) == DEFAULT
    assert list(read_candidate(TwoHops())) == ["a", "b"]


def test_all_names_are_different_and_in_the_programs_order() -> None:
    found = names()
    assert len(set(found)) == len(found)
    assert found[:4] == ["rules", "answer", "answer/fields/question", "answer/fields/answer"]
    ends = [] if SINCE_3_5 else ["agent.extract.predict"]  # the older agent's second predictor
    agents = [name for name in found if name in ("agent.react", "agent.react/tools/look", *ends)]
    assert agents == ["agent.react", "agent.react/tools/look", *ends]


def test_the_order_in_which_kinds_are_named_makes_no_difference() -> None:
    assert select(["tools", "fields"], ()) == select(("fields", "tools", "fields"), ())


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("rules", ["rules"]),
        ("agent.react", ["agent.react"]),
        ("*/tools/*", ["agent.react/tools/look", "agent.react/tools/look/args/word"]),
        ("answer*", ["answer", "answer/fields/question", "answer/fields/answer"]),
    ],
)
def test_what_is_frozen_is_no_component(pattern: str, gone: list[str]) -> None:
    assert names(pattern) == [name for name in names() if name not in gone]


def test_a_name_with_brackets_is_taken_as_it_is_written() -> None:
    program = dspy.Module()
    program.steps = [dspy.Predict("question -> answer"), dspy.Predict("question -> answer")]
    assert list(read_candidate(program, select(("instructions",), ["steps[0]"]))) == ["steps[1]"]


def test_frozen_texts_are_kept_by_a_built_program() -> None:
    selection = select(tuple(KINDS), ("agent.*", "rules"))
    seed = read_candidate(Everything(), selection)
    program = build_program(Everything(), seed.with_texts(dict.fromkeys(seed, "new")))
    before, after = read_candidate(Everything(), ALL), read_candidate(program, ALL)
    assert {name for name in before if before[name] != after[name]} == set(seed)


def test_a_pattern_that_matches_nothing_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigurationError, match=r"freeze='rule' .*'rules'.*answer/fields"):
        names("rule")


def test_a_kind_that_does_not_exist_is_refused_with_the_near_name() -> None:
    with pytest.raises(ConfigurationError, match=r"optimize='tool'.*'tools'"):
        select(("tool",), ())


@pytest.mark.parametrize(("option", "value"), [("optimize", "fields"), ("freeze", "rules"), ("freeze", [3])])
def test_a_bare_string_is_refused(option: str, value: Any) -> None:
    arguments = {"optimize": ("instructions",), "freeze": ()} | {option: value}
    with pytest.raises(ConfigurationError, match=option):
        select(**arguments)


def test_tools_are_not_asked_of_a_program_that_has_none() -> None:
    with pytest.raises(ConfigurationError, match=r"optimize.*'tools'.*TwoHops"):
        read_candidate(TwoHops(), select(("instructions", "tools"), ()))


def test_a_program_with_everything_frozen_is_refused() -> None:
    optimizer = GEPA(
        is_right, reflection_lm=scripted_lm(lambda prompt: "x"), max_metric_calls=50, freeze=["a", "b"]
    )
    with pytest.raises(ConfigurationError, match=r"freeze=\['a', 'b'\]"):
        optimizer.compile(TwoHops(), trainset=word_rows(4), valset=word_rows(4))
