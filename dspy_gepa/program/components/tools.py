"""Descriptions of tools and of their arguments: ``<predictor>/tools/<tool>``, ``.../args/<argument>``.

If tools are handed to a predictor at each call, a new description in the `dspy.Tool` is enough: so do
modules of the user's own and, from DSPy 3.5 on, `dspy.ReAct`. `dspy.RLM`, and `dspy.ReAct` before that, write
their tools into a predictor's instructions when they are created; the model reads the words there, and these
are replaced (see `listing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.components.listing import as_listed, find_listed, placeholder, render
from dspy_gepa.program.components.place import TextPlace, descriptions
from dspy_gepa.program.dspy_api import is_compiled
from dspy_gepa.types import Component

Predictors = dict[str, dspy.Predict]


@dataclass(frozen=True)
class Found:
    """A tool that a module holds.

    Attributes:
        module: Module that holds it.
        tool: The tool as the model reads of it.
        name: Name of the component for its description.
        written: Predictors whose instructions list it.
        callers: Predictors that may call it.
    """

    module: dspy.Module
    tool: dspy.Tool
    name: str
    written: Predictors
    callers: Predictors


def read(program: dspy.Module) -> list[TextPlace]:
    """Return the descriptions of tools and of their arguments, without the agents' own tools.

    Raises:
        ConfigurationError: A module wrote a tool into instructions in an unknown form, so that a new
            description would not reach the model.
    """
    places: dict[str, TextPlace] = {}
    for found in _find_tools(program):
        _refuse_unreachable(found)
        places |= {p.component.name: p for p in _places(found) if p.component.name not in places}
    return list(places.values())


def cut(program: dspy.Module) -> dict[str, str]:
    """Return the instructions that list tools, by predictor, with a placeholder for every listed tool."""
    texts: dict[str, str] = {}
    for found in _find_tools(program):
        for path, predictor in found.written.items():
            text = texts.get(path, predictor.signature.instructions)
            listed = find_listed(text, found.module, found.tool)
            texts[path] = text if listed is None else text.replace(listed, placeholder(found.tool))
    return texts


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Give tools their new descriptions, and list them in place of the placeholders in instructions."""
    for found in _find_tools(program):
        mentioned = [p for p in found.written.values() if placeholder(found.tool) in p.signature.instructions]
        if not mentioned and not any(name in texts for name in _names(found)):
            continue
        tool = _described(found, texts)
        _swap(found.module, tool)
        for predictor in found.written.values():
            instructions = predictor.signature.instructions
            for old in (placeholder(tool), find_listed(instructions, found.module, found.tool)):
                instructions = instructions.replace(old, render(found.module, tool)) if old else instructions
            predictor.signature = predictor.signature.with_instructions(instructions)


def _find_tools(program: dspy.Module) -> list[Found]:
    """Return all tools. One that a parent passes to an agent counts as the agent's, whose model reads it."""
    paths = {id(predictor): path for path, predictor in program.named_predictors()}
    found: list[Found] = []
    listed: set[tuple[str, str]] = set()
    modules = list(program.named_sub_modules(dspy.Module, skip_compiled=True))
    for path, module in reversed(modules):
        if module is not program and is_compiled(module):
            continue
        known = {paths[id(p)]: p for p in module.predictors() if id(p) in paths}
        for tool in reversed(_held(module).values()):
            one = _locate(path.removeprefix("self").removeprefix("."), module, tool, known)
            new = {caller for caller in one.callers if (caller, tool.name) not in listed}
            if new or not one.callers:
                found.append(one)
            listed |= {(caller, tool.name) for caller in one.callers}
    return found[::-1]


def _locate(path: str, module: dspy.Module, tool: dspy.Tool, known: Predictors) -> Found:
    listings = {
        name: listed
        for name, predictor in known.items()
        if (listed := find_listed(predictor.signature.instructions, module, tool)) is not None
    }
    written = {name: known[name] for name in listings}
    given = {name: p for name, p in known.items() if _takes_tools(p)}
    callers = written | given or known
    prefix = next(iter(callers)) if len(callers) == 1 else path or "program"
    seen = as_listed(module, tool, next(iter(listings.values()))) if listings else tool
    return Found(module, seen, f"{prefix}/tools/{tool.name}", written, callers)


def _takes_tools(predictor: dspy.Predict) -> bool:
    return any(_holds_tools(field.annotation) for field in predictor.signature.input_fields.values())


def _holds_tools(annotation: Any) -> bool:
    return annotation is dspy.Tool or any(map(_holds_tools, get_args(annotation)))


def _held(module: dspy.Module) -> dict[str, dspy.Tool]:
    """Return the tools among a module's attributes by name, without those that the module itself creates."""
    held: dict[str, dspy.Tool] = {}
    for value in vars(module).values():
        held |= {tool.name: tool for tool in _tools_in(value) if tool.name not in held}
    return {name: tool for name, tool in held.items() if not _is_agents_own(tool)}


def _is_agents_own(tool: dspy.Tool) -> bool:
    """Return True for the tool with which an agent of DSPy's ends its loop: a function that DSPy made."""
    package = str(getattr(tool.func, "__module__", "")).partition(".")[0]
    return tool.name in ("finish", "submit") and package == "dspy"


def _tools_in(value: Any) -> Iterator[dspy.Tool]:
    parts = (
        value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    )
    yield from (part for part in parts if isinstance(part, dspy.Tool))


def _swap(module: dspy.Module, new: dspy.Tool) -> None:
    """Replace the tools named like `new` by it, in new containers: the old ones may be shared."""

    def swapped(part: Any) -> Any:
        return new if isinstance(part, dspy.Tool) and part.name == new.name else part

    for attribute, value in vars(module).items():
        if new.name not in [tool.name for tool in _tools_in(value)]:
            continue
        if isinstance(value, dict):
            vars(module)[attribute] = {key: swapped(part) for key, part in value.items()}
        elif isinstance(value, (list, tuple)):
            vars(module)[attribute] = type(value)(swapped(part) for part in value)
        else:
            vars(module)[attribute] = new


def _arguments(found: Found) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of arguments whose descriptions the model reads; RLM lists only their names."""
    return {} if isinstance(found.module, dspy.RLM) else dict(found.tool.args or {})


def _names(found: Found) -> list[str]:
    return [found.name, *(f"{found.name}/args/{argument}" for argument in _arguments(found))]


def _described(found: Found, texts: Mapping[str, str]) -> dspy.Tool:
    args = dict(found.tool.args or {})
    for argument, schema in _arguments(found).items():
        text = texts.get(f"{found.name}/args/{argument}")
        if text is not None and text != schema.get("description", ""):
            args[argument] = {**schema, "description": text}
    desc = texts.get(found.name, found.tool.desc or "")
    return found.tool.model_copy(update={"desc": desc, "args": args})


def _places(found: Found) -> Iterator[TextPlace]:
    yield _place(found, found.tool.desc or "")
    for argument, schema in _arguments(found).items():
        yield _place(found, str(schema.get("description", "")), argument)


def _place(found: Found, text: str, argument: str = "") -> TextPlace:
    signatures = [predictor.signature for predictor in found.callers.values()]
    component = Component(
        name=f"{found.name}/args/{argument}" if argument else found.name,
        inputs=descriptions(signatures[0].input_fields) if signatures else {},
        outputs=descriptions(signatures[0].output_fields) if signatures else {},
        kind="argument" if argument else "tool",
        callers=tuple(found.callers),
        tool=str(found.tool.name),
        part=argument,
    )
    return TextPlace(component, text, next(iter(found.callers), ""))


def _refuse_unreachable(found: Found) -> None:
    if found.written or any(map(_takes_tools, found.callers.values())):
        return
    tool, owner = found.tool, type(found.module).__name__
    if isinstance(found.module, (dspy.ReAct, dspy.RLM)):
        raise ConfigurationError(
            f"{owner} has the tool {tool.name!r}, but its instructions do not list it in DSPy's words, so "
            f"that a new description would not reach the model. Make the {owner} anew, or leave 'tools' out."
        )
    desc = tool.desc or ""
    for path, predictor in found.callers.items():
        if len(desc.split()) > 2 and desc in predictor.signature.instructions:
            raise ConfigurationError(
                f"The instructions of {path} hold the description of the tool {tool.name!r} in a form of "
                "their own, where a new one would not reach the model. Hand tools over when the predictor is "
                "called, or leave 'tools' out."
            )
