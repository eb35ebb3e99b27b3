"""`Text` objects held by modules, under their paths: ``rules``, ``agent.prompts['style']``."""

from __future__ import annotations

from collections.abc import Mapping

import dspy

from dspy_gepa.program.components.place import TextPlace
from dspy_gepa.program.text import Text
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[TextPlace]:
    """Return every `Text` that DSPy finds in the program."""
    return [_place(name, text) for name, text in program.named_parameters() if isinstance(text, Text)]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Give every `Text` its new value."""
    for name, text in program.named_parameters():
        if isinstance(text, Text) and name in texts:
            text.value = texts[name]


def _place(name: str, text: Text) -> TextPlace:
    component = Component(
        name, inputs={}, outputs={}, purpose=text.desc, kind=text.kind, missing=text.is_missing
    )
    return TextPlace(component, text.value, name)
