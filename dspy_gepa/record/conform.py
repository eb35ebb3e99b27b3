"""Checks that data of a file, which anybody may have written, has the types of our own classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dspy_gepa.types import Candidate, Levels

# Maximum size of an integer: no count of a run comes near it, and sums of it can still be shown.
MAX_INTEGER = 2**53


def check_type(value: Any, hint: Any) -> None:
    """Check a value against a type hint, in depth; numbers have to be finite.

    Raises:
        TypeError: Names the value and the type.
    """
    if not _conforms(value, hint):
        raise TypeError(f"{repr(value)[:80]} is not {getattr(hint, '__name__', hint)}")


def _conforms(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_conforms(value, option) for option in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and _items_conform(value, arguments)
    if origin is not None and issubclass(origin, Mapping):
        key, item = arguments
        return isinstance(value, Mapping) and all(
            _conforms(k, key) and _conforms(v, item) for k, v in value.items()
        )
    if origin is not None and issubclass(origin, Sequence):
        return isinstance(value, Sequence) and all(_conforms(item, arguments[0]) for item in value)
    return _is_instance(value, NoneType if hint is None else hint)


def _items_conform(value: tuple[Any, ...], hints: tuple[Any, ...]) -> bool:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return all(_conforms(item, hints[0]) for item in value)
    return len(value) == len(hints) and all(map(_conforms, value, hints))


def _is_instance(value: Any, kind: type) -> bool:
    if kind is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and abs(value) < 1e200  # false for NaN, too
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    if not isinstance(value, kind):
        return False
    if isinstance(value, Levels):  # NaN stands for levels that are not known
        named = (*value.objectives.values(), *value.groups.values())
        return all(_is_instance(level, float) for levels in named for level in levels if level == level)
    if isinstance(value, Candidate):
        return all(isinstance(text, str) for pair in value.texts for text in pair)
    if is_dataclass(value) or hasattr(value, "_fields"):
        return all(_conforms(getattr(value, name), hint) for name, hint in _hints(kind).items())
    return True


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
