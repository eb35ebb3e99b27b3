"""Expressions: where they are read from, how they are made readable, when two are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scorers.livebench.expression import LONGEST, normalise, read_expression, score_expression
from benchmarks.scorers.livebench.reading import in_box
from benchmarks.scorers.livebench.worker import compare


class NoWorkers:
    """Stands where nothing must be compared."""

    def compare(self, truth: str, answer: str) -> str:
        raise AssertionError(f"asked to compare {truth!r} with {answer!r}")


def outcome(truth: str, answer: str) -> str:
    """Compared in this process."""
    return compare(normalise(truth), normalise(answer))


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", r"\tfrac12"),
        (r"\frac{x}{2}", r"\frac x2"),
        ("1234", "1,234"),
        (r"-5 \left(\sqrt{3}-x\right) (x+1)", r"5(x-\sqrt3)(1+x)"),
        (r"7\ 3^{2/5} \sqrt[5]{13}", r"7\cdot\sqrt[5]{117}"),
        (r"6 i \sqrt{7}", r"6\sqrt{7}\,\mathrm{i}"),
        (r"\log (5 x)", r"\ln(5x)"),
        (r"\log ^2(5 x)", r"\log{\left(5x\right)}^{2}"),
        (r"2 e^{2 x}", r"2\exp(2x)"),
        (r"e^{3 x} x \left(2+x\right)", r"xe^{3x}(x+2)"),
        (r"\sin (2 x)", r"f(x) = 2\sin x\cos x + C"),
        (r"-\lambda ^3+2", r"2-λ^3"),
        ("1", "1.0005"),
    ],
)
def test_equal_expressions_are_equal_however_they_are_written(truth: str, answer: str) -> None:
    assert outcome(truth, answer) == "equal"


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        ("1", "1.002"),
        (r"2 x \sqrt{5}", r"2 \sqrt{5}"),  # sympy's parser alone would drop the x
        (r"9\ 2^{2}", "92^{2}"),
        ("x^2", "x^2+1"),
        ("x^2", "y^2"),
        (r"\sqrt{x^2}", "x"),
        (r"\log (x)", r"\log_{10}(x)"),
        ("0", "x"),
    ],
)
def test_different_expressions_are_different(truth: str, answer: str) -> None:
    assert outcome(truth, answer) == "different"


@pytest.mark.parametrize("answer", ["", "3 +", r"\text{none}{", "(" * 50, "x < 3", r"\{1, 2\}", "🙂"])
def test_what_is_no_expression_is_not_equal(answer: str) -> None:
    assert outcome("x", answer) != "equal"


def test_a_truth_that_is_no_expression_is_told_apart() -> None:
    assert "truth" in outcome(r"\text{gave up", "1")


def test_the_box_comes_before_the_last_formula() -> None:
    boxed = read_expression(r"$x=1$, so \boxed{\frac{1}{2}}")
    assert boxed is not None
    assert (boxed.text, boxed.place) == (r"\frac{1}{2}", "the box")
    formula = read_expression("First $y$.\nSo $a=b$ and $c = 3$.\n")
    assert formula is not None
    assert (formula.text, formula.place) == ("c = 3", "the last formula")
    assert read_expression("3") is None


def test_equal_texts_need_no_comparison() -> None:
    workers = NoWorkers()
    assert score_expression(r"\text{gave up}", r"\boxed{\text{gave up}}", workers).score == 1.0
    assert score_expression(r"\frac{x}{2}", r"\boxed{\dfrac{x}{2}}", workers).score == 1.0


def test_nothing_to_compare_scores_0_without_comparison() -> None:
    workers = NoWorkers()
    assert score_expression("1", "1", workers).found is None
    long = score_expression("1", rf"\boxed{{{'1+' * LONGEST}1}}", workers)
    assert long.score == 0.0
    assert "longer than" in long.note


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r"\boxed{1}", "1"),
        (r"\boxed{1} then \boxed{ \frac{a}{b} }", r"\frac{a}{b}"),
        (r"\fbox{2}", "2"),
        (r"\boxed{\{1\}}", r"\{1\}"),
        (r"\boxed{1", None),
        ("none", None),
    ],
)
def test_boxes_are_read_with_their_braces_balanced(text: str, held: str | None) -> None:
    assert in_box(text) == held


@pytest.mark.slow
@given(st.text(max_size=80))
def test_no_text_can_break_the_reading(text: str) -> None:
    read_expression(text)
    read_expression(rf"\boxed{{{text}}}")
    normalise(text)
