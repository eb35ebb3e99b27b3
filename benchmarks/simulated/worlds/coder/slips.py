"""Small mistakes in code that a language model makes now and then, each an edit of the source.

Those of C leave Python alone, and change nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Slip = Callable[[str], str]


def forget_import(source: str) -> str:
    """NumPy is used and not imported."""
    return source.replace("import numpy as np\n", "", 1).lstrip("\n")


def lose_parenthesis(source: str) -> str:
    """The last parenthesis is not closed, so that the code does not parse."""
    head, found, tail = source.rpartition(")")
    return head + tail if found else source


def use_old_alias(source: str) -> str:
    """A type under a name that NumPy no longer has."""
    return re.sub(r"dtype=(float|int)\b", r"dtype=np.\1", source)


def miss_by_one(source: str) -> str:
    """A bound that is one too small."""
    return source.replace(" + 1)", ")", 1)


def misname_argument(source: str) -> str:
    """An argument that NumPy does not know."""
    return source.replace("axis=", "axes=", 1).replace("minlength=", "length=", 1)


def forget_include(source: str) -> str:
    """Functions and constants of C's mathematics are used and not declared."""
    return source.replace("#include <math.h>\n", "", 1).lstrip("\n")


def lose_semicolon(source: str) -> str:
    """The last statement is not ended."""
    head, found, tail = source.rpartition(";\n")
    return f"{head}\n{tail}" if found else source


def start_at_one(source: str) -> str:
    """The first row is left out."""
    return source.replace("long i = 0;", "long i = 1;", 1)


SLIPS: tuple[Slip, ...] = (
    forget_import,
    lose_parenthesis,
    use_old_alias,
    miss_by_one,
    misname_argument,
    forget_include,
    lose_semicolon,
    start_at_one,
)


def slips_for(source: str) -> tuple[Slip, ...]:
    """Those that change this source."""
    return tuple(slip for slip in SLIPS if slip(source) != source)
