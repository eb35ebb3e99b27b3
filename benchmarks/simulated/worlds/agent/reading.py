"""Reads what `dspy.ReAct` shows its model: the list of tools in the instructions, and the trajectory."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

_TOOL = re.compile(
    r"^\(\d+\) (?P<name>\w+)(?:, whose description is <desc>(?P<desc>.*)</desc>)?\. "
    r"It takes arguments (?P<args>\{.*\})\.?$",
    re.MULTILINE,
)
_PARTS = "thought|tool_name|tool_args|observation"
_CHAT_PART = re.compile(
    rf"^\[\[ ## ({_PARTS})_(\d+) ## \]\]\n(.*?)(?=\n+\[\[ ## (?:{_PARTS})_\d+ ## \]\]|\Z)",
    re.MULTILINE | re.DOTALL,
)
_XML_PART = re.compile(rf"^<({_PARTS})_(\d+)>\n(.*?)\n</\1_\2>", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Argument:
    """An argument as the model is told of it: its JSON type and its description."""

    name: str
    kind: str
    desc: str


@dataclass(frozen=True)
class ToolText:
    """A tool as the model is told of it."""

    name: str
    desc: str = ""
    args: tuple[Argument, ...] = ()

    @property
    def text(self) -> str:
        """All its words."""
        return "\n".join(filter(None, [self.desc, *(argument.desc for argument in self.args)]))


@dataclass(frozen=True)
class Desk:
    """The tools of an agent, and what its instructions say besides the list of them."""

    tools: tuple[ToolText, ...]
    general: str


@dataclass(frozen=True)
class Call:
    """One turn of an agent: why, which tool, with what, and what it answered."""

    thought: str = ""
    tool: str = ""
    args: str = ""
    observation: str = ""


@lru_cache(maxsize=4096)
def read_desk(instructions: str) -> Desk:
    """The tools that instructions list in DSPy's words, and the rest of the text."""
    tools = tuple(
        ToolText(match["name"], match["desc"] or "", _arguments(match["args"]))
        for match in _TOOL.finditer(instructions)
    )
    return Desk(tools, _TOOL.sub("", instructions))


def _arguments(text: str) -> tuple[Argument, ...]:
    try:
        schemas = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ()
    return tuple(
        Argument(str(name), str(schema.get("type", "string")), str(schema.get("description", "")))
        for name, schema in schemas.items()
        if isinstance(schema, dict)
    )


def read_calls(trajectory: str) -> tuple[Call, ...]:
    """The turns of a trajectory, as any of DSPy's adapters writes it."""
    turns: dict[int, dict[str, str]] = {}
    for pattern in (_CHAT_PART, _XML_PART):
        for part, number, value in pattern.findall(trajectory):
            turns.setdefault(int(number), {}).setdefault(part, value.strip())
    return tuple(
        Call(*(turns[number].get(part, "") for part in _PARTS.split("|"))) for number in sorted(turns)
    )
