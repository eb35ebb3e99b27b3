"""Which texts of a program are optimized: the kinds that were asked for, without what is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import nearest, pick, require_several
from dspy_gepa.program.components import fields, flex, instructions, texts, tools
from dspy_gepa.program.components.place import Kind, Slot

KINDS = {
    "instructions": Kind(instructions.read, instructions.write),
    "fields": Kind(fields.read, fields.write),
    "tools": Kind(tools.read, tools.write),
}
# Holding one is asking for it to be optimized.
HELD = (Kind(texts.read, texts.write), Kind(flex.read, flex.write))


@dataclass(frozen=True)
class Selection:
    """Which texts are optimized. `dspy_gepa.Text` objects and the sources of `dspy.Flex` always are.

    Attributes:
        optimize: Kinds of text, from `KINDS`.
        freeze: Names of components, or patterns as `fnmatch` reads them, that are left alone.
    """

    optimize: tuple[str, ...] = ("instructions",)
    freeze: tuple[str, ...] = ()


DEFAULT = Selection()


def select(optimize: Sequence[str], freeze: Sequence[str]) -> Selection:
    """The selection that a user asked for; `read_text_places` checks it against the program.

    Raises:
        ConfigurationError: A kind is unknown, or one of the two is a bare string or holds anything else.
    """
    for option, value in (("optimize", optimize), ("freeze", freeze)):
        require_several(option, value, str, "names")
    for kind in optimize:
        pick("optimize", kind, KINDS)
    return Selection(tuple(kind for kind in KINDS if kind in optimize), tuple(freeze))


def read_text_places(program: dspy.Module, selection: Selection) -> list[Slot]:
    """The program's texts that are optimized, in the program's order.

    Raises:
        ConfigurationError: The program has no text of a kind that was asked for, or none that a pattern of
            `freeze` matches; or a tool's description cannot be replaced, see `slots.tools`.
    """
    by_kind = {kind: KINDS[kind].read(program) for kind in selection.optimize}
    if "tools" in by_kind and not by_kind["tools"]:
        raise ConfigurationError(
            f"optimize names 'tools', but {type(program).__name__} has none: no dspy.ReAct, and no module "
            "that holds dspy.Tool objects. Leave 'tools' out."
        )
    found = [slot for slots in by_kind.values() for slot in slots]
    found += [slot for kind in HELD for slot in kind.read(program)]
    frozen = _frozen(selection.freeze, [slot.component.name for slot in found])
    slots = [slot for slot in found if slot.component.name not in frozen]
    if "tools" in by_kind:
        slots = _with_placeholders(slots, tools.cut(program))
    order = {name: place for place, (name, _) in enumerate(program.named_parameters())}
    return sorted(slots, key=lambda slot: order.get(slot.anchor, len(order)))


def write_texts(program: dspy.Module, candidate: Mapping[str, str]) -> None:
    """Put a candidate's texts into a program of one's own. Tools come last: they fill in placeholders."""
    for kind in (KINDS["instructions"], KINDS["fields"], *HELD, KINDS["tools"]):
        kind.write(program, candidate)


def _frozen(patterns: Sequence[str], names: Sequence[str]) -> set[str]:
    frozen: set[str] = set()
    for pattern in patterns:
        # Names may hold brackets, which patterns give a meaning of their own.
        matched = {name for name in names if name == pattern or fnmatchcase(name, pattern)}
        if not matched:
            raise ConfigurationError(
                f"freeze={pattern!r} matches no component that would be optimized. {nearest(pattern, names)} "
                f"The components are {', '.join(names)}."
            )
        frozen |= matched
    return frozen


def _with_placeholders(slots: Sequence[Slot], cut: Mapping[str, str]) -> list[Slot]:
    """Tools are components of their own now; instructions say only where they are listed."""
    return [
        _cut_slot(slot, cut[slot.component.name]) if slot.component.name in cut else slot for slot in slots
    ]


def _cut_slot(slot: Slot, text: str) -> Slot:
    context = (
        "Parts of the text such as {tool name} stand for descriptions of tools, which are rewritten apart "
        "from it. Keep each of them, word for word, where the tools are to be listed."
    )
    return replace(slot, text=text, component=replace(slot.component, purpose=text, context=context))
