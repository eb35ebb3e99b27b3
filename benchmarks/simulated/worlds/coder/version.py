"""A way to write a function: what a model may come up with, sound or not."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Pitfall = Literal["", "empty", "edges", "numbers", "arguments", "meaning"]
HEAD = "import numpy as np\n\n\n"
_C = re.compile(r"^void \w+\(", re.MULTILINE)
_IGNORED_IN_C = re.compile(r"//[^\n]*|\s+")


@dataclass(frozen=True)
class Version:
    """One way to write a function.

    Attributes:
        idea: What it does differently, in words.
        rank: How fast the idea is, from 1 (loops, trimmed) to 3 (no loop in Python).
        source: The code.
        flaw: What was overlooked; "" when it is right.
        pitfall: What sort of thing that is; "" when it is right.
    """

    idea: str
    rank: int
    source: str
    flaw: str = ""
    pitfall: Pitfall = ""

    @cached_property
    def shape(self) -> str:
        """The code as parsed, so that layout and comments do not count."""
        return shape_of(self.source)


def is_c(source: str) -> bool:
    """Whether it defines a function in C."""
    return _C.search(source) is not None


def shape_of(source: str) -> str:
    """The code as parsed, or C without blanks and comments; "" when it does not parse."""
    if is_c(source):
        return _IGNORED_IN_C.sub("", source)
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):
        return ""


def version(idea: str, rank: int, body: str, flaw: str = "", pitfall: Pitfall = "") -> Version:
    """A version; the source gets the import it needs."""
    return Version(idea, rank, HEAD + body.strip() + "\n", flaw, pitfall)
