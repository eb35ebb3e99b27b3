"""Selects the texts of a program to optimize: those of the requested kinds, without the frozen ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import is_meant, nearest, pick, require_several
from dspy_gepa.program.components import fields, flex, instructions, texts, tools
from dspy_gepa.program.components.place import TextAccess, TextPlace

KINDS = {
    "instructions": TextAccess(instructions.read, instructions.write),
    "fields": TextAccess(fields.read, fields.write),
    "tools": TextAccess(tools.read, tools.write),
}
# A program that holds one of these asks for it to be optimized.
HELD = (TextAccess(texts.read, texts.write), TextAccess(flex.read, flex.write))


@dataclass(frozen=True)
class Selection:
    """The texts to optimize, beside `dspy_gepa.Text` objects and sources of `dspy.Flex`, which always are.

    Attributes:
        optimize: Kinds of text, from `KINDS`.
        freeze: Names of components, or `fnmatch` patterns of names, to leave alone.
    """

    optimize: tuple[str, ...] = ("instructions",)
    freeze: tuple[str, ...] = ()


DEFAULT = Selection()


def select(optimize: Sequence[str], freeze: Sequence[str]) -> Selection:
    """Return the selection that a user asked for; `read_text_places` checks it against the program.

    Raises:
        ConfigurationError: A kind is unknown, or an argument is a bare string or holds other things.
    """
    for option, value in (("optimize", optimize), ("freeze", freeze)):
        require_several(option, value, str, "names")
    for kind in optimize:
        pick("optimize", kind, KINDS)
    return Selection(tuple(kind for kind in KINDS if kind in optimize), tuple(freeze))


def read_text_places(program: dspy.Module, selection: Selection) -> list[TextPlace]:
    """Return the texts to optimize, in the program's order.

    Raises:
        ConfigurationError: The program has no tools although they are selected, a pattern of `freeze`
            matches nothing, or a tool's description cannot be replaced, see `components.tools`.
    """
    by_kind = {kind: KINDS[kind].read(program) for kind in selection.optimize}
    if "tools" in by_kind and not by_kind["tools"]:
        raise ConfigurationError(
            f"optimize names 'tools', but {type(program).__name__} has none: no dspy.ReAct, and no module "
            "that holds dspy.Tool objects. Leave 'tools' out."
        )
    found = [place for places in by_kind.values() for place in places]
    found += [place for kind in HELD for place in kind.read(program)]
    frozen = _frozen(selection.freeze, [place.component.name for place in found])
    places = [place for place in found if place.component.name not in frozen]
    if "tools" in by_kind:
        places = _with_placeholders(places, tools.cut(program))
    order = {name: position for position, (name, _) in enumerate(program.named_parameters())}
    return sorted(places, key=lambda place: order.get(place.anchor, len(order)))


def write_texts(program: dspy.Module, candidate: Mapping[str, str]) -> None:
    """Put a candidate's texts into the caller's program. Tools come last: they replace placeholders."""
    for kind in (KINDS["instructions"], KINDS["fields"], *HELD, KINDS["tools"]):
        kind.write(program, candidate)


def _frozen(patterns: Sequence[str], names: Sequence[str]) -> set[str]:
    frozen: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if is_meant(pattern, name)}
        if not matched:
            raise ConfigurationError(
                f"freeze={pattern!r} matches no component that would be optimized. {nearest(pattern, names)} "
                f"The components are {', '.join(names)}."
            )
        frozen |= matched
    return frozen


def _with_placeholders(places: Sequence[TextPlace], cut: Mapping[str, str]) -> list[TextPlace]:
    """Return the places, with tools cut out of the instructions that list them: tools are components too."""
    return [
        _with_cut_text(place, cut[place.component.name]) if place.component.name in cut else place
        for place in places
    ]


def _with_cut_text(place: TextPlace, text: str) -> TextPlace:
    return replace(place, text=text, component=replace(place.component, purpose=text, lists_tools=True))
