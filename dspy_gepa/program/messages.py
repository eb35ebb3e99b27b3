"""Chat messages that a program's predictors send, for use without DSPy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args

import dspy
from pydantic_core import PydanticUndefined

from dspy_gepa.program.dspy_api import adapter_in_use

Messages: TypeAlias = list[dict[str, Any]]


def messages_by_predictor(
    program: dspy.Module, example: dspy.Example | Mapping[str, Any]
) -> tuple[dict[str, Messages], dict[str, list[str]]]:
    """Return the messages that every predictor would send for an example, in the configured adapter's format.

    Args:
        program: The program.
        example: A `dspy.Example`; only its inputs count if it declares them; or a mapping, which may
            also hold outputs of earlier predictors.

    Returns:
        The messages by predictor, as the adapter writes them for a model without native tools or reasoning;
        and by predictor without messages, the names of the input fields that the example lacks.
    """
    values = _values(example)
    adapter = adapter_in_use()
    found: dict[str, Messages] = {}
    missing: dict[str, list[str]] = {}
    for name, predictor in program.named_predictors():
        fields = predictor.signature.input_fields
        inputs = _defaults(fields) | {key: values[key] for key in fields if key in values}
        absent = [key for key, field in fields.items() if key not in inputs and not _may_be_none(field)]
        if absent:
            missing[name] = absent
        else:
            found[name] = chat_messages(adapter.format(predictor.signature, predictor.demos, inputs))
    return found, missing


def chat_messages(prompt: Any) -> Messages:
    """Return what an adapter wrote as chat messages in OpenAI's form.

    Args:
        prompt: A list of such messages, as adapters write in DSPy 3.4; or the typed prompt of DSPy 3.5, with
            `messages` and `system`.
    """
    if isinstance(prompt, list):
        return prompt
    system = [{"role": "system", "content": _content(prompt.system)}] if prompt.system else []
    return system + [chat for message in prompt.messages for chat in _chat_messages(message)]


def _chat_messages(message: Any) -> Iterator[dict[str, Any]]:
    """Yield a message, without its thoughts; a message of tool results is one for each result."""
    results = [part for part in message.parts if part.type == "tool_result"]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.id, "content": _content(result.content)}
    calls = [_call(part) for part in message.parts if part.type == "tool_call"]
    said = [part for part in message.parts if part.type not in ("tool_result", "tool_call", "thinking")]
    if said or not results:
        content = _content(said) if said or not calls else None
        yield {"role": message.role, "content": content} | ({"tool_calls": calls} if calls else {})


def _call(part: Any) -> dict[str, Any]:
    arguments = json.dumps(part.input, ensure_ascii=False)
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _content(parts: Any) -> str | list[dict[str, Any]]:
    """Return text as it is; parts as one text if they hold nothing else, or as blocks."""
    if isinstance(parts, str):
        return parts
    blocks = [_block(part) for part in parts]
    if all(block["type"] == "text" for block in blocks):
        return "".join(block["text"] for block in blocks)
    return blocks


def _block(part: Any) -> dict[str, Any]:
    match part.type:
        case "image" if not part.file_id:
            return {"type": "image_url", "image_url": {"url": _address(part)}}
        case "audio" if part.data:
            kind = part.media_type.rpartition("/")[2]
            sound = {"data": part.data, "format": {"mpeg": "mp3", "x-wav": "wav"}.get(kind, kind)}
            return {"type": "input_audio", "input_audio": sound}
        case "image" | "audio" | "video" | "document" | "binary":
            file = {"file_id": part.file_id} if part.file_id else {"file_data": _address(part)}
            return {"type": "file", "file": file}
        case "data":
            return {"type": "text", "text": json.dumps(part.value, ensure_ascii=False)}
    return {"type": "text", "text": str(part.text)}


def _address(part: Any) -> str:
    return str(part.url or f"data:{part.media_type};base64,{part.data}")


def _values(example: dspy.Example | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(example, dspy.Example):
        try:
            return dict(example.inputs())
        except ValueError:  # it does not declare its inputs
            return {str(name): value for name, value in example.items()}
    return dict(example)


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: field.default for key, field in fields.items() if field.default is not PydanticUndefined}


def _may_be_none(field: Any) -> bool:
    return type(None) in get_args(field.annotation)
