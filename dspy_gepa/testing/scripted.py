"""A language model that answers as a function says: no network, no key, no waiting."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import dspy
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

# Usage of every call, so that tests know what to expect.
TOKENS_IN, TOKENS_OUT = 5, 3

_OUTPUTS = re.compile(r"^Your output(?: fields are|s must contain):\n((?:\d+\. `\w+`.*\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """A request to a language model.

    Attributes:
        system: The system message: fields, their layout, and the instructions.
        user: The last message, with the values of the input fields.
        text: All messages except the system message.
        temperature: Requested temperature, if any.
        tools: Text form of the tools offered as functions; "" without any.
    """

    system: str
    user: str
    text: str
    temperature: float | None = None
    tools: str = ""

    @property
    def instructions(self) -> str:
        """Instructions of the predictor; the whole system message if DSPy did not write it."""
        return self.system.rpartition("your objective is:")[2].strip()

    @property
    def asks_for_reflection(self) -> bool:
        """True if `GEPA` asks for a new text."""
        return not {"new_instruction", "new_text"}.isdisjoint(self.outputs)

    @property
    def outputs(self) -> list[str]:
        """Names of the requested output fields."""
        listed = _OUTPUTS.search(self.system)
        return re.findall(r"^\d+\. `(\w+)`", listed[1], re.MULTILINE) if listed else []

    def field(self, name: str) -> str:
        """Return the value of an input field in the last message, or ""."""
        chat = rf"\[\[ ## {name} ## \]\]\n(.*?)(?:\n\n\[\[ ## |\n\nRespond with)"
        xml = rf"^<{name}>\n?(.*?)\n?</{name}>$"
        found = re.search(chat, self.user, re.DOTALL) or re.search(xml, self.user, re.DOTALL | re.MULTILINE)
        return found[1] if found else ""


AnswerPart: TypeAlias = "TextPart | ThinkingPart | ToolCallPart"
ScriptedAnswer: TypeAlias = "Mapping[str, Any] | str | Sequence[AnswerPart] | Exception"
"""Values of output fields, written in the format that the prompt asks for; or the raw text of the answer; or
its parts, such as thoughts and function calls; or an error to raise."""

Script: TypeAlias = "Callable[[Prompt], ScriptedAnswer]"
"""Answers a prompt. It should depend on the prompt alone: calls come from several threads, in any order."""


@dataclass
class ScriptedEngine:
    """The engine of a `ScriptedLM`, to which DSPy sends requests.

    Attributes:
        script: Answers prompts.
        finish_reason: Reason for the end of every answer: ``"stop"``, or ``"length"`` if it was cut off.
        supports_function_calling: True to accept tools as functions.
        supports_reasoning: True to return thoughts apart from the answer.
        prompts: Prompts in order of arrival.
    """

    script: Script
    finish_reason: str = "stop"
    supports_function_calling: bool = False
    supports_reasoning: bool = False
    prompts: list[Prompt] = field(default_factory=list)

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptedEngine:
        return self  # copies of the LM report to the same list

    def complete(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            Exception: The script returned or raised it.
        """
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
            answer = in_format_of(prompt, answer)
        return Response(
            id=None,
            model="scripted",
            message=Message.assistant([TextPart(answer)] if isinstance(answer, str) else list(answer)),
            finish_reason=self.finish_reason,
            usage=Usage(
                input_tokens=TOKENS_IN, output_tokens=TOKENS_OUT, total_tokens=TOKENS_IN + TOKENS_OUT
            ),
        )

    def stream(self, request: Request) -> Iterator[Any]:
        """Answer one request in pieces."""
        yield from response_to_events(self.complete(request))


@dataclass(frozen=True)
class AsyncScriptedEngine:
    """The engine for awaited calls.

    Attributes:
        engine: Answers them.
    """

    engine: ScriptedEngine

    @property
    def supports_function_calling(self) -> bool:
        """As for the other engine."""
        return self.engine.supports_function_calling

    @property
    def supports_reasoning(self) -> bool:
        """As for the other engine."""
        return self.engine.supports_reasoning

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncScriptedEngine:
        return self

    async def complete(self, request: Request) -> Response:
        """Answer one request."""
        return self.engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        """Answer one request in pieces."""
        for event in self.engine.stream(request):
            yield event


class ScriptedLM(dspy.LM):
    """A `dspy.LM` that answers as a script says, from any number of threads, without a network.

        lm = ScriptedLM({"answer": "Paris"})
        lm = ScriptedLM(lambda prompt: {"answer": "Paris" if "France" in prompt.user else "no idea"})

    It replaces a `dspy.LM`, as the task's model or as `reflection_lm`, with DSPy's Chat, JSON, XML and
    two-step adapters. Nothing is cached and nothing is retried.

    Args:
        script: A function from `Prompt` to `ScriptedAnswer`; or one answer for all prompts.
        model: Name under which usage is counted.
        finish_reason: Reason for the end of every answer: ``"stop"``, or ``"length"`` if it was cut off.
        supports_function_calling: True to accept tools as functions.
        supports_reasoning: True to return thoughts apart from the answer.
        options: Further options of `dspy.LM`, such as ``temperature``.
    """

    def __init__(
        self,
        script: Script | ScriptedAnswer,
        model: str = "scripted/model",
        *,
        finish_reason: str = "stop",
        supports_function_calling: bool = False,
        supports_reasoning: bool = False,
        **options: Any,
    ) -> None:
        engine = ScriptedEngine(
            script if callable(script) else _Constant(script),
            finish_reason,
            supports_function_calling,
            supports_reasoning,
        )
        # Retries inside the LM would wait for seconds.
        settings = {"cache": False, "num_retries": 0} | options
        super().__init__(model, engine=engine, async_engine=AsyncScriptedEngine(engine), **settings)

    @property
    def prompts(self) -> list[Prompt]:
        """Prompts sent to it and its copies, in order of arrival."""
        return list(self.engine.prompts)


@dataclass(frozen=True)
class _Constant:
    answer: ScriptedAnswer

    def __call__(self, prompt: Prompt) -> ScriptedAnswer:
        return self.answer


def in_format_of(prompt: Prompt, fields: Mapping[str, Any]) -> str:
    """Format values of output fields for the adapter that wrote the prompt."""
    texts = {name: value if isinstance(value, str) else _plain(value) for name, value in fields.items()}
    asked = prompt.user.rpartition("Respond with")[2]
    if asked.startswith(" a JSON object"):
        return _plain(dict(fields))
    if "wrapped in XML tags" in asked or _is_laid_out_in_tags(prompt, fields):
        return "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in texts.items())
    if "Your outputs must contain:" in prompt.system:  # for DSPy's second step to read
        return "\n".join(f"{name}: {text}" for name, text in texts.items())
    return in_chat_format(texts)


def _is_laid_out_in_tags(prompt: Prompt, fields: Mapping[str, Any]) -> bool:
    """Return True if the system message shows the layout of the answer in tags, whatever its words."""
    return "[[ ## " not in prompt.system and all(f"<{name}>" in prompt.system for name in fields)


def in_chat_format(fields: Mapping[str, str]) -> str:
    """Format values of output fields for `dspy.ChatAdapter`."""
    return "\n\n".join(f"[[ ## {name} ## ]]\n{text}" for name, text in fields.items())


def _text_of(message: Message) -> str:
    """Return the text of a message; other parts, such as images, as their repr."""
    return "".join(part.text if isinstance(part, TextPart) else repr(part) for part in message.parts)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
