"""AIME items: three digits near the end."""

from __future__ import annotations

import pytest

from benchmarks.scorers.livebench.whole_number import END, score_whole_number


@pytest.mark.parametrize(
    "answer", ["047", "So m+n = 47 = 047.", r"Thus $\boxed{047}$.", "1047", "0477", f"{'x' * 500} **047**"]
)
def test_the_truth_near_the_end_scores(answer: str) -> None:
    assert score_whole_number("047", answer).score == 1.0


@pytest.mark.parametrize("answer", ["47", "048", f"047 {'x' * END}", "", "none", "٤٧"])
def test_anything_else_does_not(answer: str) -> None:
    assert score_whole_number("047", answer).score == 0.0


def test_what_was_read_is_reported() -> None:
    verdict = score_whole_number("047", "It may be 12 or 048")
    assert verdict.found is not None
    assert verdict.found.text == "048"
    assert score_whole_number("047", "no digits").found is None
