"""Expressions: where they are read from, how they are made readable, when two are equal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scorers.livebench.expression import normalise, score_expression
from benchmarks.scorers.livebench.worker import compare
from benchmarks.scorers.verdict import StopsError


class Texts:
    """Stands for the workers: equal are equal texts."""

    def compare(self, truth: str, answer: str) -> str:
        return "equal" if truth == answer else "different"


class NoWorkers:
    """Stands where nothing must be compared."""

    def compare(self, truth: str, answer: str) -> str:
        raise AssertionError(f"asked to compare {truth!r} with {answer!r}")


@pytest.mark.parametrize(
    ("truth", "answer", "outcome"),
    [
        (r"\frac{1}{2}", "0.5", "equal"),
        ("1", "1.0005", "equal"),
        ("1", "1.002", "different"),
        ("x^2-1", "(x-1)(x+1)", "equal"),
        ("x", "-x", "different"),
        ("x", "x < 3", "different"),
    ],
)
def test_expressions_are_equal_if_their_difference_is_next_to_nothing(
    truth: str, answer: str, outcome: str
) -> None:
    assert compare(truth, answer) == outcome


def test_what_cannot_be_read_is_distinguished() -> None:
    assert "truth" in compare(r"\{1,2\}", "1")
    assert "LaTeX" in compare("1", r"\{1,2\}")


@pytest.mark.parametrize(
    ("answer", "text", "place"),
    [
        (r"$x=1$, so \boxed{\frac12}", r"\frac{1}{2}", "the box"),
        ("First $y$.\nSo $a=b$ and $c = 3$.\n", "3", "the last formula"),
        ("$$3$$", "3", "the last formula"),
        (r"\boxed{F = \left(x\right) + C}", " (x) ", "the box"),
        (r"\boxed{1,234}", "1234", "the box"),
        (r"\boxed{\text{a}\sqrt3}", r"a\sqrt{3}", "the box"),
    ],
)
def test_an_expression_is_read_from_the_box_else_from_the_last_formula(
    answer: str, text: str, place: str
) -> None:
    found = score_expression("1", answer, Texts()).found
    assert found is not None
    assert (found.text, found.place) == (text, place)


@pytest.mark.parametrize("answer", ["3", "3.", "x = 3", "The answer is 3.", "13"])
def test_an_answer_without_box_and_dollars_is_right_if_it_ends_with_the_truth(answer: str) -> None:
    assert score_expression("3", answer, NoWorkers()).score == 1.0


@pytest.mark.parametrize("answer", ["3 ", "3..", "three", ""])
def test_the_ending_is_compared_character_for_character(answer: str) -> None:
    verdict = score_expression("3", answer, NoWorkers())
    assert (verdict.score, verdict.found) == (0.0, None)


@pytest.mark.parametrize("answer", [r"\boxed{4} 3", r"\boxed{} 3", r"$3$ \boxed{}", r"\boxed $3$"])
def test_a_wrong_or_empty_box_is_rescued_neither_by_a_formula_nor_by_the_ending(answer: str) -> None:
    verdict = score_expression("3", answer, Texts())
    assert verdict.score == 0.0
    assert verdict.found is not None
    assert verdict.found.place == "the box"


def test_a_model_is_asked_only_where_no_equality_was_found() -> None:
    asked: list[tuple[str, str]] = []

    def ask(truth: str, answer: str) -> bool:
        asked.append((truth, answer))
        return answer == "-3"

    assert score_expression("3", r"\boxed{3}", Texts(), ask).score == 1.0
    assert score_expression("3", "It is 3", Texts(), ask).score == 1.0
    assert asked == []
    assert score_expression("3", r"\boxed{-3}", Texts(), ask).score == 1.0
    assert score_expression("3", r"\boxed{4}", Texts(), ask).score == 0.0
    assert asked == [("3", "-3"), ("3", "4")]


@pytest.mark.slow
@settings(max_examples=30)
@given(st.text(max_size=80))
def test_no_text_can_break_the_reading(text: str) -> None:
    normalise(text)
    for answer in (text, rf"\boxed{{{text}}}"):
        try:
            score_expression("1", answer, Texts())
        except StopsError:
            assert "box" in answer
