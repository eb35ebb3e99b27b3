"""Differences of texts, as people see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.report.diff import GIST, Segment, gist, segments

TEXTS = st.text(alphabet="ab .A\n漢👩", max_size=60)


@given(TEXTS, TEXTS)
def test_kept_and_removed_words_are_the_old_text_and_kept_and_added_ones_the_new_text(
    old: str, new: str
) -> None:
    found = segments(old, new)
    assert "".join(s.text for s in found if s.op != "+") == old
    assert "".join(s.text for s in found if s.op != "-") == new


def test_a_word_that_changed_is_shown_alone() -> None:
    assert segments("Answer in one short line.", "Answer in two short lines.") == [
        Segment("=", "Answer in "),
        Segment("-", "one"),
        Segment("+", "two"),
        Segment("=", " short "),
        Segment("-", "line."),
        Segment("+", "lines."),
    ]


def test_a_sentence_that_has_little_of_the_old_one_is_shown_whole() -> None:
    found = segments("Be brief.\nAlways quote the page.", "Be brief.\nThink of the reader before all else.")
    assert found == [
        Segment("=", "Be brief.\n"),
        Segment("-", "Always quote the page."),
        Segment("+", "Think of the reader before all else."),
    ]


def test_a_sentence_that_stays_is_kept_where_others_are_added_around_it() -> None:
    found = segments("Be brief.", "Look first.\nBe brief.\nStop.")
    assert [s for s in found if s.op == "="] == [Segment("=", "Be brief.")]


def test_letters_of_a_script_without_spaces_are_words() -> None:
    assert Segment("-", "短") in segments("答えは短い文で書く", "答えは長い文で書く")


@pytest.mark.parametrize("line", ["same line\n", "word ", "Sentence. "])
def test_very_long_texts_are_compared_in_one_go(line: str) -> None:
    found = segments(line * 20_000, line * 19_000 + "The end.")
    assert "".join(s.text for s in found if s.op != "-").endswith("The end.")


def test_the_gist_is_the_first_sentence_that_is_new_with_its_component() -> None:
    before = {"a": "One.\nTwo.", "b": "Three."}
    assert gist(before, {"a": "One.\nNew.\nTwo."}) == "a: + New."
    assert gist(before, {"a": "One."}) == "a: - Two."
    assert gist(before, {"a": "One.\nNew.", "b": "Other."}) == "a: + New. (and 1 more)"
    assert gist(before, {"a": "One. Two."}) == "laid out differently"
    assert gist(before, {}) == "the same texts"
    assert len(gist(before, {"a": "word " * 1000})) < GIST + 20
