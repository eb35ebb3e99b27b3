"""Tools as agents list them in instructions: how DSPy writes a tool there, and how that is found again."""

from __future__ import annotations

import ast
import re
from contextlib import suppress

import dspy

_ANY = "ANYDESCRIPTION"
PLACEHOLDER = re.compile(r"\{tool [^{}\n]+\}")


def placeholder(tool: dspy.Tool) -> str:
    """What stands for the tool in instructions that are rewritten apart from its description."""
    return f"{{tool {tool.name}}}"


def render(module: dspy.Module, tool: dspy.Tool) -> str:
    """The tool as a module of this type writes it into instructions."""
    if isinstance(module, dspy.RLM):
        return str(module._format_tool_docs({tool.name: tool}).splitlines()[-1])
    return str(tool)


def find_listed(instructions: str, module: dspy.Module, tool: dspy.Tool) -> str | None:
    """The part of the instructions that lists the tool, or its placeholder; None when neither is there.

    The words may be others than the tool's: a program loaded from saved state has them in its instructions
    alone.
    """
    for exact in (render(module, tool), placeholder(tool)):
        if exact in instructions:
            return exact
    found = _pattern(module, tool).search(instructions)
    return None if found is None else found.group(0)


def as_listed(module: dspy.Module, tool: dspy.Tool, listed: str) -> dspy.Tool:
    """The tool with the words it is listed with, and with its own line breaks and tabs where these agree.

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
    """What `render` gives, with any description and any schemas; DSPy puts it on one line."""
    if isinstance(module, dspy.RLM):
        blank = render(module, tool.model_copy(update={"desc": _ANY}))
        return re.compile(re.escape(blank).replace(_ANY, "(?P<desc>.*)"))
    name = re.escape(str(tool.name))
    return re.compile(
        rf"(?<!\w){name}(?:, whose description is <desc>(?P<desc>.*)</desc>\.|\.) "
        r"It takes arguments (?P<args>\{.*\})\."
    )
