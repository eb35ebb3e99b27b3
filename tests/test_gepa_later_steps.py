"""What a component's output led to, shown to the reflection model where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import JournalError
from dspy_gepa.program.plain import to_plain
from dspy_gepa.reflection.evidence import (
    LATER_FIELD_CHARS,
    EvidenceLimits,
    later_steps,
    render_evidence,
)
from dspy_gepa.types import PROGRAM, Component, Outcome, TraceStep
from tests.support import OneHop, prompts_of, word_rows
from tests.support_runs import Words, compile_words

A = Component("a", {"question": ""}, {"hint": ""})
B = Component("b", {"question": "", "hint": ""}, {"answer": ""})
HEADING = "## What followed in the program"
STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])


def step(component: str | None, failure: str | None = None, **outputs: Any) -> TraceStep:
    return TraceStep(component, {"question": "Q"}, outputs, failure=failure)


def outcome(*steps: TraceStep) -> Outcome:
    return Outcome("scored", 0.0, feedback="Wrong.", trace=steps)


CHAIN = outcome(step("a", hint="one"), step("b", answer="two\nlines"), step(None, note={"x": 1}))


def test_outputs_of_the_steps_behind_the_first_call_are_named_one_a_line() -> None:
    assert later_steps(A, CHAIN).splitlines() == [
        "- b gave answer: two lines",
        '- a step that is not rewritten gave note: { "x": 1 }',
    ]
    assert later_steps(B, CHAIN).splitlines() == ['- a step that is not rewritten gave note: { "x": 1 }']
    assert later_steps(Component("c", {}, {}), CHAIN) == ""


def test_calls_of_its_own_and_the_whole_program_are_no_later_steps() -> None:
    looped = outcome(
        step("a", hint="1"), step("b", answer="2"), step("a", hint="3"), step(PROGRAM, answer="2")
    )
    assert later_steps(A, looped) == "- b gave answer: 2"
    assert later_steps(Component("rules", {}, {}, kind="text"), looped) == ""


def test_a_step_that_failed_is_shown_as_such() -> None:
    failed = outcome(step("a", hint="1"), step("b", failure="no JSON:\nhello"))
    assert later_steps(A, failed) == "- b failed: no JSON: hello"


def test_they_are_elided_within_a_bound_of_their_own() -> None:
    long = outcome(step("a", hint="1"), *[step("b", answer="x" * 5_000)] * 20)
    line = later_steps(A, long).splitlines()[0]
    assert len(line) <= LATER_FIELD_CHARS + len("- b gave answer: ")
    shown = render_evidence(A, [long], EvidenceLimits(later_chars=1_000))
    assert len(shown) < 1_400
    assert shown.index(HEADING) < shown.index("## Score")
    assert HEADING not in render_evidence(A, [long], EvidenceLimits())


@STRATEGIES
def test_they_reach_the_prompt_where_the_option_is_set(strategy: str) -> None:
    for option in (True, False):
        run = compile_words(strategy=strategy, show_later_steps=option)
        shown = {
            name: [
                HEADING in prompt.field("examples_with_feedback")
                for prompt in prompts_of(run.reflection)
                if prompt.field("component") == name
            ]
            for name in "ab"
        }
        assert all(shown["a"]) is option
        assert not any(shown["b"])  # it comes last
        assert ("- b gave answer: wrong" in run.evidence) is option


def test_a_program_of_one_component_is_shown_as_ever() -> None:
    rows = word_rows(6, components="b")
    on, off = (
        compile_words(OneHop(), trainset=rows, show_later_steps=option, max_metric_calls=60)
        for option in (True, False)
    )
    assert on.evidence == off.evidence


def test_it_is_part_of_what_makes_a_run_the_same(tmp_path: Path) -> None:
    words = Words(tmp_path)
    words.compile(show_later_steps=True)
    words.compile(show_later_steps=True)
    with pytest.raises(JournalError, match="later steps"):
        words.compile()


def test_media_in_later_steps_are_left_out() -> None:
    image = dspy.Image("data:image/png;base64,AAAA")
    text = later_steps(A, outcome(step("a", hint="1"), step("b", answer=to_plain(image))))
    assert "left out" in text
    assert "base64" not in text
