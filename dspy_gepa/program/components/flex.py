"""Source code of `dspy.Flex` submodules, under their paths. DSPy runs it in an interpreter of its own."""

from __future__ import annotations

from collections.abc import Mapping

import dspy
from dspy.predict.flex.primitives_doc import PRIMITIVES_CATALOG

from dspy_gepa.program.components.place import Slot, descriptions
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[Slot]:
    """The source of every Flex submodule."""
    return [_slot(name, flex) for name, flex in program.named_parameters() if isinstance(flex, dspy.Flex)]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Bind new sources. They are parsed here and first run when the program is."""
    for name, flex in program.named_parameters():
        if isinstance(flex, dspy.Flex) and name in texts:
            flex._bind_code(texts[name])  # load_state would replace the LM by a copy of it


def _slot(name: str, flex: dspy.Flex) -> Slot:
    context = flex._flex_ctx
    component = Component(
        name=name,
        inputs=descriptions(flex.signature.input_fields),
        outputs=descriptions(flex.signature.output_fields),
        purpose=flex.signature.instructions,
        kind="module",
        subject=f"the Python source code of the dspy.Flex module `{name}` of the program",
        context=(
            f"{context.render_signature_spec()}\n{context.render_context_blurb(sandboxed=True)}\n\n"
            f"{PRIMITIVES_CATALOG}"
        ),
    )
    return Slot(component, flex.module_src or "", name)
