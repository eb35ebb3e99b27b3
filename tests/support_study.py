"""A small world for programs of every kind: the model answers well once it is told to know the code word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dspy

from dspy_gepa import GEPA, GEPAResult
from dspy_gepa.program.messages import chat_messages
from tests.support import ADAPTERS, Answer, Prompt, prompts_of, scripted_lm

CHAT = ADAPTERS[0]
KNOW = "Know the code word."


@dataclass(frozen=True)
class Study:
    """A finished run."""

    student: dspy.Module
    program: dspy.Module
    task: Any
    reflection: dspy.LM

    @property
    def result(self) -> GEPAResult:
        result = self.program.detailed_results
        assert isinstance(result, GEPAResult)
        return result

    @property
    def evidence(self) -> str:
        """All that the reflection model was sent, as text."""
        return "\n".join(prompt.user for prompt in prompts_of(self.reflection))

    @property
    def content(self) -> list[dict[str, Any]]:
        """The parts of the first message to the reflection model, media among them."""
        sent = self.reflection.history[0]
        messages = chat_messages(sent["request"]) if sent.get("request") else sent["messages"]
        content = messages[-1]["content"]
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    @property
    def media(self) -> list[dict[str, Any]]:
        return [part for part in self.content if part["type"] != "text"]

    @property
    def improved(self) -> set[str]:
        """Names of the predictors that were told to know the code word."""
        return {name for name, p in self.program.named_predictors() if KNOW in p.signature.instructions}


def knows(prompt: Prompt) -> bool:
    return KNOW in prompt.system or KNOW in prompt.text


def answers(right: Mapping[str, Any], wrong: Mapping[str, Any]) -> dspy.LM:
    """A task model that gives one answer when it knows the code word and another when it does not."""
    return scripted_lm(lambda prompt: right if knows(prompt) else wrong)


def teaches() -> dspy.LM:
    """A reflection model that always has the same to say."""

    def script(prompt: Prompt) -> Answer:
        name = "new_text" if "new_text" in prompt.system else "new_instruction"
        return {name: f"Answer. {KNOW}"}

    return scripted_lm(script, "scripted/reflection")


def study(
    student: dspy.Module,
    rows: list[dspy.Example],
    metric: Callable[..., Any],
    task: Any,
    *,
    reflection: dspy.LM | None = None,
    adapter: dspy.Adapter = CHAT,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Study:
    """Compile a student; the same rows serve for training and, as other rows, for validation."""
    reflection = reflection or teaches()
    options = {"max_metric_calls": 36, "num_threads": 2, "track_stats": True, **options}
    with dspy.context(lm=task, adapter=adapter, **(settings or {})):
        optimizer = GEPA(metric, reflection_lm=reflection, **options)
        program = optimizer.compile(student, trainset=rows, valset=rows[: len(rows) // 2])
    return Study(student, program, task, reflection)


def rows_of(count: int = 8, **inputs: Any) -> list[dspy.Example]:
    """Rows with a question of their own, these further inputs, and the answer "yes"."""
    return [
        dspy.Example(question=f"is it {i}?", **inputs, answer="yes").with_inputs("question", *inputs)
        for i in range(count)
    ]


def is_yes(gold: dspy.Example, pred: Any) -> float:
    return float(str(pred.answer) == "yes")
