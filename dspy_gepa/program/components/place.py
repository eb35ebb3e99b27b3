"""A slot: one place in a program that holds a text; and what the files of this package share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import dspy

from dspy_gepa.types import Component


@dataclass(frozen=True)
class Slot:
    """A place in a program that holds a text.

    Attributes:
        component: What is told of it, under a name that no other slot of the program has.
        text: What it holds.
        anchor: Name of the parameter it belongs to, which gives its place in the program's order.
    """

    component: Component
    text: str
    anchor: str


Read: TypeAlias = Callable[[dspy.Module], Sequence[Slot]]
Write: TypeAlias = Callable[[dspy.Module, Mapping[str, str]], None]


@dataclass(frozen=True)
class Kind:
    """How one kind of text is read out of a program and written into one.

    Attributes:
        read: The program's slots of this kind; changes nothing.
        write: Puts the texts of these names into a program of one's own; other names are left alone.
    """

    read: Read
    write: Write


def description(name: str, field: Any) -> str:
    """A field's description, "" where DSPy's placeholder stands in for one."""
    text = (field.json_schema_extra or {}).get("desc") or ""
    return "" if text == f"${{{name}}}" else str(text)


def descriptions(fields: Mapping[str, Any]) -> dict[str, str]:
    """The descriptions of several fields, by name."""
    return {name: description(name, field) for name, field in fields.items()}
