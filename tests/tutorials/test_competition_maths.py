"""Competition problems with an integer for an answer, one ChainOfThought, and the solution as feedback."""

from __future__ import annotations

import re
from typing import Any

import dspy

from tests.support import Answer, Prompt, scripted_lm
from tests.tutorials.support_lessons import WITH_EITHER, learn

RULE = "Rule: give the remainder on division by one thousand."


class Solve(dspy.Signature):
    """Solve the problem and give the answer as an integer."""

    problem: str = dspy.InputField()
    answer: str = dspy.OutputField()


def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    try:
        given = int(pred.answer)
    except ValueError:
        feedback = f"{pred.answer!r} is no integer; the answer is {gold.answer}. {gold.solution}"
        return dspy.Prediction(score=0, feedback=feedback)
    if given == gold.answer:
        return dspy.Prediction(score=1, feedback=f"Right, it is {gold.answer}.")
    return dspy.Prediction(score=0, feedback=f"It is {gold.answer}, not {given}. In full: {gold.solution}")


def computes(prompt: Prompt) -> Answer:
    left, right = map(int, re.findall(r"\d+", prompt.field("problem")))
    product = left * right
    return {
        "reasoning": f"The product is {product}.",
        "answer": str(product % 1_000 if RULE in prompt.system else product),
    }


def problem(number: int) -> dspy.Example:
    left, right = 37 + number, 11 + 7 * number
    return dspy.Example(
        problem=f"Let p be the product of {left} and {right}. Find the answer.",
        solution=f"p is {left * right}. {RULE}",
        answer=left * right % 1_000,
    ).with_inputs("problem")


@WITH_EITHER
def test_the_solver_learns_what_form_answers_have(package: str) -> None:
    train, val, test = ([problem(i) for i in range(start, start + 8)] for start in (0, 10, 20))
    program = dspy.ChainOfThought(Solve)
    lesson = learn(package, program, metric, train, val, test, scripted_lm(computes), budget=60)
    assert lesson.gained("predict") == [RULE]
    assert (lesson.before, lesson.after) == (0, 1)
