"""The solver: right where its habits reach, in good form or bad, and what is learnt from it."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

from benchmarks.scorers.livebench.score import Kind, score
from benchmarks.simulated import AnswerKey, Knobs, simulated_lm
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.rules import asked_rules
from benchmarks.simulated.worlds.maths import MATHS, Solver
from benchmarks.simulated.worlds.maths.curriculum import lessons_in
from benchmarks.simulated.worlds.maths.skills import FORM_OF, kind_of
from benchmarks.simulated.worlds.maths.solver import in_form, near_miss, shortfall
from benchmarks.tasks import livebench_math

CALM = Knobs(noise=0.0, restless=0.0, difficulty=0.0)
WORKING = frozenset({"plan", "check", "cases", "restate"})
FORMS = frozenset(FORM_OF.values()) | {"exact"}
ROWS = [f"question {i}" for i in range(200)]
CHOICE = "Pick an option. Once you have your answer, please duplicate that letter five times."
EXERCISE = r"Compute the variance. Please put your final answer in a $\boxed{}$."
KINDS: dict[str, tuple[Any, Kind, str]] = {
    "choice": ("choice", "choice", "B"),
    "three digits": ("three digits", "whole number", "047"),
    "list": ("list", "proof", "5,2,1,4,3"),
    "expression": ("expression", "expression", r"\frac{457}{6}"),
}


def outcome(kind: Kind, truth: str, answer: str) -> float:
    return score(kind, truth=truth, answer=answer, question=CHOICE).score


def solved(habits: frozenset[str]) -> float:
    return sum(shortfall("integer", row, habits, "0") <= 0 for row in ROWS) / len(ROWS)


def test_the_kind_is_recognized_by_the_questions_words() -> None:
    assert kind_of(CHOICE) == "choice"
    assert kind_of("Give an integer of exactly 3 digits.") == "three digits"
    assert kind_of("Match the formulae to the tags <missing 1>.") == "list"
    assert kind_of(EXERCISE) == "expression"
    assert kind_of("Find the remainder.") == "integer"


def test_good_habits_solve_more_and_haste_less() -> None:
    assert solved(frozenset()) < solved(frozenset({"check"})) < solved(WORKING) < 1.0
    assert solved(WORKING | {"rush"}) < solved(WORKING)


def test_what_is_solved_with_fewer_habits_is_solved_with_more() -> None:
    for row in ROWS:
        if shortfall("choice", row, frozenset({"check"}), "0") <= 0:
            assert shortfall("choice", row, WORKING, "0") <= 0


@pytest.mark.parametrize("name", KINDS)
def test_in_good_form_the_scorer_finds_the_truth(name: str) -> None:
    kind, scorer, truth = KINDS[name]
    assert outcome(scorer, truth, in_form(kind, truth, FORMS)) == 1.0


@pytest.mark.parametrize("name", KINDS)
def test_in_bad_form_it_does_not(name: str) -> None:
    kind, scorer, truth = KINDS[name]
    assert outcome(scorer, truth, in_form(kind, truth, FORMS - {FORM_OF[kind]})) < 1.0


@pytest.mark.parametrize("name", ["choice", "three digits", "list"])
def test_a_near_miss_is_wrong(name: str) -> None:
    kind, scorer, truth = KINDS[name]
    for row in ROWS[:20]:
        wrong = near_miss(kind, truth, 0.4, row)
        assert outcome(scorer, truth, in_form(kind, wrong, FORMS)) < 1.0


def test_rounding_spoils_an_exact_answer() -> None:
    assert in_form("expression", r"\frac{457}{6}", FORMS - {"exact"}) == r"\boxed{76.17}"
    assert in_form("expression", r"\frac{457}{6}", FORMS | {"estimate"}) == r"\boxed{76.17}"


def test_chatter_pushes_the_digits_away_from_the_end() -> None:
    assert outcome("whole number", "047", in_form("three digits", "047", FORMS | {"chatty"})) == 0.0


def test_the_key_never_shows_in_a_prompt_or_in_other_fields() -> None:
    solver = Solver(AnswerKey.of([(EXERCISE, r"\frac{98765}{4}", ())]), CALM)
    with dspy.context(lm=simulated_lm("simulated/task", solver)):
        said = dspy.ChainOfThought(livebench_math.QUESTION)(question=EXERCISE)
    assert "98765" not in said.reasoning


def test_an_unknown_question_is_guessed() -> None:
    with dspy.context(lm=simulated_lm("simulated/task", Solver(AnswerKey(), CALM))):
        said = dspy.Predict(livebench_math.QUESTION)(question="What is this?")
    assert said.answer


def test_prompts_of_other_worlds_get_no_answer() -> None:
    with dspy.context(lm=simulated_lm("simulated/task", Solver(AnswerKey(), CALM))):
        said = dspy.Predict("question, summary_1, summary_2 -> answer")(
            question="Who?", summary_1="", summary_2=""
        )
    assert "drawn from" in said.answer


@pytest.mark.parametrize(
    ("question", "answer", "reference", "lessons"),
    [
        (CHOICE, "Option B fits.", "B", {"letter"}),
        (EXERCISE, r"The answer is \frac{1}{3}.", r"\frac{1}{3}", {"box"}),
        (EXERCISE, r"\boxed{0.33}", r"\frac{1}{3}", {"exact", *WORKING}),
        ("Find the remainder.", "The answer is 12.", "012", {"bare"}),
        ("Find the remainder.", "13", "12", set(WORKING)),
        ("Match <missing 1> exactly.", "expression 2; then expression 1", "2,1", {"list"}),
    ],
)
def test_a_right_answer_in_bad_form_teaches_form_a_wrong_one_working(
    question: str, answer: str, reference: str, lessons: set[str]
) -> None:
    example = Evidence(
        {"question": question, "answer": answer}, f"Wrong: the correct answer is '{reference}'."
    )
    assert lessons_in("solve", example) == lessons


def test_a_success_teaches_nothing() -> None:
    assert not lessons_in("solve", Evidence({"problem": "How many?", "answer": "7"}, "Correct: 7."))


def test_the_reflection_role_asks_for_what_was_learnt() -> None:
    example = Evidence(
        {"problem": "How many?", "answer": "The answer is 7."}, "Wrong: the correct answer is '7'."
    )
    texts = [MATHS.rewritten("Solve it.", [example] * 3, f"prompt {i}", "0") for i in range(40)]
    assert sum("bare" in asked_rules(MATHS.skills["solve"], text) for text in texts) > 20


def test_another_optimizers_proposer_is_answered_from_the_same_curriculum() -> None:
    signature = dspy.Signature("current_instruction, examples_with_feedback -> new_instruction")
    with dspy.context(lm=simulated_lm("simulated/reflection", Reflector(MATHS))):
        text = dspy.Predict(signature)(
            current_instruction="Solve it.",
            examples_with_feedback="# Example 1\n## problem\nHow many?\n## answer\n9\n"
            "## Feedback\nWrong: the correct answer is '7'.",
        ).new_instruction
    assert text.strip()
