"""Small real objects for tests: a scripted language model, programs, data, hand-made pools, a step driver.

A scripted model answers as a pure function of the prompt it is sent, from any number of threads, so that
nothing in a test depends on timing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import dspy
import numpy as np
from dspy.lm15 import (
    Message,
    Request,
    Response,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    Usage,
    response_to_events,
)

from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal, Step
from dspy_gepa.types import Candidate, Effect, Outcome, Reflect, Reflection, Result, Rollout, Row, TraceStep

TOKENS_IN, TOKENS_OUT = 5, 3
ADAPTERS = (dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter())


@dataclass(frozen=True)
class Prompt:
    """What a model was sent."""

    system: str
    user: str
    text: str
    temperature: float | None = None
    tools: str = ""

    @property
    def asks_for_reflection(self) -> bool:
        return "new_instruction" in self.system or "new_text" in self.system

    @property
    def outputs(self) -> list[str]:
        """Names of the output fields, as the system message lists them."""
        listed = self.system.partition("Your output fields are:")[2].partition("All interactions")[0]
        return re.findall(r"^\d+\. `(\w+)`", listed, re.MULTILINE)

    def field(self, name: str) -> str:
        """Value of an input field in the last user message, as the ChatAdapter lays it out, or ""."""
        found = re.search(
            rf"\[\[ ## {name} ## \]\]\n(.*?)(?:\n\n\[\[ ## |\n\nRespond with)", self.user, re.DOTALL
        )
        return found.group(1) if found else ""


Part = TextPart | ThinkingPart | ToolCallPart
Answer = Mapping[str, str] | str | Exception | Sequence[Part]
Script = Callable[[Prompt], Answer]


@dataclass
class ScriptedEngine:
    """A `dspy.LM` engine: output fields (or raw text, parts of an answer, an error to raise) by prompt."""

    script: Script
    finish_reason: str = "stop"
    supports_function_calling: bool = False
    supports_reasoning: bool = False
    prompts: list[Prompt] = field(default_factory=list)

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptedEngine:
        return self  # copies of the LM report to the same list

    def complete(self, request: Request) -> Response:
        prompt = Prompt(
            system=str(request.system or ""),
            user=_text_of(request.messages[-1]),
            text="\n".join(_text_of(message) for message in request.messages),
            temperature=request.config.temperature,
            tools=repr(request.tools) if request.tools else "",
        )
        self.prompts.append(prompt)
        answer = self.script(prompt)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Mapping):
            answer = in_chat_format(answer)
        parts = [TextPart(answer)] if isinstance(answer, str) else list(answer)
        return Response(
            id=None,
            model="scripted",
            message=Message.assistant(parts),
            finish_reason=self.finish_reason,
            usage=Usage(
                input_tokens=TOKENS_IN, output_tokens=TOKENS_OUT, total_tokens=TOKENS_IN + TOKENS_OUT
            ),
        )

    def stream(self, request: Request) -> Iterator[Any]:
        yield from response_to_events(self.complete(request))


@dataclass(frozen=True)
class AsyncEngine:
    """The same for async calls."""

    engine: ScriptedEngine

    @property
    def supports_function_calling(self) -> bool:
        return self.engine.supports_function_calling

    @property
    def supports_reasoning(self) -> bool:
        return self.engine.supports_reasoning

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncEngine:
        return self

    async def complete(self, request: Request) -> Response:
        return self.engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for event in self.engine.stream(request):
            yield event


def _text_of(message: Message) -> str:
    """All that is in a message; of images and results of tools, what they say of themselves."""
    return "".join(part.text if isinstance(part, TextPart) else repr(part) for part in message.parts)


def in_chat_format(fields: Mapping[str, str]) -> str:
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items())


def in_format_of(adapter: dspy.Adapter, fields: Mapping[str, Any]) -> str:
    """An answer as the adapter expects it."""
    if isinstance(adapter, dspy.JSONAdapter):
        return json.dumps(fields)
    if isinstance(adapter, dspy.XMLAdapter):
        return "\n".join(f"<{name}>\n{value}\n</{name}>" for name, value in fields.items())
    return in_chat_format({name: str(value) for name, value in fields.items()})


def request_of(program: dspy.Module, adapter: dspy.Adapter, answer: Mapping[str, Any], **inputs: Any) -> str:
    """All that the program sends to a model that gives this answer to everything."""
    lm = scripted_lm(lambda prompt: in_format_of(adapter, answer))
    with dspy.context(lm=lm, adapter=adapter):
        program(**inputs)
    return "\n".join(f"{prompt.system}\n{prompt.text}" for prompt in prompts_of(lm))


def scripted_lm(script: Script, name: str = "scripted/task", **options: Any) -> dspy.LM:
    """An LM that answers with `script`; its prompts are in ``lm.engine.prompts``."""
    engine = ScriptedEngine(script, **options)
    # No retries inside the LM: they wait for seconds.
    return dspy.LM(name, engine=engine, async_engine=AsyncEngine(engine), cache=False, num_retries=0)


def prompts_of(lm: dspy.LM) -> list[Prompt]:
    return lm.engine.prompts


class PricedLM(dspy.BaseLM):
    """A model whose provider tells the price of every answer."""

    def __init__(self, script: Any, cost: float, name: str = "priced/task") -> None:
        super().__init__(name, cache=False)
        self._inner, self._cost = scripted_lm(script), cost

    def __deepcopy__(self, memo: dict[int, Any]) -> PricedLM:
        return self

    def forward(self, prompt: Any = None, messages: Any = None, **options: Any) -> Any:
        with dspy.context(disable_history=True, usage_tracker=None):  # its own record has no price
            text = self._inner(messages=messages)[0]
        text = text if isinstance(text, str) else text["text"]
        return SimpleNamespace(
            choices=[
                SimpleNamespace(
                    message=SimpleNamespace(content=text, tool_calls=None, reasoning_content=None),
                    finish_reason="stop",
                )
            ],
            usage={"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
            model=self.model,
            _hidden_params={"response_cost": self._cost},
        )


# A world in which instructions matter ---------------------------------------------------------------------
# Every question names the component that must know a word, and the word: "7: a needs w2". A component knows
# the words of its instructions. The reflector copies one word that is asked of its component and missing.


class TwoHops(dspy.Module):
    """Two predictors; `a` hands what it knows on to `b`, which answers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = dspy.Predict("question -> hint")
        self.b = dspy.Predict("question, hint -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        hint = self.a(question=question).hint
        return self.b(question=question, hint=hint)


class OneHop(dspy.Module):
    """One predictor, `b`."""

    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.b(question=question)


def knows_words(prompt: Prompt) -> dict[str, str]:
    """The task role: `right` when the word that is needed stands in the needy component's instructions."""
    component, word = re.findall(r"(\w+) needs (\w+)", prompt.user)[-1]
    knows = f"know {word}." in prompt.system
    if prompt.outputs == ["hint"]:
        return {"hint": "right" if component == "a" and knows else "nothing"}
    right = (component == "b" and knows) or prompt.field("hint") == "right"
    return {"answer": "right" if right else "wrong"}


def learns_words(prompt: Prompt) -> dict[str, str]:
    """The reflection role: adds the first word that its evidence asks of this component and it lacks."""
    component, text = prompt.field("component"), prompt.field("current_instruction")
    asked = re.findall(rf"{component} needs (\w+)", prompt.field("examples_with_feedback"))
    missing = [word for word in asked if f"know {word}." not in text]
    return {"new_instruction": f"{text} know {missing[0]}." if missing else f"{text} Be careful."}


def forgets_words(prompt: Prompt) -> dict[str, str]:
    """A reflector that remembers one word only, so that members come to know different things."""
    text = learns_words(prompt)["new_instruction"]
    first, *known = text.split(" know ")
    return {"new_instruction": f"{first} know {known[-1]}" if known else text}


def word_rows(count: int, *, words: int = 3, components: str = "ab", start: int = 0) -> list[dspy.Example]:
    rows = []
    for i in range(start, start + count):
        component, word = components[i % len(components)], f"w{i // len(components) % words}"
        example = dspy.Example(question=f"{i}: {component} needs {word}", answer="right")
        rows.append(example.with_inputs("question"))
    return rows


def is_right(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> float:
    return float(gold.answer == pred.answer)


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
                kind=("seed", "mutation", "merge")[len(entry.parents)],
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
