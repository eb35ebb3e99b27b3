"""Multiple choice: where a letter is read from, and what is none."""

from __future__ import annotations

import pytest

from benchmarks.scorers.livebench.choice import options, read_choice, score_choice

QUESTION = (
    r"What is $2+2$? $\textbf{(A)}~\frac{1}{4}\qquad\textbf{(B) } 12\qquad\textbf{(C)}~4\qquad"
    r"\textbf{(D)}~112\qquad\textbf{(E)}~-4$ If you cannot determine the correct answer, guess."
)


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("Adding gives four. <solution>C</solution>", "the solution tag"),
        ("<solution>CCCCC</solution>", "the solution tag"),
        ("Thus CCCCC", "the repeated letter"),
        ("The answer is **CCCC**.", "the repeated letter"),
        (r"\boxed{C}", "the box"),
        (r"$\boxed{\textbf{(C)}\ }$", "the box"),
        (r"So \boxed{4}.", "the box"),
        ("Two and two make 4.", "the option's value at the end"),
        ("Adding.\n**(C)**", "the last line"),
        ("Adding.\nThe answer is (C).", "the last line"),
        ("Answer: C", "the last line"),
    ],
)
def test_the_letter_is_read_from_every_place(answer: str, place: str) -> None:
    found = read_choice(answer, QUESTION)
    assert found is not None
    assert (found.text, found.place) == ("C", place)
    assert score_choice("C", answer, QUESTION).score == 1.0
    assert score_choice("B", answer, QUESTION).score == 0.0


@pytest.mark.parametrize(
    "answer", ["", "I cannot say.", "A cat sat.", "CCC", "ACCCCCA is a word", "é" * 5000]
)
def test_other_texts_hold_no_letter(answer: str) -> None:
    assert read_choice(answer, QUESTION) is None
    assert score_choice("C", answer, QUESTION).score == 0.0


def test_the_last_repeated_letter_counts() -> None:
    assert score_choice("B", "At first AAAAA, but no: BBBBB", QUESTION).score == 1.0


@pytest.mark.parametrize(("ending", "letter"), [("It is 112.", "D"), ("It is 12", "B"), ("x = -4", "E")])
def test_the_whole_value_at_the_end_counts(ending: str, letter: str) -> None:
    found = read_choice(ending, QUESTION)
    assert found is not None
    assert found.text == letter


def test_a_number_that_merely_ends_like_an_option_is_none() -> None:
    assert read_choice("It is 312", QUESTION) is None
    assert read_choice("It is 1/4", QUESTION) is None


def test_options_are_read_without_spacing() -> None:
    assert options(QUESTION) == {"A": r"\frac{1}{4}", "B": "12", "C": "4", "D": "112", "E": "-4"}


def test_a_value_that_two_options_share_tells_nothing() -> None:
    question = r"$\textbf{(A)}~2\qquad\textbf{(B)}~3\qquad\textbf{(C)}~2$"
    assert options(question) == {"B": "3"}
    assert read_choice("It is 2.", question) is None


def test_a_question_without_options_has_none() -> None:
    assert options("What is two and two?") == {}
