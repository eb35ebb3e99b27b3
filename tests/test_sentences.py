"""Texts as sequences of sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.texts import added_sentences, removed_sentences, split_sentences


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


def test_what_an_edit_added_and_removed_is_told_by_sentence() -> None:
    before, after = "Be brief. Be kind. Be kind.", "Be kind.\nBe exact."
    assert added_sentences(before, after) == ["Be exact."]
    assert removed_sentences(before, after) == ["Be brief.", "Be kind."]


@given(st.lists(st.sampled_from(["One.", "Two.", "Three."])), st.lists(st.sampled_from(["One.", "Two."])))
def test_an_edit_is_its_removals_and_additions(before: list[str], after: list[str]) -> None:
    old, new = " ".join(before), "\n".join(after)
    counted = len(before) - len(removed_sentences(old, new)) + len(added_sentences(old, new))
    assert counted == len(after)
