"""Lists of formulae: read from several places, scored by edit distance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scorers.livebench.proof import read_list, score_proof, similarity


@pytest.mark.parametrize(
    "answer",
    [
        "Answer: 3, 1, 2",
        "**Answer:** 3,1,2",
        "The answer is\n3, 1, 2",
        r"After 7 steps: \boxed{3, 1, 2}",
        "<solution>3,1,2</solution> as was to be shown in 4 ways",
        "I matched 9 of them.\n3, 1, 2",
    ],
)
def test_the_list_is_read_from_every_place(answer: str) -> None:
    assert score_proof("3,1,2", answer).score == 1.0


def test_a_swap_costs_its_share() -> None:
    assert score_proof("1,2,3,4", "Answer: 2, 1, 3, 4").score == pytest.approx(0.5)
    assert score_proof("1,2,3,4", "Answer: 1, 2, 3").score == pytest.approx(0.75)
    assert score_proof("1,2,3,4", "Answer: 1, 2, 3, 4, 5").score == pytest.approx(0.8)


def test_other_numbers_score_nothing() -> None:
    assert score_proof("1,2,3", "Answer: 7, 8, 9").score == 0.0
    assert score_proof("1", "Answer: 2").score == 0.0


@pytest.mark.parametrize("answer", ["", "I do not know.", "\n\n"])
def test_an_answer_without_numbers_has_no_list(answer: str) -> None:
    assert read_list(answer) is None
    assert score_proof("1,2", answer).score == 0.0


@given(st.lists(st.integers(0, 99), min_size=1), st.lists(st.integers(0, 99)))
def test_similarity_is_a_share_and_1_only_for_equal_lists(wanted: list[int], given_list: list[int]) -> None:
    value = similarity(wanted, given_list)
    assert 0.0 <= value <= 1.0
    assert (value == 1.0) == (wanted == given_list)
    assert value == similarity(given_list, wanted)
