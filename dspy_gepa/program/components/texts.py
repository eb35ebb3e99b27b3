"""`Text` objects that modules hold, under their paths: ``rules``, ``agent.prompts['style']``."""

from __future__ import annotations

from collections.abc import Mapping

import dspy

from dspy_gepa.program.components.place import Slot
from dspy_gepa.program.text import Text
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[Slot]:
    """Every `Text` that DSPy finds in the program."""
    return [_slot(name, text) for name, text in program.named_parameters() if isinstance(text, Text)]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Give every `Text` its new value."""
    for name, text in program.named_parameters():
        if isinstance(text, Text) and name in texts:
            text.value = texts[name]


def _slot(name: str, text: Text) -> Slot:
    what = "the Python source code" if text.kind == "code" else "the text"
    component = Component(
        name=name,
        inputs={},
        outputs={},
        purpose=text.desc,
        kind=text.kind,
        subject=f"{what} `{name}` of the program" + (f": {text.desc}" if text.desc else ""),
    )
    return Slot(component, text.value, name)
