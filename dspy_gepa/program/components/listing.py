"""Tools as agents list them in instructions: writes a tool as DSPy does, and finds it again."""

from __future__ import annotations

import ast
import re
from contextlib import suppress

import dspy

from dspy_gepa.program.dspy_api import list_rlm_tool

_ANY = "ANYDESCRIPTION"
PLACEHOLDER = re.compile(r"\{tool [^{}\n]+\}")


def placeholder(tool: dspy.Tool) -> str:
    """Return what stands for a tool in instructions that are rewritten apart from its description."""
    return f"{{tool {tool.name}}}"


def render(module: dspy.Module, tool: dspy.Tool) -> str:
    """Return the tool as a module of this type writes it into instructions."""
    return list_rlm_tool(module, tool) if isinstance(module, dspy.RLM) else str(tool)


def find_listed(instructions: str, module: dspy.Module, tool: dspy.Tool) -> str | None:
    """Return the part of the instructions that lists the tool, or its placeholder; None if it has neither.

    The words may differ from the tool's: a program loaded from saved state has them in its instructions only.
    """
    for exact in (render(module, tool), placeholder(tool)):
        if exact in instructions:
            return exact
    found = _pattern(module, tool).search(instructions)
    return None if found is None else found.group(0)


def as_listed(module: dspy.Module, tool: dspy.Tool, listed: str) -> dspy.Tool:
    """Return the tool with the words it is listed with, and its own line breaks and tabs if these agree.

    DSPy turns line breaks in tools, and tabs in instructions, into spaces.
    """
    found = _pattern(module, tool).fullmatch(listed)
    if found is None or listed.split() == render(module, tool).split():
        return tool
    args = tool.args
    with suppress(ValueError, SyntaxError):  # a default that Python cannot read back
        args = ast.literal_eval(found.groupdict().get("args") or "")
    return tool.model_copy(update={"desc": found["desc"] or "", "args": args})


def _pattern(module: dspy.Module, tool: dspy.Tool) -> re.Pattern[str]:
    """Return a pattern of what `render` gives, for any description and schemas; DSPy puts it on one line."""
    if isinstance(module, dspy.RLM):
        blank = render(module, tool.model_copy(update={"desc": _ANY}))
        return re.compile(re.escape(blank).replace(_ANY, "(?P<desc>.*)"))
    name = re.escape(str(tool.name))
    return re.compile(
        rf"(?<!\w){name}(?:, whose description is <desc>(?P<desc>.*)</desc>\.|\.) "
        r"It takes arguments (?P<args>\{.*\})\."
    )
