"""AIME items: three digits near the end."""

from __future__ import annotations

import pytest

from benchmarks.livebench.whole_number import END, score_whole_number


@pytest.mark.parametrize(
    "answer", ["033", "So m+n = 33 = 033.", r"Thus $\boxed{033}$.", "033 is it", f"{'x' * 500} **033**"]
)
def test_the_truth_near_the_end_scores(answer: str) -> None:
    assert score_whole_number("033", answer).score == 1.0


@pytest.mark.parametrize("answer", ["33", "1033", "0333", "034", f"033 {'x' * END}", "", "none", "٣٣"])
def test_anything_else_does_not(answer: str) -> None:
    assert score_whole_number("033", answer).score == 0.0


def test_what_was_read_is_told() -> None:
    verdict = score_whole_number("033", "It may be 12 or 034")
    assert verdict.found is not None
    assert verdict.found.text == "034"
    assert score_whole_number("033", "no digits").found is None
