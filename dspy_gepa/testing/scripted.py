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

# What every call is charged for, so that tests of usage know what to expect.
TOKENS_IN, TOKENS_OUT = 5, 3

_OUTPUTS = re.compile(r"^Your output(?: fields are|s must contain):\n((?:\d+\. `\w+`.*\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """What a model was sent.

    Attributes:
        system: The system message: fields, their layout, and the instructions.
        user: The last message, with the values of the input fields.
        text: All messages but the system's.
        temperature: The temperature that was asked for, if one was.
        tools: The tools that were offered as functions, in words; "" without any.
    """

    system: str
    user: str
    text: str
    temperature: float | None = None
    tools: str = ""

    @property
    def instructions(self) -> str:
        """The predictor's instructions; the whole system message where it is none of DSPy's."""
        return self.system.rpartition("your objective is:")[2].strip()

    @property
    def asks_for_reflection(self) -> bool:
        """Whether `GEPA` asks for a new text here."""
        return not {"new_instruction", "new_text"}.isdisjoint(self.outputs)

    @property
    def outputs(self) -> list[str]:
        """Names of the output fields that are asked for."""
        listed = _OUTPUTS.search(self.system)
        return re.findall(r"^\d+\. `(\w+)`", listed[1], re.MULTILINE) if listed else []

    def field(self, name: str) -> str:
        """The value of an input field as it stands in the last message, or ""."""
        chat = rf"\[\[ ## {name} ## \]\]\n(.*?)(?:\n\n\[\[ ## |\n\nRespond with)"
        xml = rf"^<{name}>\n(.*?)\n</{name}>"
        found = re.search(chat, self.user, re.DOTALL) or re.search(xml, self.user, re.DOTALL | re.MULTILINE)
        return found[1] if found else ""


AnswerPart: TypeAlias = "TextPart | ThinkingPart | ToolCallPart"
ScriptedAnswer: TypeAlias = "Mapping[str, Any] | str | Sequence[AnswerPart] | Exception"
"""Values of output fields, which are written in the format that the prompt asks for; or the raw text of the
answer; or its parts, such as thoughts and calls of functions; or an error to raise."""

Script: TypeAlias = "Callable[[Prompt], ScriptedAnswer]"
"""Answers a prompt. Let it depend on the prompt alone: calls come from several threads, in any order."""


@dataclass
class ScriptedEngine:
    """The engine of a `ScriptedLM`: what DSPy sends a request to.

    Attributes:
        script: Answers prompts.
        finish_reason: Why every answer ended: ``"stop"``, or ``"length"`` for one that was cut off.
        supports_function_calling: Whether it takes tools as functions.
        supports_reasoning: Whether it gives its thoughts apart from its answer.
        prompts: What was asked, in order of arrival.
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
            Exception: The one that the script gave or raised.
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
        """The same answer in pieces."""
        yield from response_to_events(self.complete(request))


@dataclass(frozen=True)
class AsyncScriptedEngine:
    """The same for calls that are awaited.

    Attributes:
        engine: Answers them.
    """

    engine: ScriptedEngine

    @property
    def supports_function_calling(self) -> bool:
        """As the other engine does."""
        return self.engine.supports_function_calling

    @property
    def supports_reasoning(self) -> bool:
        """As the other engine does."""
        return self.engine.supports_reasoning

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncScriptedEngine:
        return self

    async def complete(self, request: Request) -> Response:
        """Answer one request."""
        return self.engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        """The same answer in pieces."""
        for event in self.engine.stream(request):
            yield event


class ScriptedLM(dspy.LM):
    """A `dspy.LM` that answers as a script says, from any number of threads, without a network.

        lm = ScriptedLM({"answer": "Paris"})
        lm = ScriptedLM(lambda prompt: {"answer": "Paris" if "France" in prompt.user else "no idea"})

    It fits wherever a `dspy.LM` does, as the task's model and as `reflection_lm`, with DSPy's Chat, JSON, XML
    and two-step adapters. Nothing is cached and nothing is tried again.

    Args:
        script: A function from `Prompt` to `ScriptedAnswer`; or one answer for all prompts.
        model: The name under which usage is counted.
        finish_reason: Why every answer ended: ``"stop"``, or ``"length"`` for one that was cut off.
        supports_function_calling: Whether it takes tools as functions.
        supports_reasoning: Whether it gives its thoughts apart from its answer.
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
        """What was asked of it and of its copies, in order of arrival."""
        return list(self.engine.prompts)


@dataclass(frozen=True)
class _Constant:
    answer: ScriptedAnswer

    def __call__(self, prompt: Prompt) -> ScriptedAnswer:
        return self.answer


def in_format_of(prompt: Prompt, fields: Mapping[str, Any]) -> str:
    """Values of output fields as the adapter that wrote the prompt reads them."""
    texts = {name: value if isinstance(value, str) else _plain(value) for name, value in fields.items()}
    asked = prompt.user.rpartition("Respond with")[2]
    if asked.startswith(" a JSON object"):
        return _plain(dict(fields))
    if "wrapped in XML tags" in asked:
        return "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in texts.items())
    if "Your outputs must contain:" in prompt.system:  # for DSPy's second step to read
        return "\n".join(f"{name}: {text}" for name, text in texts.items())
    return in_chat_format(texts)


def in_chat_format(fields: Mapping[str, str]) -> str:
    """Values of output fields as `dspy.ChatAdapter` reads them."""
    return "\n\n".join(f"[[ ## {name} ## ]]\n{text}" for name, text in fields.items())


def _text_of(message: Message) -> str:
    """All that is in a message; of images and results of tools, what they say of themselves."""
    return "".join(part.text if isinstance(part, TextPart) else repr(part) for part in message.parts)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
