"""Reads the prompt a DSPy adapter wrote: instructions, demonstrations, input fields, asked outputs.

Understands ChatAdapter, JSONAdapter and XMLAdapter. Anything else (a plain string, as gepa's own reflection
prompt) becomes a `Prompt` in "plain" format with one input field, `prompt`, and one output field, `text`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from dspy.lm15 import Message, Request, TextPart

Format = Literal["chat", "json", "xml", "plain"]

_OBJECTIVE = "In adhering to this structure, your objective is:"
_STRUCTURE = "All interactions will be structured in the following way"
_FIELD = re.compile(r"^\d+\. `([^`\n]+)` \((.*?)\):", re.MULTILINE)
_REQUEST_TAIL = re.compile(
    r"\n*^Respond with (?:the corresponding output fields|a JSON object in the following order)"
    r"(?!.*\n\n\[\[ ## ).*\Z",
    re.MULTILINE | re.DOTALL,
)
_CHAT_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\][ \t]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """One field of a signature: its name, and its type as printed (`str`, `list[str]`, ...)."""

    name: str
    kind: str = "str"


@dataclass(frozen=True)
class Demo:
    """One worked example in the prompt: field values as text, outputs under their own mapping."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Prompt:
    """What a language model was asked. `text` is the whole prompt, and what randomness is derived from."""

    format: Format
    instructions: str
    inputs: Mapping[str, str]
    outputs: tuple[Field, ...]
    demos: tuple[Demo, ...]
    text: str


@dataclass(frozen=True)
class _Header:
    format: Format
    instructions: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


def read_prompt(request: Request) -> Prompt:
    """Read `request`; never fails on a valid request, whatever its text says."""
    system = _system_text(request)
    turns = [(message.role, _message_text(message)) for message in request.messages]
    text = "\n".join([system, *(f"{role}: {content}" for role, content in turns)])
    header = _read_header(system)
    if header is None:
        body = "\n\n".join(part for part in [system, *(content for _, content in turns)] if part)
        return Prompt("plain", "", {"prompt": body}, (Field("text"),), (), text)
    asked = [index for index, (role, _) in enumerate(turns) if role != "assistant"]
    last = asked[-1] if asked else len(turns) - 1
    inputs = _read_values(_REQUEST_TAIL.sub("", turns[last][1]), header.format, header.inputs)
    return Prompt(
        header.format, header.instructions, inputs, header.outputs, _read_demos(turns[:last], header), text
    )


def _system_text(request: Request) -> str:
    if request.system is None:
        return ""
    if isinstance(request.system, str):
        return request.system
    return "\n".join(part.text for part in request.system if isinstance(part, TextPart))


def _message_text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, TextPart))


@lru_cache(maxsize=8192)
def _read_header(system: str) -> _Header | None:
    head, objective, instructions = system.partition(_OBJECTIVE)
    fields, structure, layout = head.partition(_STRUCTURE)
    before, outputs_title, outputs = fields.partition("Your output fields are:")
    if not (objective and structure and outputs_title):
        return None
    asked = _fields(outputs)
    if "Outputs will be a JSON object" in layout:
        style: Format = "json"
    elif f"<{asked[0].name}>" in layout if asked else False:
        style = "xml"
    else:
        style = "chat"
    return _Header(style, _dedent(instructions), _fields(before), asked)


def _fields(listing: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name, kind in _FIELD.findall(listing))


def _dedent(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _read_demos(turns: list[tuple[str, str]], header: _Header) -> tuple[Demo, ...]:
    demos = []
    for (role, question), (next_role, reply) in pairwise(turns):
        if role != "assistant" and next_role == "assistant":
            style = header.format
            outputs = _read_json(reply) if style == "json" else _read_values(reply, style, header.outputs)
            demos.append(Demo(_read_values(question, style, header.inputs), outputs))
    return tuple(demos)


def _read_values(text: str, style: Format, fields: tuple[Field, ...]) -> dict[str, str]:
    if style == "xml":
        return _read_xml(text, fields)
    known = {field.name for field in fields}
    headers = [match for match in _CHAT_HEADER.finditer(text) if match[1] in known or match[1] == "completed"]
    values: dict[str, str] = {}
    for index, match in enumerate(headers):
        end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
        if match[1] in known:
            values.setdefault(match[1], text[match.end() : end].strip())
    return values


def _read_xml(text: str, fields: tuple[Field, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for field in fields:
        start, end = f"<{field.name}>", f"</{field.name}>"
        if start in text and end in text:
            values[field.name] = text.partition(start)[2].rpartition(end)[0].strip()
    return values


def _read_json(text: str) -> dict[str, str]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(data, dict):
        return {}
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in data.items()}
