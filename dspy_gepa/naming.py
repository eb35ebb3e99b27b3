"""What functions are known by."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def name_of(function: Callable[..., Any]) -> str:
    """What a function, or an object that is called like one, is known by."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__qualname__", type(function).__qualname__))
