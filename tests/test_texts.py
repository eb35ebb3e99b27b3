"""Texts for people that texts of language models cannot break, and texts as sequences of sentences."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.texts import (
    added_sentences,
    counted,
    diff_texts,
    fenced,
    inline,
    removed_sentences,
    render_report,
    split_sentences,
)


@pytest.mark.parametrize(("number", "text"), [(0, "0 rows"), (1, "1 row"), (1_200, "1,200 rows")])
def test_a_number_has_its_noun_in_the_singular_or_the_plural(number: int, text: str) -> None:
    assert counted(number, "row") == text


texts = st.text(st.sampled_from("ab `~#\n\r<>*."), max_size=60)


@given(texts)
def test_no_text_closes_the_fence_it_stands_in(text: str) -> None:
    first, *inside, last = re.split(r"\r\n|\r|\n", fenced(text))
    fence = first.removesuffix("text")
    assert last == fence
    assert not [line for line in inside if line.strip().startswith(fence)]


@given(texts)
def test_what_stands_in_a_line_stays_there_and_has_no_bare_mark(text: str) -> None:
    line = inline(text)
    assert "\n" not in line
    assert "\r" not in line
    assert not re.search(r"(?<!\\)[`<*#~]", line.replace("\\\\", ""))


def test_a_report_cannot_be_given_headings_or_links_by_a_text() -> None:
    found = render_report("Run", [("Why", "a\n# b <script>")], {"x['[k](u)']": "```\n# Not a heading\n```"})
    assert re.findall(r"^#.*$", re.sub(r"(?s)````text.*?\n````", "", found), re.MULTILINE) == [
        "# Run",
        r"## x\['\[k\]\(u\)'\]",
    ]
    assert r"a \# b \<script\>" in found


def test_a_diff_shows_sentences_that_came_went_and_stayed() -> None:
    before = {"a": "Answer. Be brief.", "b": "Same."}
    after = {"a": "Answer. Be precise. Name the source.", "b": "Same."}
    assert diff_texts(before, after) == (
        "a\n  Answer.\n- Be brief.\n+ Be precise.\n+ Name the source.\n\nb\n  (unchanged)"
    )


def test_a_diff_says_when_only_the_layout_differs() -> None:
    assert diff_texts({"a": "One. Two."}, {"a": "One.\nTwo."}).endswith("laid out differently)")


@given(texts, texts)
def test_the_two_texts_can_be_read_off_a_diff(before: str, after: str) -> None:
    lines = diff_texts({"a": before}, {"a": after}).split("\n")[1:]
    if before != after and split_sentences(before) != split_sentences(after):
        assert [line[2:] for line in lines if line[0] in " -"] == split_sentences(before)
        assert [line[2:] for line in lines if line[0] in " +"] == split_sentences(after)


# Sentences --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("One line", ["One line"]),
        ("First. Second! Third?", ["First.", "Second!", "Third?"]),
        ("# Head\n\n- item one\n- item two", ["# Head", "- item one", "- item two"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        (
            "Use a unit, e.g. metres. Round to 2.5 at most.",
            ["Use a unit, e.g. metres.", "Round to 2.5 at most."],
        ),
        ("Été. Écris en français.", ["Été.", "Écris en français."]),
    ],
)
def test_sentences_end_at_lines_and_full_stops(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_what_an_edit_added_and_removed_is_shown_by_sentence() -> None:
    before, after = "Be brief. Be kind. Be kind.", "Be kind.\nBe exact."
    assert added_sentences(before, after) == ["Be exact."]
    assert removed_sentences(before, after) == ["Be brief.", "Be kind."]


@given(st.lists(st.sampled_from(["One.", "Two.", "Three."])), st.lists(st.sampled_from(["One.", "Two."])))
def test_an_edit_is_its_removals_and_additions(before: list[str], after: list[str]) -> None:
    old, new = " ".join(before), "\n".join(after)
    counted = len(before) - len(removed_sentences(old, new)) + len(added_sentences(old, new))
    assert counted == len(after)
