"""Places in which answers stand, in texts as models write them, lost ones too."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scorers.livebench.reading import in_box, in_tag, without_thoughts
from benchmarks.scorers.livebench.score import Kind, score
from benchmarks.scorers.verdict import StopsError

LOST = ("<think>", "<solution>", "answer:", "answer:\n", "\\text{", "\\boxed{", "$", "1,", "AAAA", "\n")
QUESTION = r"Which? $\textbf{(A)}\ 1 \qquad \textbf{(B)}\ 2$"
PIECES = st.sampled_from(["<think>", "</think>", "<solution>", "</solution>", "\n", "a", "b"])


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r"\boxed{1}", "1"),
        (r"\boxed{1} then \boxed{ \frac{a}{b} }", r" \frac{a}{b} "),
        (r"\boxed 12$ then \boxed{3}", "12"),
        (r"\fbox{2}", "2"),
        (r"\boxed{\fbox{3}}", r"\boxed{3}"),
        (r"\boxed{1", None),
        ("none", None),
    ],
)
def test_the_last_box_counts(text: str, held: str | None) -> None:
    assert in_box(text) == held


@pytest.mark.parametrize("text", [r"\boxedC{}", r"\boxed[C]{1}", r"\boxed{\fbox 3}"])
def test_a_box_without_its_brace_stops_the_scorer(text: str) -> None:
    with pytest.raises(StopsError):
        in_box(text)
    verdict = score("expression", truth="3", answer=text, question="")
    assert (verdict.score, verdict.found) == (0.0, None)
    assert "raises" in verdict.note


@given(st.lists(PIECES, max_size=12))
def test_tags_are_read_as_by_their_regular_expressions(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert without_thoughts(text) == re.sub("<think>.*?</think>", "", text, flags=re.DOTALL)
    assert in_tag(text) == (re.findall("<solution>(.*?)</solution>", text) or [None])[-1]


@pytest.mark.parametrize("piece", LOST)
@pytest.mark.parametrize("kind", ["choice", "whole number", "proof"])
def test_a_text_that_repeats_itself_without_end_is_scored_like_any_other(kind: Kind, piece: str) -> None:
    truth = "B" if kind == "choice" else "7"
    verdict = score(kind, truth=truth, answer=piece * 20_000 + "x", question=QUESTION)
    assert verdict.score < 0.01
