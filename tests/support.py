"""Small real objects for tests: those of `dspy_gepa.testing`, and hand-made pools and a step driver.

A scripted model answers as a pure function of the prompt it is sent, from any number of threads, so that
nothing in a test depends on timing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dspy
import numpy as np

from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal, Step
from dspy_gepa.testing import Prompt, ScriptedLM
from dspy_gepa.testing.practice import (
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    word_rows,
)
from dspy_gepa.testing.scripted import (
    TOKENS_IN,
    TOKENS_OUT,
    Script,
    ScriptedEngine,
    in_chat_format,
)
from dspy_gepa.testing.scripted import ScriptedAnswer as Answer
from dspy_gepa.types import Candidate, Effect, Outcome, Reflect, Reflection, Result, Rollout, Row, TraceStep

# What tests find here, wherever it comes from.
__all__ = [
    "TOKENS_IN",
    "TOKENS_OUT",
    "Answer",
    "Prompt",
    "Script",
    "ScriptedEngine",
    "TwoHops",
    "forgets_words",
    "in_chat_format",
    "is_right",
    "knows_words",
    "learns_words",
    "word_rows",
]
# DSPy 3.5 has another default adapter, and types, prompts and agents of another form.
SINCE_3_5 = tuple(map(int, dspy.__version__.split(".")[:2])) >= (3, 5)
ADAPTERS = (dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter())


def request_of(program: dspy.Module, adapter: dspy.Adapter, answer: Mapping[str, Any], **inputs: Any) -> str:
    """All that the program sends to a model that gives this answer to everything."""
    lm = ScriptedLM(answer)
    with dspy.context(lm=lm, adapter=adapter):
        program(**inputs)
    return "\n".join(f"{prompt.system}\n{prompt.text}" for prompt in prompts_of(lm))


def scripted_lm(script: Script, name: str = "scripted/task", **options: Any) -> ScriptedLM:
    """An LM that answers with `script`."""
    return ScriptedLM(script, name, **options)


def agent_turn(
    prompt: Prompt, tool: str, args: Mapping[str, Any], answer: str, *, done: bool
) -> dict[str, Any]:
    """What the model of a `dspy.ReAct` says, in DSPy's 3.4 form or that of 3.5: a call, or the answer."""
    if "tool_calls" in prompt.outputs:
        call = {"name": "submit", "args": {"answer": answer}} if done else {"name": tool, "args": dict(args)}
        return {"next_thought": "t", "tool_calls": {"tool_calls": [call]}}
    if "next_tool_name" in prompt.outputs:
        name = "finish" if done else tool
        return {"next_thought": "t", "next_tool_name": name, "next_tool_args": {} if done else dict(args)}
    return {"reasoning": "r", "answer": answer}


def prompts_of(lm: dspy.LM) -> list[Prompt]:
    """What the LM was asked so far."""
    return lm.engine.prompts


class PricedLM(ScriptedLM):
    """A model that has a price for every answer."""

    def __init__(self, script: Any, cost: float, name: str = "priced/task") -> None:
        super().__init__(script, name)
        self.cost = cost

    def __deepcopy__(self, memo: dict[int, Any]) -> PricedLM:
        return self

    def update_history(self, entry: dict[str, Any]) -> None:
        entry["cost"] = self.cost
        super().update_history(entry)


class OneHop(dspy.Module):
    """One predictor, `b`, in the world of `dspy_gepa.testing.practice`."""

    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.b(question=question)


# Hand-made searches ---------------------------------------------------------------------------------------


def val_rows(count: int) -> tuple[Row, ...]:
    return tuple(Row("val", i) for i in range(count))


def train_rows(count: int) -> tuple[Row, ...]:
    return tuple(Row("train", i) for i in range(count))


# Train rows of a hand-made pool.
TRAIN_SIZE = 9


@dataclass(frozen=True)
class Entry:
    """One member of a hand-made pool."""

    texts: Mapping[str, str]
    scores: Sequence[float]
    parents: tuple[int, ...] = ()


def pool_of(*entries: Entry) -> Pool:
    """A pool that found these members one after another."""
    rows = val_rows(len(entries[0].scores))
    pool = Pool.of(Candidate.of(entries[0].texts), rows, TRAIN_SIZE)
    for index, entry in enumerate(entries):
        candidate = Candidate.of(entry.texts)
        if index > 0:
            first = pool.members[entry.parents[0]].candidate if entry.parents else candidate
            proposal = Proposal(
                kind=("original", "mutation", "merge")[len(entry.parents)],
                parents=entry.parents,
                candidate=candidate,
                verdict="accepted",
                reason="made by hand",
                changed=tuple(name for name in candidate if candidate[name] != first[name]),
            )
            pool = pool.commit(proposal, spent=index * len(rows))
        pool = pool.evaluated(validation_of(index, entry.scores))
    return pool


def validation_of(member: int, scores: Sequence[float]) -> Evaluation:
    """A member's validation with these scores in the order of the rows; NaN where it was not run."""
    outcomes = {
        row: Outcome("scored", score=float(score))
        for row, score in zip(val_rows(len(scores)), scores, strict=True)
        if not np.isnan(score)
    }
    return Evaluation({member: outcomes})


def drive(step: Step, execute: Callable[[Effect], Result]) -> tuple[Any, list[list[Effect]]]:
    """Run a step to its end; what it comes to and the batches of effects it asked for."""
    asked: list[list[Effect]] = []
    results: list[Result] | None = None
    while True:
        try:
            effects = list(step.send(results))
        except StopIteration as end:
            return end.value, asked
        asked.append(effects)
        results = [execute(effect) for effect in effects]


@dataclass
class HashWorld:
    """Executes effects without any LM: scores, texts and failures are a pure function of seed and effect."""

    seed: int = 0
    levels: int = 3
    asked: list[Effect] = field(default_factory=list)

    def __call__(self, effect: Effect) -> Result:
        self.asked.append(effect)
        if isinstance(effect, Reflect):
            return Reflection(text=f"{effect.current_text[:40]} {digest(self.seed, effect) % 7}")
        number = digest(self.seed, effect.key)
        steps = tuple(TraceStep(name, {"q": str(effect.row)}, {"a": "x"}) for name in effect.candidate)
        return Outcome(
            "scored",
            score=number % self.levels / (self.levels - 1),
            trace=steps if effect.row.split == "train" else (),
        )

    @property
    def rollouts(self) -> list[str]:
        return [effect.key for effect in self.asked if isinstance(effect, Rollout)]


def digest(*parts: object) -> int:
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:12], 16)


def flatten(asked: Sequence[Sequence[Effect]]) -> Iterator[Effect]:
    for batch in asked:
        yield from batch
