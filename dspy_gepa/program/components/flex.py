"""Source code of `dspy.Flex` submodules, under their paths. DSPy runs it in an interpreter of its own."""

from __future__ import annotations

from collections.abc import Mapping

import dspy

from dspy_gepa.program.components.place import TextPlace, descriptions
from dspy_gepa.program.dspy_api import bind_flex_source, describe_flex
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[TextPlace]:
    """Return the source of every Flex submodule."""
    return [_place(name, flex) for name, flex in program.named_parameters() if isinstance(flex, dspy.Flex)]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Bind new sources. They are parsed here and first run when the program is."""
    for name, flex in program.named_parameters():
        if isinstance(flex, dspy.Flex) and name in texts:
            bind_flex_source(flex, texts[name])


def _place(name: str, flex: dspy.Flex) -> TextPlace:
    component = Component(
        name=name,
        inputs=descriptions(flex.signature.input_fields),
        outputs=descriptions(flex.signature.output_fields),
        purpose=flex.signature.instructions,
        kind="module",
        context=describe_flex(flex),
    )
    return TextPlace(component, flex.module_src or "", name)
