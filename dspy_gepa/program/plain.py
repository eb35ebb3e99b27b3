"""Values as plain data: inputs and outputs of programs in a form to record, compare and show."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeGuard

import dspy
from pydantic import BaseModel

from dspy_gepa.program.dspy_api import Citations, Document
from dspy_gepa.program.media import disarm
from dspy_gepa.types import MEDIA_END, MEDIA_START

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # an object's address in memory, another one in every run


def to_plain(value: Any, media: Sequence[str] = ()) -> Any:
    """Return `value` as JSON-like data, as reflections, the journal and reports hold it.

    Images and other media stay marked, so that DSPy's adapters send them; marks in texts are removed.

    Args:
        value: Anything; an object of no known type becomes its string.
        media: Marked media that texts may hold.
    """
    if isinstance(value, Enum):
        return to_plain(value.value, media)
    if isinstance(value, str):
        return disarm(str(value), media)
    for plain in (bool, int, float):  # subclasses, such as numpy's, become the plain type
        if isinstance(value, plain):
            return plain(value)
    if value is None:
        return None
    if isinstance(value, dspy.History):
        return to_plain(value.messages, media)
    if isinstance(value, BaseModel):
        return _model_data(value)
    if isinstance(value, (dspy.Example, Mapping)):
        return {str(k): to_plain(v, media) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name), media) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(v, media) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((to_plain(v, media) for v in value), key=str)
    return disarm(_ADDRESS.sub("", str(value)), media)


def _model_data(value: BaseModel) -> Any:
    """Return a Pydantic model, or one of DSPy's own types, as DSPy shows it to a model.

    DSPy marks documents and citations as media too, but few models accept them as such; here they are text.
    """
    if isinstance(value, (Citations, Document)):
        return to_plain(vars(value))
    try:
        data = value.model_dump(mode="json", fallback=to_plain)
    except Exception:  # a type whose own code fails still has fields
        return to_plain(vars(value))
    if isinstance(value, dspy.Type) and _is_marked(data):
        return _words(data) or data
    return to_plain(data, tuple(media_in(vars(value))))


def media_in(value: Any) -> Iterator[str]:
    """Yield every image or other medium in a value, in the form that `to_plain` gives it."""
    if isinstance(value, dspy.Type) and _is_marked(data := _model_data(value)):
        yield data
    else:
        for part in _parts_of(value):
            yield from media_in(part)


def texts_in(value: Any) -> Iterator[str]:
    """Yield every string in a value, without images and other media."""
    if isinstance(value, str):
        yield value
    elif not (isinstance(value, dspy.Type) and any(media_in(value))):
        for part in _parts_of(value):
            yield from texts_in(part)


def _parts_of(value: Any) -> Collection[Any]:
    """Return the parts of a container; nothing for any other value."""
    if isinstance(value, BaseModel):
        return vars(value).values()
    if isinstance(value, (dspy.Example, Mapping)):
        return list(value.values())
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()


def medium_of(data: Any) -> Any:
    """Return the image, audio or file that `to_plain` turned into `data`; any other data as they are."""
    if not _is_marked(data):
        return data
    match _parts(data):
        case [{"type": "image_url", "image_url": {"url": str(url)}}]:
            return dspy.Image(url=url)
        case [{"type": "input_audio", "input_audio": {"data": str(sound), "format": str(kind)}}]:
            return dspy.Audio(data=sound, audio_format=kind)
        case [{"type": "file", "file": dict(parts)}]:
            return dspy.File(parts)
        case [{"type": "image" | "audio" | "document"} as part]:
            return _medium(part) or data
    return data


def _medium(part: dict[str, Any]) -> Any:
    """Return the medium of a part as DSPy 3.5 writes it; None if DSPy has no such type."""
    kind, media_type = part["type"], str(part.get("media_type", ""))
    inline = f"data:{media_type};base64,{part['data']}" if part.get("data") else None
    if kind == "image" and (url := part.get("url") or inline):
        return dspy.Image(url=url)
    if kind == "audio" and inline:
        name = media_type.rpartition("/")[2]
        return dspy.Audio(data=part["data"], audio_format={"mpeg": "mp3"}.get(name, name))
    if kind == "document" and (part.get("file_id") or inline):
        return dspy.File(file_id=part.get("file_id"), file_data=inline)
    return None


def _is_marked(data: Any) -> TypeGuard[str]:
    """Return True for exactly one medium; data with marks inside could be forged and do not count."""
    return isinstance(data, str) and data == f"{MEDIA_START}{_inside(data)}{MEDIA_END}"


def _inside(data: str) -> str:
    return disarm(data[len(MEDIA_START) : -len(MEDIA_END)])


def _parts(marked_data: str) -> Any:
    try:
        return json.loads(_inside(marked_data))
    except ValueError:  # a type that writes the marks itself, around other data
        return []


def _words(marked_data: str) -> str:
    """Return the text of a user's own type that consists of text only; "" for any other."""
    parts = _parts(marked_data)
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return ""
    return "\n".join(str(part.get("text", "")) for part in parts)


def as_prediction(output: Any) -> dspy.Prediction:
    """Return a prediction with the fields of a recorded output; an output without fields becomes `output`."""
    prediction = dspy.Prediction()
    # One by one: as keywords, a field named like a parameter of Prediction would be taken for it.
    for name, value in (output if isinstance(output, Mapping) else {"output": output}).items():
        prediction[name] = value
    return prediction
