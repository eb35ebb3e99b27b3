"""Checks of the reflection model's answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to, remedy_for
from dspy_gepa.types import Reflection


def objection(text: str, **changes: object) -> str | None:
    arguments = {"current": "old text", "truncated": False, "rules": TextRules(), "training_texts": ()}
    return objection_to(text, **(arguments | changes))  # type: ignore[arg-type]


# Cleaning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a text\n", "a text"),
        ("```\none\n```\nand\n```\ntwo\n```", "```\none\n```\nand\n```\ntwo\n```"),
        ("<think>in tags</think> then answer", "<think>in tags</think> then answer"),
        ("", ""),
    ],
)
def test_cleaning_takes_off_nothing_but_white_space(raw: str, clean: str) -> None:
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
        ("\u200b\u200b", {}, "empty"),
        ("old text", {}, "equals the current text"),
        ("old text", {"current": "\nold text "}, "equals the current text"),
        ("x" * 11, {"rules": TextRules(max_chars=10)}, "has 11 characters, more than the 10"),
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


# Source code -----------------------------------------------------------------------------------------------


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


CHINESE = "本合同由甲方与乙方于二零二四年三月五日在上海市签订双方同意按照以下条款执行并承担相应的法律责任"
THAI = "สัญญาฉบับนี้ทำขึ้นระหว่างผู้ซื้อและผู้ขายตามเงื่อนไขที่ตกลงกันไว้ทุกประการ"


@pytest.mark.parametrize("row", [CHINESE, THAI, " ".join(f"word{i}" for i in range(30))])
@pytest.mark.parametrize(("most", "copied"), [(10, True), (60, False), (None, False)])
def test_copies_of_a_row_are_refused_in_every_script(row: str, most: int | None, copied: bool) -> None:
    text = f"Answer. Example: {row}"
    objection = objection_to(
        text,
        current="",
        truncated=False,
        rules=TextRules(max_copied_words=most),
        training_texts=[f"1. {row} 2."],
    )
    assert (objection is not None) is copied


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (Reflection("half a te", truncated=True), "max_tokens"),
        (Reflection(error="KeyError: 'x'", cause="KeyError"), "KeyError"),
        (Reflection(error="HTTP 500", cause="ServerError", unavailable=True), "provider"),
        (Reflection(error="The answer was empty."), "another reflection model"),
        (Reflection("A text that is too long."), "max_chars"),
    ],
)
def test_the_remedy_fits_what_the_answer_lacks(answer: Reflection, named: str) -> None:
    assert named in remedy_for(answer)
