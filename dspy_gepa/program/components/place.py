"""`TextPlace`: one place in a program that holds a text; and what the files of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import dspy

from dspy_gepa.types import Component


@dataclass(frozen=True)
class TextPlace:
    """A place in a program that holds a text.

    Attributes:
        component: Its description, under a name that is unique in the program.
        text: Its present text.
        anchor: Name of the parameter it belongs to, which gives its position in the program's order.
    """

    component: Component
    text: str
    anchor: str


Read: TypeAlias = Callable[[dspy.Module], Sequence[TextPlace]]
Write: TypeAlias = Callable[[dspy.Module, Mapping[str, str]], None]


@dataclass(frozen=True)
class TextAccess:
    """The functions that read one kind of text out of a program and write it into one.

    Attributes:
        read: Returns the program's places of this kind; changes nothing.
        write: Puts the texts of these names into a program that the caller owns; ignores other names.
    """

    read: Read
    write: Write


def description(name: str, field: Any) -> str:
    """Return a field's description, "" if it only has DSPy's placeholder."""
    text = (field.json_schema_extra or {}).get("desc") or ""
    return "" if text == f"${{{name}}}" else str(text)


def descriptions(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the descriptions of several fields by name."""
    return {name: description(name, field) for name, field in fields.items()}
