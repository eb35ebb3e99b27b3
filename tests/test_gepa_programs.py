"""Every kind of program, under the settings of DSPy."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import Any

import dspy
import pytest
from dspy.utils.callback import BaseCallback

from dspy_gepa import (
    GEPA,
)
from tests.support import (
    OneHop,
    Prompt,
    Script,
    TwoHops,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, VAL, Run, compile_words


class AsyncOnly(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        return await self.b.acall(question=question)


class Nested(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hops = [TwoHops()]

    def forward(self, question: str) -> dspy.Prediction:
        return self.hops[0](question=question)


class Copies(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.best = dspy.BestOfN(
            OneHop(), N=2, reward_fn=lambda args, pred: float(pred.answer == "right"), threshold=1.0
        )

    def forward(self, question: str) -> dspy.Prediction:
        return self.best(question=question)


def by_last_name(script: Script) -> Script:
    """For programs whose components have longer names: the script sees the last part of a name."""

    def answer(prompt: Prompt) -> Any:
        user = re.sub(r"((?:## component ## \]\]|<component>)\n)\S*\.(\w+)", r"\1\2", prompt.user)
        return script(Prompt(prompt.system, user, prompt.text))

    return answer


B_ROWS = {"trainset": word_rows(12, components="b"), "valset": word_rows(6, components="b", start=100)}


@pytest.mark.parametrize(
    ("student", "data"),
    [(AsyncOnly(), B_ROWS), (Nested(), {}), (Copies(), B_ROWS), (OneHop(), B_ROWS)],
    ids=["async only", "nested", "deep copies", "one predictor"],
)
def test_every_kind_of_program_gets_better(student: dspy.Module, data: dict[str, Any]) -> None:
    run = compile_words(student, reflection=by_last_name(learns_words), max_metric_calls=150, **data)
    assert max(run.result.val_aggregate_scores) == 1.0


@pytest.mark.parametrize("student", [TwoHops(), AsyncOnly()])
def test_compiling_works_inside_a_running_event_loop(student: dspy.Module) -> None:
    async def notebook() -> Run:
        return compile_words(student, max_metric_calls=60)

    result = asyncio.run(notebook()).result
    assert result.val_aggregate_scores[result.best_idx] > result.val_aggregate_scores[0]


class Twins(dspy.Module):
    """Two predictors with one signature; each hears its own word."""

    def __init__(self) -> None:
        super().__init__()
        self.one = dspy.Predict("question -> answer")
        self.two = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        self.two(question=f"for two: {question}")
        return self.one(question=f"for one: {question}")


def test_reflections_on_equal_predictors_see_their_own_calls_only() -> None:
    run = compile_words(Twins(), max_metric_calls=60)
    seen = {p.field("component"): p.field("examples_with_feedback") for p in prompts_of(run.reflection)}
    assert "for one" in seen["one"]
    assert "for two" not in seen["one"]
    assert "for two" in seen["two"]
    assert "for one" not in seen["two"]


class Repeats(dspy.Module):
    """Calls one predictor twice and the other never."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = dspy.Predict("question -> answer")
        self.b = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        self.b(question=f"first: {question}")
        return self.b(question=f"second: {question}")


def test_all_calls_of_a_predictor_are_reflected_on_and_one_never_called_does_no_harm() -> None:
    run = compile_words(Repeats(), **B_ROWS)
    assert {p.field("component") for p in prompts_of(run.reflection)} == {"b"}
    assert "## Inputs (call 1)" in run.evidence
    assert "## Inputs (call 2)" in run.evidence
    assert "no rollout called idle" in {p.reason for p in run.mutations}
    assert max(run.result.val_aggregate_scores) == 1.0


def mumbles(prompt: Prompt) -> Any:
    """Gives an answer that can be parsed only when the instructions ask for care."""
    return knows_words(prompt) if "Be careful." in prompt.system else "Well, who knows?"


def cautious(prompt: Prompt) -> dict[str, str]:
    return {"new_instruction": prompt.field("current_instruction") + " Be careful."}


def test_outputs_that_cannot_be_parsed_are_shown_with_raw_text_and_expected_format() -> None:
    run = compile_words(OneHop(), task=mumbles, reflection=cautious, **B_ROWS, failure_score=-1.0)
    assert "raw text was:\nWell, who knows?" in run.evidence
    assert re.search(r"(?:## answer ## \]\]|<answer>)\n\{answer\}", run.evidence)
    assert run.result.val_aggregate_scores == [-1.0, 0.0]


def test_an_exception_in_forward_is_feedback_and_gets_the_failure_score() -> None:
    class Fragile(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            prediction = super().forward(question=question)
            if prediction.answer != "right" and question[0] in "02468":
                raise ValueError("wrong answers hurt")
            return prediction

    rows = {"trainset": word_rows(12, components="b"), "valset": word_rows(4, components="b")}
    run = compile_words(Fragile(), **rows, failure_score=-1.0)
    assert list(run.result.val_subscores[0].values()) == [-1.0, 0.0, -1.0, 0.0]
    assert "ValueError: wrong answers hurt" in run.evidence


def test_a_reflector_that_talks_rubbish_first_is_asked_again() -> None:
    def hesitant(prompt: Prompt) -> Any:
        return learns_words(prompt) if prompt.field("objection") else "Let me think about it."

    run = compile_words(reflection=hesitant)
    assert max(run.result.val_aggregate_scores) > 0
    assert any(p.field("objection") for p in prompts_of(run.reflection))


# DSPy's settings ------------------------------------------------------------------------------------------


class Listener(BaseCallback):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen.append((instance.model, threading.current_thread().name))


def test_callbacks_of_the_context_receive_the_calls_on_worker_threads() -> None:
    listener = Listener()
    with dspy.context(callbacks=[listener]):
        run = compile_words(max_metric_calls=40)
    models = [model for model, _ in listener.seen]
    assert models.count("scripted/task") == len(prompts_of(run.task))
    assert models.count("scripted/reflection") == len(prompts_of(run.reflection)) > 0
    assert threading.main_thread().name not in {name for _, name in listener.seen}


def test_the_adapter_of_the_context_formats_tasks_and_reflections() -> None:
    def in_json(prompt: Prompt) -> str:
        return json.dumps(dict.fromkeys(("hint", "answer", "new_instruction"), "text"))

    with dspy.context(adapter=dspy.JSONAdapter()):
        run = compile_words(task=in_json, reflection=in_json, max_metric_calls=40)
    prompts = prompts_of(run.task) + prompts_of(run.reflection)
    assert prompts_of(run.reflection)
    assert all("JSON object" in prompt.system for prompt in prompts)


def test_a_usage_tracker_around_the_run_sees_task_and_reflection() -> None:
    with dspy.track_usage() as tracker:
        run = compile_words(max_metric_calls=40)
    counts = {model: len(entries) for model, entries in tracker.usage_data.items()}
    assert counts == {
        "scripted/task": len(prompts_of(run.task)),
        "scripted/reflection": len(prompts_of(run.reflection)),
    }


def test_the_reflection_lm_keeps_its_own_settings() -> None:
    reflection = dspy.LM(
        "scripted/reflection", engine=scripted_lm(learns_words).engine, cache=False, temperature=0.9
    )
    with dspy.context(lm=scripted_lm(knows_words)):
        GEPA(is_right, reflection_lm=reflection, max_metric_calls=40, strategy="paper").compile(
            TwoHops(), trainset=TRAIN, valset=VAL
        )
    assert {prompt.temperature for prompt in prompts_of(reflection)} == {0.9}
