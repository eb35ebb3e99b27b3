"""Lists of formulae: read from several places, scored by edit distance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scorers.livebench.proof import read_list, score_proof, similarity
from benchmarks.scorers.verdict import StopsError


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("Answer: 3, 1, 2", 'the last line with "answer:"'),
        ("answer: 1,2,3\n**Answer:** 3,1,2.", 'the last line with "answer:"'),
        ("Answer:\n3, 1, 2\nQED", 'the last line with "answer:"'),
        (r"Answer: <expression 3>, 1, \boxed{2} not \boxed{1,2,3}", 'the last line with "answer:"'),
        ("Answer: as boxed\n\\boxed{\\text{3, 1, 2}} above", "the box"),
        ("I matched 9 of them.\n3, x1, 2)", "the last line"),
        ("3, 1, 2\nas was to be shown", "the whole answer"),
    ],
)
def test_the_list_is_read_from_the_first_place_with_a_number(answer: str, place: str) -> None:
    entries, found = read_list(answer)
    assert found == place
    assert [entry for entry in entries if entry is not None][:2] == [3, 1]


def test_a_swap_costs_its_share_and_a_piece_that_is_no_number_is_wrong() -> None:
    assert score_proof("1,2,3,4", "Answer: 2, 1, 3, 4").score == pytest.approx(0.5)
    assert score_proof("1,2,3,4", "Answer: 1, 2, 3").score == pytest.approx(0.75)
    assert score_proof("1,2,3,4", "Answer: 1, 2, 3, 4, 5").score == pytest.approx(0.8)
    assert score_proof("1,2,3,4", "Answer: 1, 2, 3, x").score == pytest.approx(0.75)


@pytest.mark.parametrize("answer", ["", "I do not know.", "\n\n"])
def test_an_answer_without_numbers_has_no_list(answer: str) -> None:
    assert score_proof("1,2", answer).found is None
    assert score_proof("1,2", answer).score == 0.0


def test_a_superscript_that_looks_like_a_number_stops_the_scorer() -> None:
    with pytest.raises(StopsError, match="²"):
        score_proof("1", "x²\nfor all x")


@given(st.lists(st.integers(0, 99), min_size=1), st.lists(st.integers(0, 99)))
def test_similarity_is_a_share_and_1_only_for_equal_lists(wanted: list[int], given_list: list[int]) -> None:
    value = similarity(wanted, given_list)
    assert 0.0 <= value <= 1.0
    assert (value == 1.0) == (wanted == given_list)
    assert value == similarity(given_list, wanted)
