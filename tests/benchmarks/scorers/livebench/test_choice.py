"""Multiple choice: the places a letter is read from, any of which suffices."""

from __future__ import annotations

import pytest

from benchmarks.scorers.livebench.choice import NO_VALUE, score_choice, value_of
from benchmarks.scorers.verdict import StopsError

QUESTION = (
    r"What is $2+2$? $\textbf{(A)}~\frac{1}{4}\qquad\textbf{(B) } 12\qquad\textbf{(C)}~4\pi\qquad"
    r"\textbf{(D)}~112\qquad\textbf{(E)}$"
)


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("Adding gives four. <solution>c</solution>", "the solution tag"),
        ("Thus xCCCCx", "the repeated letter"),
        ("CCCCC, wait: AAAAA", "the repeated letter"),
        (r"\boxed{c}", "the box"),
        (r"\boxed{\text{C}}", "the box"),
        (r"It is 4\pi, as was to be seen.", "the option's value near the end"),
        ("Adding.\n**c**", "the last line"),
        ("(C) is right because (x)", "the last line"),
        (r"\boxed{(C)}", "the last line"),
    ],
)
def test_any_place_with_the_right_letter_suffices(answer: str, place: str) -> None:
    verdict = score_choice("C", answer, QUESTION)
    assert verdict.found is not None
    assert (verdict.score, verdict.found.place) == (1.0, place)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The answer is C.",
        "Answer: C",
        "Option C",
        "C.",
        r"\boxed{C.}",
        r"\boxed{\mathrm{C}}",
        "CCC",
        "cccc",
    ],
)
def test_other_forms_are_wrong(answer: str) -> None:
    assert score_choice("C", answer, QUESTION).score == 0.0


def test_what_was_read_of_a_wrong_answer_is_shown() -> None:
    wrong = score_choice("C", r"AAAAA, so \boxed{B}", QUESTION)
    assert wrong.found is not None
    assert (wrong.score, wrong.found.text, wrong.found.place) == (0.0, "A", "the repeated letter")
    assert score_choice("C", "I cannot say.", QUESTION).found is None


def test_an_option_without_a_value_is_right_whatever_is_answered() -> None:
    assert value_of("E", QUESTION) == NO_VALUE
    blank = QUESTION.replace(r"(E)}$", r"(E)} ~\qquad $")
    assert value_of("E", blank) == ""
    assert score_choice("E", "anything", blank).score == 1.0


def test_a_box_without_braces_stops_the_scorer_unless_the_letter_was_found_before() -> None:
    with pytest.raises(StopsError, match="brace"):
        score_choice("C", r"\boxedC{}", QUESTION)
    assert score_choice("C", r"CCCC \boxedC{}", QUESTION).score == 1.0


def test_a_truth_that_is_no_letter_is_refused() -> None:
    with pytest.raises(ValueError, match="'42'"):
        score_choice("42", "42", QUESTION)
