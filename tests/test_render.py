"""Texts for people that texts of language models cannot break."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.texts import diff_texts, fenced, inline, report, split_sentences

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
    found = report("Run", [("Why", "a\n# b <script>")], {"x['[k](u)']": "```\n# Not a heading\n```"})
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
