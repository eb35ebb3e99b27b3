"""Pickle work for other processes: by value where they lack its code, naming what cannot be pickled.

Only for workers that the user has chosen to trust: unpickling runs code.
"""

from __future__ import annotations

import inspect
import io
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.context import reduce_language_model

_by_value = threading.Lock()

# The user's names of a worker's parts.
_NAMES = {
    "work.rollouts.student": "the program",
    "work.rollouts.metric.function": "the metric",
    "work.rollouts.examples": "the examples",
    "work.reflections.lm": "reflection_lm",
    "work.settings": "dspy.settings",
}


def pack(work: Any, modules: Sequence[str] = ()) -> bytes:
    """Return `work` as bytes.

    Args:
        work: Any object.
        modules: Modules whose functions and classes are pickled by value, with their code. Those of
            ``__main__`` always are.

    Raises:
        ConfigurationError: A part of it cannot be pickled. The message names the part and the remedy.
    """
    try:
        return _dumps(work, modules)
    except Exception as error:  # the pickling methods of any class may raise anything
        path, culprit, reason = _find_culprit(work, "work", error)
        raise ConfigurationError(
            f"The executor's workers share no memory with this process, and {_name(path)} cannot be sent to "
            f"them: {type(culprit).__name__} cannot be pickled ({reason}). Make it where it is used, inside "
            "forward or the metric, or give its class a __getstate__ that leaves it out; or use an executor "
            "of this process: threads (executor=None) or AsyncExecutor()."
        ) from error


def unpack(packed: bytes) -> Any:
    """Return what `pack` packed.

    Raises:
        ImportError: A module, or a name in it, is missing here; ``error.name`` is the module.
    """
    return _Unpickler(io.BytesIO(packed)).load()


def is_users_own(module: str) -> bool:
    """True if a module is the user's own code, which can be pickled by value.

    Installed packages are not: they may hold compiled code, and must be installed for the workers too.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or not file.endswith(".py"):
        return False
    is_installed = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not is_installed and Path(io.__file__).parent not in Path(file).parents


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        return reduce_language_model(obj) or super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    """Reports a name that is missing in its module like a missing module."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except AttributeError as error:
            raise ImportError(str(error), name=module) from error


def _dumps(value: Any, modules: Sequence[str] = ()) -> bytes:
    with _by_value:  # cloudpickle keeps one list for the whole process
        added = [sys.modules[name] for name in set(modules) - cloudpickle.list_registry_pickle_by_value()]
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
    """Find the innermost part that cannot be pickled: its path, itself, and the error."""
    for name, part in _parts(value) if depth < 12 else ():
        try:
            _dumps(part)
        except Exception as reason:
            return _find_culprit(part, path + name, reason, depth + 1)
    return path, value, error


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts that are pickled with `value`, each with the notation that follows its name."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!s}]" if isinstance(key, tuple) else f"[{key!r}]", v) for key, v in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{i}]", part) for i, part in enumerate(value))
    elif inspect.ismethod(value):
        yield from (("", value.__self__), ("", value.__func__))
    elif inspect.isfunction(value):
        used = inspect.getclosurevars(value)
        yield from ((f" (its variable {name})", v) for name, v in used.nonlocals.items())
        yield from ((f" (its global {name})", v) for name, v in used.globals.items())
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
