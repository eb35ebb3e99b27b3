"""What the reflector is shown, and what its answer must pass."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.reflection.evidence import (
    EvidenceLimits,
    as_text,
    elide,
    feedback_for,
    has_evidence,
    render_evidence,
    render_program,
    training_texts,
)
from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to
from dspy_gepa.types import PROGRAM, Component, Outcome, TraceStep

CALL = TraceStep("a", {"question": "why?"}, {"answer": "because"})
OUTCOME = Outcome("scored", score=0.5, feedback="too short", trace=(CALL,))
LIMITS = EvidenceLimits()


def about(name: str, **changes: Any) -> Component:
    return Component(name, {}, {}, **changes)


def with_trace(*steps: TraceStep, **changes: object) -> Outcome:
    return dataclasses.replace(OUTCOME, trace=steps, **changes)


def objection(text: str, **changes: object) -> str | None:
    arguments = {"current": "old text", "truncated": False, "rules": TextRules(), "training_texts": ()}
    return objection_to(text, **(arguments | changes))  # type: ignore[arg-type]


# Evidence -------------------------------------------------------------------------------------------------


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


def test_the_program_is_described_component_by_component() -> None:
    components = [
        Component("a", {"question": ""}, {"hint": "one line"}),
        Component("b", {"question": "", "hint": "from a"}, {"answer": ""}, purpose="Be\nbrief."),
    ]
    assert render_program(components).splitlines() == [
        "- a: question -> hint (one line)",
        "- b: question, hint (from a) -> answer. Be brief.",
    ]


def test_what_a_call_repeats_from_the_call_before_is_shown_once() -> None:
    steps = [TraceStep("a", {"so_far": "looked up x", "task": "t"}, {"next": "y"})]
    steps.append(TraceStep("a", {"so_far": "looked up x, then y", "task": "t"}, {"next": "z"}))
    shown = render_evidence(about("a"), [Outcome("scored", trace=tuple(steps))], EvidenceLimits())
    assert shown.count("looked up x") == 1
    assert "### so_far\n(as in the call before, then) , then y\n### task\n(as in the call before)" in shown


@given(st.text(max_size=400), st.integers(1, 300))
def test_an_elided_text_is_never_longer_than_allowed(text: str, chars: int) -> None:
    assert len(elide(text, chars)) <= chars


@given(st.text(max_size=100), st.integers(0, 50))
def test_a_text_that_fits_is_not_elided(text: str, slack: int) -> None:
    assert elide(text, len(text) + slack) == text


@given(st.integers(60, 200), st.integers(1, 10_000))
def test_an_elided_text_says_how_much_is_missing_and_keeps_both_ends(chars: int, excess: int) -> None:
    text = "<" + "x" * (chars + excess) + ">"
    shown = elide(text, chars)
    missing = int(shown.partition("[... ")[2].split()[0])
    note = f" [... {missing} characters left out ...] "
    assert shown.startswith("<")
    assert shown.endswith(">")
    assert len(shown) - len(note) + missing == len(text)


# Cleaning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a text\n", "a text"),
        ("<think>let me see\n...</think>\na text", "a text"),
        ("<THINKING>hm</THINKING>a text", "a text"),
        ("```\na text\n```", "a text"),
        ("```markdown\n# A\ntext\n```", "# A\ntext"),
        ("Use ```json``` fences.", "Use ```json``` fences."),
        ("```\none\n```\nand\n```\ntwo\n```", "```\none\n```\nand\n```\ntwo\n```"),
        ("Write:\n```\nx\n```", "Write:\n```\nx\n```"),
        ("", ""),
    ],
)
def test_cleaning_takes_off_think_blocks_and_a_fence_around_the_whole(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


def test_cleaning_mends_halves_of_surrogate_pairs() -> None:
    assert clean_text("Be brief \ud83d.") == "Be brief \ufffd."
    assert clean_text("Be brief \ud83d\ude00.") == "Be brief \U0001f600."


@given(st.text(alphabet=st.characters(exclude_characters="`<", exclude_categories=["Cs"]), max_size=100))
def test_cleaning_ordinary_text_only_strips_it(text: str) -> None:
    assert clean_text(text) == text.strip()


# Objections -----------------------------------------------------------------------------------------------


def test_an_ordinary_text_meets_no_objection() -> None:
    assert objection("a new text") is None


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("a new te", {"truncated": True}, "cut off"),
        ("", {}, "empty"),
        ("<think>still at it", {}, "unfinished thinking block"),
        ("a text</think>", {}, "unfinished thinking block"),
        ("old text", {}, "equals the current text"),
        ("old text", {"current": "\nold text "}, "equals the current text"),
        ("x" * 11, {"rules": TextRules(max_chars=10)}, "has 11 characters; at most 10"),
        ("a text", {"current": "use {name}", "rules": TextRules(keep=("{name}",))}, "['{name}']"),
    ],
)
def test_an_objection_says_what_to_do_about_the_text(
    text: str, changes: dict[str, object], words: str
) -> None:
    found = objection(text, **changes)
    assert found is not None
    assert words in found


def test_a_text_of_just_the_allowed_length_passes() -> None:
    assert objection("x" * 10, rules=TextRules(max_chars=10)) is None


def test_a_part_to_keep_that_the_current_text_lacks_is_not_demanded() -> None:
    assert objection("a text", rules=TextRules(keep=("{name}",))) is None


ROW = " ".join(f"word{i}" for i in range(60))


@pytest.mark.parametrize(("copied", "allowed"), [(40, True), (41, False), (60, False)])
def test_more_than_forty_words_in_a_row_from_one_example_are_a_copy(copied: int, allowed: bool) -> None:
    text = "Mind this: " + " ".join(ROW.split()[-copied:]) + " and so on."
    assert (objection(text, training_texts=["something else", ROW]) is None) is allowed


def test_the_objection_to_a_copy_shows_where_it_begins() -> None:
    assert "'word0 word1 word2" in (objection(ROW, training_texts=[ROW]) or "")


def test_copying_can_be_allowed() -> None:
    assert objection(ROW, training_texts=[ROW], rules=TextRules(max_copied_words=None)) is None


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


def test_other_texts_are_told_in_words() -> None:
    text = about(
        "rules", kind="text", subject="the text `rules` of the program: house rules", purpose="house rules"
    )
    assert render_program([text]) == "- rules: the text `rules` of the program: house rules"


@pytest.mark.parametrize("kind", ["code", "module"])
@pytest.mark.parametrize("source", ["def f(:", "x = (", "a\0b", "if x:\npass", "(" * 500 + ")" * 500])
def test_code_that_does_not_parse_is_refused(source: str, kind: str) -> None:
    assert (objection(source, kind=kind) or "").startswith("The code does not parse: ")


def test_the_objection_to_code_names_the_error_and_the_line() -> None:
    assert "line 2: 'def g(:'" in (objection("x = 1\ndef g(:", kind="code") or "")


def test_code_that_parses_can_be_tried_and_is_not_run() -> None:
    assert objection("raise SystemExit(1)", kind="code") is None


def test_a_module_needs_a_class_with_forward() -> None:
    assert "no class with a `forward`" in (objection("class A:\n    x = 1", kind="module") or "")
    assert objection("class A:\n    def forward(self): return 1", kind="module") is None


def test_prose_need_not_parse() -> None:
    assert objection("Answer (briefly.", kind="text") is None


def test_all_inputs_of_all_calls_count_as_training_texts() -> None:
    other = TraceStep("b", {"passages": ["p"], "n": 2}, {"answer": "not an input"})
    assert training_texts([with_trace(CALL, other)]) == ["why?", '[\n "p"\n]', "2"]
