"""A practice problem: a program that learns in a fraction of a second, without a network.

Every question names the predictor that must know a word, and the word: "7: a needs w2". A predictor knows
the words of its instructions, and the reflection model adds one word that was asked for and missing. So
texts matter, progress takes several steps, and the findings for one predictor can be merged with those for
the other. It says nothing about any real model.
"""

from __future__ import annotations

import re
from typing import Any

import dspy

from dspy_gepa.gepa import GEPA
from dspy_gepa.result import GEPAResult
from dspy_gepa.testing.scripted import Prompt, ScriptedLM


class TwoHops(dspy.Module):
    """Two predictors: `a` gives a hint, `b` answers with it."""

    def __init__(self) -> None:
        super().__init__()
        self.a = dspy.Predict("question -> hint")
        self.b = dspy.Predict("question, hint -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        """Answer a question."""
        hint = self.a(question=question).hint
        return self.b(question=question, hint=hint)


def knows_words(prompt: Prompt) -> dict[str, str]:
    """Answer as the task model: `right` if the predictor that needs a word has it in its instructions."""
    component, word = re.findall(r"(\w+) needs (\w+)", prompt.user)[-1]
    knows = f"know {word}." in prompt.system
    if prompt.outputs == ["hint"]:
        return {"hint": "right" if component == "a" and knows else "nothing"}
    right = (component == "b" and knows) or prompt.field("hint") == "right"
    return {"answer": "right" if right else "wrong"}


def learns_words(prompt: Prompt) -> dict[str, str]:
    """Answer as the reflection model: add the first word that the evidence asks for and the text lacks."""
    component, text = prompt.field("component"), prompt.field("current_instruction")
    asked = re.findall(rf"{component} needs (\w+)", prompt.field("examples_with_feedback"))
    missing = [word for word in asked if f"know {word}." not in text]
    return {"new_instruction": f"{text} know {missing[0]}." if missing else f"{text} Be careful."}


def forgets_words(prompt: Prompt) -> dict[str, str]:
    """Answer as a reflection model that keeps one word only, so that members learn different words."""
    text = learns_words(prompt)["new_instruction"]
    first, *known = text.split(" know ")
    return {"new_instruction": f"{first} know {known[-1]}" if known else text}


def word_rows(count: int, *, words: int = 3, components: str = "ab", start: int = 0) -> list[dspy.Example]:
    """Return questions that ask each predictor for each word in turn.

    Args:
        count: Number of questions.
        words: Number of different words.
        components: Names of the predictors that are asked, one letter each.
        start: Number of the first question.
    """
    rows = []
    for i in range(start, start + count):
        component, word = components[i % len(components)], f"w{i // len(components) % words}"
        example = dspy.Example(question=f"{i}: {component} needs {word}", answer="right")
        rows.append(example.with_inputs("question"))
    return rows


def is_right(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> float:
    """Score 1 for the right answer, else 0."""
    return float(gold.answer == pred.answer)


def practice_run(**options: Any) -> GEPAResult:
    """Compile a small program on scripted language models and return its result, within a second.

    The program has two predictors, `a` and `b`; there are 12 train rows and 8 validation rows. The original
    answers none of the questions; with 200 rollouts the default strategy learns to answer most.

    Args:
        options: Arguments of `GEPA`, such as the part to try, or ``metric``. By default there are 60 rollouts
            and 2 threads, and no progress is shown. `track_stats` is always on.
    """
    given: dict[str, Any] = {
        "metric": is_right,
        "reflection_lm": ScriptedLM(learns_words, "scripted/reflection"),
        "num_threads": 2,
        "progress": "off",
    }
    given |= options | {"track_stats": True}
    if not {"auto", "max_full_evals", "max_metric_calls"} & set(given):
        given["max_metric_calls"] = 60
    with dspy.context(lm=ScriptedLM(knows_words, "scripted/task")):
        program = GEPA(**given).compile(TwoHops(), trainset=word_rows(12), valset=word_rows(8, start=100))
    result: GEPAResult = program.detailed_results
    return result
