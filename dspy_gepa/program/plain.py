"""Values as data: what programs take and give, in a form that can be recorded, compared and shown."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeGuard

import dspy
from dspy.adapters.types.citation import Citations
from dspy.adapters.types.document import Document
from pydantic import BaseModel

from dspy_gepa.program.media import disarm
from dspy_gepa.types import MEDIA_END, MEDIA_START

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # where an object lay in memory: another one in every run


def to_plain(value: Any, media: Sequence[str] = ()) -> Any:
    """`value` as JSON-like data: what reflections, the journal and reports can hold.

    Images and other media stay what DSPy marks for its adapters to send; in texts nothing poses as one.

    Args:
        value: Anything; what has no data of its own becomes its string.
        media: Marked media that texts may hold.
    """
    if isinstance(value, Enum):
        return to_plain(value.value, media)
    if isinstance(value, str):
        return disarm(str(value), media)
    for plain in (bool, int, float):  # of a subclass, such as numpy's, the plain value
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
    """A Pydantic model, or one of DSPy's own types, as DSPy shows it to a model.

    Documents and citations are marked as media too, but few models take them as such; they are words.
    """
    if isinstance(value, (Citations, Document)):
        return to_plain(vars(value))
    try:
        data = value.model_dump(mode="json", fallback=to_plain)
    except Exception:  # a type whose own code fails; what it holds can still be told
        return to_plain(vars(value))
    if isinstance(value, dspy.Type) and _is_marked(data):
        return _words(data) or data
    return to_plain(data, tuple(media_in(vars(value))))


def media_in(value: Any) -> Iterator[str]:
    """Every image or other medium in a value, as `to_plain` leaves it."""
    if isinstance(value, dspy.Type) and _is_marked(data := _model_data(value)):
        yield data
    else:
        for part in _parts_of(value):
            yield from media_in(part)


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a value, but for images and other media."""
    if isinstance(value, str):
        yield value
    elif not (isinstance(value, dspy.Type) and any(media_in(value))):
        for part in _parts_of(value):
            yield from texts_in(part)


def _parts_of(value: Any) -> Collection[Any]:
    """What a value holds; nothing where it is no container."""
    if isinstance(value, BaseModel):
        return vars(value).values()
    if isinstance(value, (dspy.Example, Mapping)):
        return list(value.values())
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()


def medium_of(data: Any) -> Any:
    """The image, audio or file that `to_plain` made these data of; what is none of these as it is."""
    if not _is_marked(data):
        return data
    match _parts(data):
        case [{"type": "image_url", "image_url": {"url": str(url)}}]:
            return dspy.Image(url=url)
        case [{"type": "input_audio", "input_audio": {"data": str(sound), "format": str(kind)}}]:
            return dspy.Audio(data=sound, audio_format=kind)
        case [{"type": "file", "file": dict(parts)}]:
            return dspy.File(parts)
    return data


def _is_marked(data: Any) -> TypeGuard[str]:
    """Whether it is one medium; one whose own data holds further marks is not to be trusted."""
    return isinstance(data, str) and data == f"{MEDIA_START}{_inside(data)}{MEDIA_END}"


def _inside(data: str) -> str:
    return disarm(data[len(MEDIA_START) : -len(MEDIA_END)])


def _parts(marked_data: str) -> Any:
    try:
        return json.loads(_inside(marked_data))
    except ValueError:  # a type that writes the marks itself, around something else
        return []


def _words(marked_data: str) -> str:
    """The text of a user's own type that is nothing but text, "" for any other."""
    parts = _parts(marked_data)
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return ""
    return "\n".join(str(part.get("text", "")) for part in parts)
