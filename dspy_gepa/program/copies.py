"""Copies of programs and rows, one for each rollout: no rollout sees what another one left behind."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import dspy

from dspy_gepa.program.redaction import describe

T = TypeVar("T")

# An attribute with more objects, or an array with more bytes, counts as data that rollouts only read.
_MOST_OBJECTS = 20_000
_MOST_BYTES = 4_000_000

_ATOMS = (str, bytes, int, float, complex, bool, type(None), type)
_CONTAINERS = (list, tuple, set, frozenset, dict)
_UNCOPIED = frozenset({"history", "callbacks"})  # attributes that DSPy leaves out of a module's copies


class Copier(Generic[T]):
    """Makes copies of a program or a row.

    Copies share language models, whose histories and connections are no state of a program, what cannot be
    copied, and large data. The rest each copy has for itself, except state of classes, modules and closures.

    Args:
        original: The program or row; never changed.
        warn: Called with the path of each part that is shared although it might be state, and the reason.
    """

    def __init__(self, original: T, warn: Callable[[str, str], None] = lambda path, reason: None) -> None:
        self._original = original
        self._shared: dict[int, Any] = {}
        self._warn = warn
        self._share_data()
        try:
            self()
        except Exception:  # a copying method of any class may raise anything
            self._share_uncopyable()

    def __call__(self) -> T:
        """Return a new copy."""
        return copy.deepcopy(self._original, dict(self._shared))

    def _share_data(self) -> None:
        for path, module in walk(self._original):
            for name, part in _parts(module) if isinstance(module, dspy.Module) else ():
                for objects, inner in enumerate(_reach(part)):
                    if isinstance(inner, dspy.BaseLM):
                        self._shared[id(inner)] = inner
                    if objects > _MOST_OBJECTS or _bytes(inner) > _MOST_BYTES:
                        self._share(path + name, part, "it is large")
                        break

    def _share_uncopyable(self) -> None:
        """Share the parts between modules and containers that cannot be copied, or else the original."""
        structure = {id(part): part for _, part in walk(self._original) if _is_structure(part)}
        found = False
        for path, part in walk(self._original):
            if id(part) in structure or id(part) in self._shared:
                continue
            try:
                # With the structure in the memo: a bound method leads back to the program, and thus to parts
                # that cannot be copied and are none of its own.
                copy.deepcopy(part, structure | self._shared)
            except Exception as error:
                found = True
                self._share(path, part, f"{type(part).__name__} cannot be copied: {describe(error, 200)}")
        if not found:
            self._share("", self._original, f"{type(self._original).__name__} cannot be copied")

    def _share(self, path: str, part: Any, reason: str) -> None:
        self._shared[id(part)] = part
        self._warn(path, reason)


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value and its parts with their paths: modules, rows and containers, and what they hold."""
    stack: list[tuple[str, Any]] = [("", value)]
    seen: set[int] = set()
    while stack:
        path, part = stack.pop()
        if isinstance(part, _ATOMS) or id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        if _is_structure(part):
            stack.extend(reversed([(path + name, inner) for name, inner in _parts(part)]))


def _is_structure(value: Any) -> bool:
    return isinstance(value, (dspy.Module, dspy.Example)) or type(value) in _CONTAINERS


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, _CONTAINERS):
        return [(f"[{place}]", part) for place, part in enumerate(value)]
    return [(f".{name}", part) for name, part in vars(value).items() if name not in _UNCOPIED]


def _reach(value: Any) -> Iterator[Any]:
    """Yield all objects that a copy of the value would copy, without those of other modules."""
    stack, seen = [value], set()
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, (*_ATOMS, dspy.Module, dspy.BaseLM)) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, _CONTAINERS):
            stack.extend(part)
        elif inspect.ismethod(part):
            stack.append(part.__self__)
        elif not (inspect.isroutine(part) or inspect.ismodule(part)) and hasattr(part, "__dict__"):
            stack.extend(vars(part).values())


def _bytes(value: Any) -> int:
    size = getattr(value, "nbytes", 0) if hasattr(type(value), "nbytes") else 0
    return size if isinstance(size, int) else 0
