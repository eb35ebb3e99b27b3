"""Work on its way to other processes: pickled by value where it must be, and what cannot travel is named.

Only for workers that the user has chosen to trust: unpickling runs code.
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import dspy

from dspy_gepa.errors import ConfigurationError

_by_value = threading.Lock()

# How the parts of a `Worker` are called by the one who handed them over.
_NAMES = {
    "work.rollouts.student": "the program",
    "work.rollouts.metric.function": "the metric",
    "work.rollouts.examples": "the examples",
    "work.reflections.lm": "reflection_lm",
    "work.settings": "dspy.settings",
}


class AbsentModuleError(ImportError):
    """The parcel needs a module that cannot be imported here; ``error.name`` names it."""


def pack(work: Any, modules: Sequence[str] = ()) -> bytes:
    """`work` as bytes.

    Args:
        work: Any object.
        modules: Modules whose functions and classes are pickled by value, with their code.

    Raises:
        ConfigurationError: A part of it cannot be pickled. The message names the part and the remedy.
    """
    try:
        return _dumps(work, modules)
    except Exception as error:  # any class's own pickling may raise anything
        where, culprit, reason = _find_culprit(work, "work", error)
        raise ConfigurationError(
            f"The executor's workers share no memory with this process, and {_name(where)} cannot be sent to "
            f"them: {type(culprit).__name__} cannot be pickled ({reason}). Make it where it is used, inside "
            "forward or the metric, or give its class a __getstate__ that leaves it out; or use an executor "
            "of this process: threads (executor=None) or AsyncExecutor()."
        ) from error


def unpack(parcel: bytes) -> Any:
    """What `pack` packed.

    Raises:
        AbsentModuleError: Something in it is known here by name only, and the name is not known.
    """
    try:
        return _Unpickler(io.BytesIO(parcel)).load()
    except ImportError as error:
        raise AbsentModuleError(str(error), name=error.name) from error


def can_travel(module: str) -> bool:
    """Whether a module is code of the user's own, that can be sent along by value.

    Installed packages are not: they may hold compiled code, and belong on the workers.
    """
    found = sys.modules.get(module)
    file = None if found is None else found.__dict__.get("__file__")
    if file is None:
        return False
    parts = Path(file).parts
    standard = Path(io.__file__).parent
    installed = "site-packages" in parts or "dist-packages" in parts
    return file.endswith(".py") and not installed and standard not in Path(file).parents


class _Pickler(cloudpickle.Pickler):
    """Language models travel without their histories: nobody asks for these there, and they grow."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, dspy.BaseLM):
            return super().reducer_override(obj)
        make, args, *rest = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if rest and isinstance(rest[0], dict):
            rest[0] = rest[0] | {"history": []}
        return (make, args, *rest)


class _Unpickler(pickle.Unpickler):
    """Reports a name that its module lacks in the same way as a module that is not there."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except AttributeError as error:
            raise ImportError(str(error), name=module) from error


def _dumps(value: Any, modules: Sequence[str] = ()) -> bytes:
    with _by_value:  # cloudpickle keeps one list for the whole process
        already = cloudpickle.list_registry_pickle_by_value()
        added = [sys.modules[name] for name in modules if name not in already]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            buffer = io.BytesIO()
            _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
            return buffer.getvalue()
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)


def _find_culprit(value: Any, path: str, error: Exception, depth: int = 0) -> tuple[str, Any, Exception]:
    """The innermost part that cannot be pickled: where it is, itself, and why."""
    if depth < 12:
        for name, part in _parts(value):
            try:
                _dumps(part)
            except Exception as reason:
                return _find_culprit(part, path + name, reason, depth + 1)
    return path, value, error


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What pickling `value` would pickle, each with how it is written after the value's own name."""
    if isinstance(value, Mapping) and type(value).__module__ != "dspy.primitives.example":
        yield from ((f"[{key!s}]" if isinstance(key, tuple) else f"[{key!r}]", v) for key, v in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{i}]", part) for i, part in enumerate(value))
    elif hasattr(value, "__closure__"):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((f" (its variable {name})", cell.cell_contents) for name, cell in cells)
        used = [name for name in value.__code__.co_names if name in value.__globals__]
        yield from ((f" (its global {name})", value.__globals__[name]) for name in used)
    elif hasattr(value, "__func__"):
        yield from ((".__self__", value.__self__), ("", value.__func__))
    else:
        yield from ((f".{name.lstrip('_')}", part) for name, part in _state(value).items())


def _state(value: Any) -> dict[str, Any]:
    try:
        reduced = value.__reduce_ex__(2)
    except Exception:  # then the value itself is the culprit
        return {}
    state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    return {str(name): part for name, part in state.items()} if isinstance(state, dict) else {}


def _name(path: str) -> str:
    for prefix, name in _NAMES.items():
        if path.startswith(prefix):
            rest = path.removeprefix(prefix)
            return f"{name}'s {rest[1:]}" if rest.startswith(".") else f"{name}{rest}"
    return path
