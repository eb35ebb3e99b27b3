"""Values as plain data: inputs and outputs of programs in a form to record, compare and show."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeGuard

import dspy
from pydantic import BaseModel

from dspy_gepa.program.dspy_api import Citations, Document
from dspy_gepa.program.media import LONG, disarm, elide, shared
from dspy_gepa.types import MEDIA_END, MEDIA_START

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # an object's address in memory, another one in every run


# Bounds of plain data. A program can return anything, also what holds itself or never ends.
MAX_DEPTH = 100
MAX_ITEMS = 100_000
MAX_CHARS = 1_000_000
MAX_INT = 10**4_000  # Python writes no larger ones in decimal digits
TOO_LARGE = "[a number of more than 4,000 digits]"
ITSELF = "[a value that holds this one]"
TOO_DEEP = "[nested too deeply, left out]"
TOO_MANY = "[further items, left out]"


def to_plain(value: Any, media: Sequence[str] = ()) -> Any:
    """Return `value` as JSON-like data of bounded depth and size, as reflections and the journal hold it.

    Images and other media stay marked, so that DSPy's adapters send them; marks in texts are removed. A value
    whose own code fails becomes a note with its class.

    Args:
        value: Anything; an object of no known type becomes its string.
        media: Marked media that texts may hold.
    """
    return _Reader().read(value, media)


def repr_of(value: Any) -> str:
    """Return the `repr` of a value, bounded and without marks; a note if its code fails."""
    try:
        return elide(disarm(repr(value)), MAX_CHARS)
    except Exception:
        return _cannot_be_shown(value)


def _cannot_be_shown(value: Any) -> str:
    return f"[a {type(value).__name__} that cannot be shown]"


class _Reader:
    """Reads one value, whatever it holds."""

    def __init__(self) -> None:
        self._around: set[int] = set()
        self._room = MAX_ITEMS

    def read(self, value: Any, media: Sequence[str]) -> Any:
        self._room -= 1
        if isinstance(value, str) and not isinstance(value, Enum):
            text = elide(disarm(str(value), media), MAX_CHARS)
            return text if len(text) < LONG else shared(text)
        if value is None:
            return None
        if id(value) in self._around:
            return ITSELF
        if len(self._around) >= MAX_DEPTH:
            return TOO_DEEP
        self._around.add(id(value))
        try:
            return self._read(value, media)
        except Exception:  # the value's own code, or what it holds is nested too deeply for Python
            return _cannot_be_shown(value)
        finally:
            self._around.discard(id(value))

    def _read(self, value: Any, media: Sequence[str]) -> Any:
        if isinstance(value, Enum):
            return self.read(value.value, media)
        for plain in (bool, int, float):  # subclasses, such as numpy's, become the plain type
            if isinstance(value, plain):
                return plain(value) if abs(value) < MAX_INT or plain is float else TOO_LARGE
        if isinstance(value, dspy.History):
            return self.read(value.messages, media)
        if isinstance(value, BaseModel):
            return self._read_model(value)
        if isinstance(value, (dspy.Example, Mapping)):
            return self._read_fields(value.items(), media)
        if is_dataclass(value) and not isinstance(value, type):
            return self._read_fields(((f.name, getattr(value, f.name)) for f in fields(value)), media)
        if isinstance(value, (list, tuple)):
            return self._read_items(value, media)
        if isinstance(value, (set, frozenset)):
            return sorted(self._read_items(value, media), key=str)
        return elide(disarm(_ADDRESS.sub("", str(value)), media), MAX_CHARS)

    def _read_fields(self, items: Iterable[tuple[Any, Any]], media: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in items:
            if self._room <= 0:
                return {**found, TOO_MANY: ""}
            found[str(name)] = self.read(value, media)
        return found

    def _read_items(self, items: Iterable[Any], media: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        for value in items:
            if self._room <= 0:
                return [*found, TOO_MANY]
            found.append(self.read(value, media))
        return found

    def _read_model(self, value: BaseModel) -> Any:
        """Return a Pydantic model, or one of DSPy's own types, as DSPy shows it to a model.

        DSPy marks documents and citations as media too, but few models accept them as such; here they are
        text.
        """
        if isinstance(value, (Citations, Document)):
            return self.read(vars(value), ())
        try:
            data = value.model_dump(mode="json", fallback=lambda part: self.read(part, ()))
        except Exception:  # a type whose own code fails still has fields
            return self.read(vars(value), ())
        if isinstance(value, dspy.Type) and _is_marked(data):
            return _words(data) or shared(data)
        return self.read(data, tuple(media_in(vars(value))))


def media_in(value: Any, around: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield every image or other medium in a value, in the form that `to_plain` gives it."""
    if isinstance(value, dspy.Type) and _is_marked(data := to_plain(value)):
        yield data
    elif id(value) not in around and len(around) < MAX_DEPTH:
        for part in _parts_of(value):
            yield from media_in(part, (*around, id(value)))


def texts_in(value: Any, around: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield every string in a value, without images and other media."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dspy.Type) and any(media_in(value)):
        return
    elif id(value) not in around and len(around) < MAX_DEPTH:
        for part in _parts_of(value):
            yield from texts_in(part, (*around, id(value)))


def _parts_of(value: Any) -> Collection[Any]:
    """Return the parts of a container; nothing for any other value, or for one whose own code fails."""
    try:
        if isinstance(value, BaseModel):
            return vars(value).values()
        if isinstance(value, (dspy.Example, Mapping)):
            return list(value.values())
        return list(value) if isinstance(value, (list, tuple, set, frozenset)) else ()
    except Exception:
        return ()


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
