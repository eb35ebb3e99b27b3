"""Writes a simulated model's reply in the format its prompt asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from benchmarks.simulated.prompt import Field, Prompt

Value = str | list[str] | dict[str, Any]

# No adapter can read this: the model talks about the task and never gives the fields.
GARBAGE = "I looked at everything I was given and I am fairly sure about it, but let me think aloud"


def write_reply(prompt: Prompt, values: Mapping[str, Value]) -> str:
    """The reply holding `values`; output fields that are missing from it get some text of the right type."""
    filled = {field.name: _fill(field, values, prompt) for field in prompt.outputs}
    if prompt.format == "json":
        return json.dumps(
            {name: _typed(field, filled[name]) for name, field in _named(prompt)}, ensure_ascii=False
        )
    if prompt.format == "xml":
        return "\n\n".join(_xml(name, value) for name, value in filled.items())
    if prompt.format == "chat":
        parts = [f"[[ ## {name} ## ]]\n{_plain(value)}" for name, value in filled.items()]
        return "\n\n".join([*parts, "[[ ## completed ## ]]\n"])
    text = _plain(filled["text"])
    return f"Here is the new text.\n\n```\n{text}\n```" if "```" in prompt.text else text


def _named(prompt: Prompt) -> list[tuple[str, Field]]:
    return [(field.name, field) for field in prompt.outputs]


def _fill(field: Field, values: Mapping[str, Value], prompt: Prompt) -> Value:
    if field.name in values:
        return values[field.name]
    return default_value(field, prompt)


def default_value(field: Field, prompt: Prompt) -> Value:
    """Some value of the field's type, for fields no role has anything to say about."""
    kind = field.kind.replace(" ", "").lower()
    choices = re.findall(r"['\"]([^'\"]+)['\"]", field.kind) if kind.startswith("literal") else []
    if choices:
        return str(choices[0])
    if kind.startswith(("list", "tuple", "set")):
        return []
    if kind.startswith("dict"):
        return {}
    numbers = {"int": "0", "float": "0.5", "bool": "True"}
    if kind in numbers:
        return numbers[kind]
    return _sentence_about(field, prompt)


def _sentence_about(field: Field, prompt: Prompt) -> str:
    seen = ", ".join(name.replace("_", " ") for name in list(prompt.inputs)[:4]) or "the request"
    name = field.name.replace("_", " ")
    return f"A short {name} drawn from {seen}: the rows ask for facts found in several texts."


def _typed(field: Field, value: Value) -> object:
    if isinstance(value, str) and field.kind in ("int", "float", "bool"):
        return json.loads(value.lower())
    return value


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _xml(name: str, value: Value) -> str:
    # Elements hold text only; a number has to be written as JSON to stay one.
    if isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values()):
        entries = "".join(f"<entry key={quoteattr(k)}>{escape(v)}</entry>" for k, v in value.items())
        return f"<{name}>{entries}</{name}>"
    if isinstance(value, list):
        return f"<{name}>{''.join(f'<item>{escape(item)}</item>' for item in value)}</{name}>"
    return f"<{name}>\n{escape(_plain(value))}\n</{name}>"
