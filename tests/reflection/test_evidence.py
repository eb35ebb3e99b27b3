"""Rollouts as evidence for the reflection model."""

from __future__ import annotations

import dataclasses
from typing import Any

from dspy_gepa.reflection.evidence import (
    EvidenceLimits,
    as_text,
    feedback_for,
    has_evidence,
    render_evidence,
    split_examples,
    training_texts,
)
from dspy_gepa.types import PROGRAM, Component, Outcome, TraceStep

CALL = TraceStep("a", {"question": "why?"}, {"answer": "because"})
OUTCOME = Outcome("scored", score=0.5, feedback="too short", trace=(CALL,))
LIMITS = EvidenceLimits()


def about(name: str, **changes: Any) -> Component:
    return Component(name, {}, {}, **changes)


def with_trace(*steps: TraceStep, **changes: object) -> Outcome:
    return dataclasses.replace(OUTCOME, trace=steps, **changes)


def test_evidence_shows_inputs_outputs_score_and_feedback() -> None:
    assert render_evidence(about("a"), [OUTCOME], LIMITS).splitlines() == [
        "# Example 1",
        "## Inputs",
        "### question",
        "why?",
        "## Generated outputs",
        "### answer",
        "because",
        "## Score",
        "0.5",
        "## Feedback",
        "too short",
    ]


def test_a_failed_call_shows_what_failed_in_place_of_outputs() -> None:
    failed = TraceStep("a", {"question": "why?"}, {}, failure="no field answer in: gibberish")
    shown = render_evidence(about("a"), [with_trace(failed)], LIMITS)
    assert "## Failed output\nno field answer in: gibberish" in shown
    assert "Generated outputs" not in shown


def test_rollouts_that_never_called_the_component_are_left_out() -> None:
    other = with_trace(dataclasses.replace(CALL, component="b"), feedback="of another")
    shown = render_evidence(about("a"), [other, OUTCOME], LIMITS)
    assert shown.count("# Example") == 1
    assert "of another" not in shown


def test_calls_of_other_components_are_not_shown() -> None:
    other = TraceStep("b", {"text": "secret of b"}, {})
    assert "secret of b" not in render_evidence(about("a"), [with_trace(CALL, other)], LIMITS)


def test_examples_are_numbered_in_their_order() -> None:
    shown = render_evidence(about("a"), [with_trace(CALL, feedback=f"note {i}") for i in range(3)], LIMITS)
    positions = [shown.index(text) for i in range(3) for text in (f"# Example {i + 1}\n", f"note {i}")]
    assert positions == sorted(positions)


def test_several_calls_of_one_rollout_are_all_shown_and_numbered() -> None:
    calls = [dataclasses.replace(CALL, inputs={"question": f"number {i}"}) for i in range(3)]
    shown = render_evidence(about("a"), [with_trace(*calls)], LIMITS)
    assert all(f"## Inputs (call {i + 1})\n### question\nnumber {i}" in shown for i in range(3))


def test_of_too_many_calls_the_failed_and_the_last_are_shown_in_order() -> None:
    calls = [dataclasses.replace(CALL, inputs={"question": f"number {i}"}) for i in range(6)]
    calls[1] = dataclasses.replace(calls[1], outputs={}, failure="broken")
    shown = render_evidence(about("a"), [with_trace(*calls)], EvidenceLimits(calls=3))
    assert [i for i in range(6) if f"number {i}" in shown] == [1, 4, 5]
    assert shown.index("number 1") < shown.index("number 4") < shown.index("number 5")


def test_long_fields_are_elided_in_the_middle() -> None:
    call = dataclasses.replace(CALL, inputs={"question": "beginning" + "x" * 5_000 + "the end"})
    shown = render_evidence(about("a"), [with_trace(call)], EvidenceLimits(field_chars=500))
    assert "beginning" in shown
    assert "the end" in shown
    assert "characters left out" in shown
    assert len(shown) < 1_000


def test_the_fields_share_the_length_of_the_whole() -> None:
    long = TraceStep("a", {"question": "x" * 9_000}, {"answer": "y" * 9_000})
    shown = render_evidence(about("a"), [with_trace(long)] * 10, EvidenceLimits(total_chars=20_000))
    assert len(shown) < 22_000


def test_an_outcome_without_calls_of_a_component_is_no_evidence() -> None:
    assert has_evidence(about("a"), [OUTCOME])
    assert not has_evidence(about("b"), [OUTCOME])
    assert not has_evidence(about("a"), [with_trace()])


def test_a_components_own_feedback_comes_before_that_of_the_whole() -> None:
    outcome = dataclasses.replace(OUTCOME, component_feedback={"a": "your own", "b": ""})
    assert [feedback_for(name, outcome) for name in ("a", "b", "c")] == ["your own", "too short", "too short"]


def test_values_that_are_no_strings_are_shown_as_json() -> None:
    assert as_text(["é", 1]) == '[\n "é",\n 1\n]'
    assert as_text("plain") == "plain"


def test_what_a_call_repeats_from_the_call_before_is_shown_once() -> None:
    steps = [TraceStep("a", {"so_far": "looked up x", "task": "t"}, {"next": "y"})]
    steps.append(TraceStep("a", {"so_far": "looked up x, then y", "task": "t"}, {"next": "z"}))
    shown = render_evidence(about("a"), [Outcome("scored", trace=tuple(steps))], EvidenceLimits())
    assert shown.count("looked up x") == 1
    assert "### so_far\n(as in the call before, then) , then y\n### task\n(as in the call before)" in shown


def test_all_inputs_of_all_calls_count_as_training_texts() -> None:
    other = TraceStep("b", {"passages": ["p"], "n": 2}, {"answer": "not an input"})
    assert training_texts([with_trace(CALL, other)]) == ["why?", '[\n "p"\n]', "2"]


# Other texts than instructions ----------------------------------------------------------------------------


def asks(tool: str, number: int) -> TraceStep:
    return TraceStep("react", {"number": f"number {number}"}, {"next_tool_name": tool})


def test_a_field_is_shown_by_the_calls_of_its_predictor() -> None:
    field = about("a/fields/question", kind="field", callers=("a",))
    assert render_evidence(field, [OUTCOME], LIMITS) == render_evidence(about("a"), [OUTCOME], LIMITS)
    assert not has_evidence(field, [with_trace(TraceStep("b", {}, {}))])


def test_calls_that_ask_for_the_tool_are_marked_and_shown_first_of_too_many() -> None:
    tool = about("react/tools/find", kind="tool", callers=("react",), tool="find")
    calls = [asks("other", 0), asks("find", 1), *(asks("other", i) for i in range(2, 9))]
    shown = render_evidence(tool, [with_trace(*calls)], EvidenceLimits(calls=3))
    assert [i for i in range(9) if f"number {i}" in shown] == [1, 7, 8]
    assert shown.count("asks for this tool") == 2  # inputs and outputs of one call
    assert "## Inputs (call 1, asks for this tool)\n### number\nnumber 1" in shown


def test_tool_calls_as_adapters_give_them_are_understood() -> None:
    tool = about("react/tools/find", kind="tool", callers=("react",), tool="find")
    call = TraceStep("react", {}, {"tool_calls": {"tool_calls": [{"name": "find", "args": {}}]}})
    assert "asks for this tool" in render_evidence(tool, [with_trace(call)], LIMITS)


def test_a_text_is_shown_by_the_whole_rollout() -> None:
    text = about("rules", kind="text")
    whole = TraceStep(PROGRAM, {"question": "why?"}, {"answer": "because"})
    shown = render_evidence(text, [with_trace(whole, CALL, dataclasses.replace(CALL, component="b"))], LIMITS)
    headings = [line for line in shown.splitlines() if line.startswith("## Inputs")]
    assert headings == [
        "## Inputs (of the whole program)",
        "## Inputs (call 2, of a)",
        "## Inputs (call 3, of b)",
    ]


def test_a_rollout_that_read_other_texts_shows_nothing_of_a_text() -> None:
    def whole(*texts: str) -> Outcome:
        return with_trace(TraceStep(PROGRAM, {"question": "why?"}, {"answer": "because"}, texts=texts))

    for kind in ("text", "code"):
        rules = about("rules", kind=kind)
        shown = render_evidence(rules, [whole("style"), whole("rules", "style"), whole()], LIMITS)
        assert "# Example 2" in shown
        assert "# Example 3" not in shown
        assert not has_evidence(rules, [whole("style")])
    assert has_evidence(about("plan", kind="module"), [whole("style")])


def test_what_belongs_to_a_predictor_gets_the_predictors_feedback() -> None:
    outcome = dataclasses.replace(OUTCOME, component_feedback={"a": "your own"})
    field = about("a/fields/question", kind="field", callers=("a",))
    assert "your own" in render_evidence(field, [outcome], LIMITS)


def test_the_feedback_is_whole_however_many_calls_a_rollout_made() -> None:
    feedback = " ".join(f"Rule {i}: look again." for i in range(100))
    calls = [dataclasses.replace(CALL, inputs={"question": f"{i}: " + "w" * 500}) for i in range(40)]
    shown = render_evidence(
        about("a"), [with_trace(*calls, feedback=feedback)] * 8, EvidenceLimits(total_chars=60_000)
    )
    assert shown.count(feedback) == 8


def test_examples_can_be_taken_apart_and_put_together() -> None:
    evidence = render_evidence(about("a"), [with_trace(CALL)] * 3, EvidenceLimits())
    parts = split_examples(evidence)
    assert [part.splitlines()[0] for part in parts] == ["# Example 1", "# Example 2", "# Example 3"]
    assert "".join(parts) == evidence
