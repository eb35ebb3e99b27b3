"""Checks of names: a choice by name, several names, and the closest known one in the message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from dspy_gepa.errors import ConfigurationError

Choice = TypeVar("Choice")


def pick(option: str, value: str | None, choices: Mapping[str, Choice]) -> Choice | None:
    """Return the choice that `value` names, or None for None.

    Raises:
        ConfigurationError: No choice has that name.
    """
    if value is None:
        return None
    if not isinstance(value, str) or value not in choices:
        raise ConfigurationError(f"{option}={value!r} is not known. {nearest(str(value), choices)}")
    return choices[value]


def require_several(option: str, value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """Refuse anything but a collection of values of a type; a single string is refused too.

    Raises:
        ConfigurationError: It is refused.
    """
    # An iterator would be empty after this check.
    if isinstance(value, (str, Mapping, Iterator)) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{option}={value!r} must be several {what}: write {option}=[...].")
    wrong = [one for one in value if not isinstance(one, kind)]
    if wrong:
        raise ConfigurationError(f"{option} holds {wrong[0]!r}; it must be several {what}.")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" for an unknown name, or the list of known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(names)}."


def is_meant(pattern: str, name: str) -> bool:
    """Return True if `pattern`, a name or an `fnmatch` pattern, matches the name of a component."""
    # Names may hold brackets, which have a meaning in patterns.
    return name == pattern or fnmatchcase(name, pattern)
