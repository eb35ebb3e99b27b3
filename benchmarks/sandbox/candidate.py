"""The side of the sandbox that runs code nobody has read: loads a function, calls it, tells what came of it.

It runs in a process that is thrown away. Nothing it says is trusted; `judge` compares and decides.
"""

from __future__ import annotations

import base64
import builtins
import gc
import json
import pickle
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sandbox import frames, native
from benchmarks.sandbox.report import bounded, seconds_of

MODULES = frozenset({"numpy", "math", "itertools", "functools", "collections", "operator", "bisect"})
_WITHHELD = frozenset({"open", "input", "exec", "eval", "compile", "breakpoint", "exit", "quit", "help"})
_FILE = "<candidate>"
_NUMBERS = re.compile(r"[<>|=][biuf]\d{1,2}")
READY = b"ready"

Args = tuple[Any, ...]
Clock = Callable[[], float]
Function = Callable[..., Any]
Result = np.ndarray[Any, Any] | tuple[np.ndarray[Any, Any], ...]


class RefusedError(Exception):
    """The code cannot be judged; the message says why."""


@dataclass(frozen=True)
class Called:
    """What came of one call.

    Attributes:
        error: What was raised, or what is wrong with the result's type; else "".
        result: The arrays it gave.
        changed: It changed its arguments.
        seconds: What the call took of a processor by the clock beside it, the copy of its result included.
        outside: What it took by the clock of who asked, with all that lies between the two.
    """

    error: str = ""
    result: Result | None = None
    changed: bool = False
    seconds: float = 0.0
    outside: float = 0.0

    def to_json(self) -> str:
        """The outcome as text; `outside` is not part of it."""
        found = self.result
        parts = found if isinstance(found, tuple) else () if found is None else (found,)
        return json.dumps(
            {
                "error": self.error,
                "kind": "none" if found is None else "tuple" if isinstance(found, tuple) else "array",
                "parts": [_encoded(part) for part in parts],
                "changed": self.changed,
                "seconds": self.seconds,
            }
        )

    @classmethod
    def from_json(cls, text: bytes, outside: float) -> Called:
        """The outcome in a message from a process nobody trusts: checked, bounded, never run.

        Raises:
            ValueError: The text is none.
        """
        try:
            data = json.loads(text)
            parts = tuple(_decoded(part) for part in data["parts"])
            return cls(
                error=bounded(data["error"]),
                result=None if data["kind"] == "none" else parts if data["kind"] == "tuple" else parts[0],
                changed=bool(data["changed"]),
                seconds=seconds_of(data["seconds"]) or 0.0,
                outside=outside,
            )
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError) as error:
            raise ValueError(f"no outcome of a call: {text[:80]!r}") from error


@dataclass(frozen=True)
class Order:
    """What a process is to load.

    Attributes:
        function: Name of the function.
        source: Python that defines it; for C, the binding.
        declaration: The C function's prototype; "" for Python.
        library: The compiled code, Base64.
    """

    function: str
    source: str
    declaration: str = ""
    library: str = ""

    def loaded(self, library: Path | None = None) -> Function:
        """The function. Raises RefusedError when there is none.

        Args:
            library: Where the compiled code was put.
        """
        defined = load(self.source, self.function)
        if library is None:
            return defined
        try:
            found = native.bound(library, self.declaration, self.function, defined)
        except OSError as error:
            told = str(error).replace(str(library), library.name)
            raise RefusedError(f"it cannot be loaded: {told}") from None
        if found is None:
            raise RefusedError(f"it defines no function {self.function!r} that others can call")
        return found


def serve(descriptor: int, clock: Clock, loaded: Callable[[], Function]) -> None:
    """Answer at a descriptor: load the code, then one set of arguments after another, until it closes.

    The code is loaded before any arguments arrive, so that it can prepare for none of them.
    """
    try:
        function = loaded()
    except RefusedError as refusal:
        frames.send(descriptor, bounded(refusal).encode())
        return
    frames.send(descriptor, READY)
    gc.disable()  # a collection of ours is no time of theirs
    while (message := frames.receive(descriptor)) is not None:
        given, kept = pickle.loads(message), pickle.loads(message)
        frames.send(descriptor, call(function, given, kept, clock).to_json().encode())


def load(source: str, name: str) -> Function:
    """The function that untrusted source defines; it sees the usual builtins but those that reach outside.

    This keeps honest code honest; the wall is elsewhere, see the package.

    Raises:
        RefusedError: There is no such function.
    """
    kept = {key: value for key, value in vars(builtins).items() if key not in _WITHHELD}
    namespace: dict[str, Any] = {"__builtins__": {**kept, "__import__": _import}, "__name__": "candidate"}
    try:
        exec(compile(source, _FILE, "exec"), namespace)
    except SyntaxError as error:
        line = f": {error.text.strip()!r}" if error.text else ""
        raise RefusedError(f"SyntaxError: {error.msg} in line {error.lineno}{line}") from None
    except Exception as error:
        raise RefusedError(_told(error)) from None
    function = namespace.get(name)
    if not callable(function):
        raise RefusedError(f"it defines no function {name!r}")
    return function  # type: ignore[no-any-return]


def call(function: Function, given: Args, kept: Args, clock: Clock) -> Called:
    """Call it once. A result that is worked out later is worked out here: the copy is part of the time.

    Args:
        function: The function.
        given: Its arguments.
        kept: The same once more, to see whether it changes them.
        clock: Gives seconds.
    """
    with np.errstate(all="ignore"):  # what overflows is seen in the result
        start = clock()
        try:
            result = _copied(function(*given))
            seconds = clock() - start
            changed = bool(difference(given, kept))
        except Exception as error:
            return Called(error=bounded(f"raised {_told(error)}"))
    for part in result if isinstance(result, tuple) else (result,):
        if part.dtype.kind not in "biuf":
            return Called(error=f"gave values of type {part.dtype}, which are no numbers")
    return Called(result=result, changed=changed, seconds=seconds)


def difference(found: Any, expected: Any) -> str:
    """What is wrong with a result, in words; "" when it is right up to rounding."""
    if isinstance(expected, tuple):
        if not isinstance(found, tuple) or len(found) != len(expected):
            return f"gave {_shape_of(found)} where a tuple of {len(expected)} was expected"
        faults = [difference(one, other) for one, other in zip(found, expected, strict=True)]
        return next((f"part {i}: {fault}" for i, fault in enumerate(faults) if fault), "")
    wanted = np.asarray(expected)
    given = np.asarray(found)
    if given.shape != wanted.shape:
        return f"shape {given.shape} where {wanted.shape} was expected"
    if given.dtype.kind not in "biuf":
        return f"values of type {given.dtype} where {wanted.dtype} was expected"
    wrong = ~np.isclose(given, wanted, rtol=1e-6, atol=1e-7, equal_nan=True)
    if not wrong.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{given[place]:g} where {wanted[place]:g} was expected, at index {place}"


def _shape_of(found: Any) -> str:
    return f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__


def _import(name: str, *args: Any, **kwargs: Any) -> Any:
    if name.partition(".")[0] not in MODULES:
        raise ImportError(f"{name!r} may not be imported here, only {', '.join(sorted(MODULES))}")
    return __import__(name, *args, **kwargs)


def _copied(found: Any) -> Result:
    if isinstance(found, tuple):
        return tuple(np.array(part) for part in found)
    return np.array(found)


def _encoded(part: np.ndarray[Any, Any]) -> dict[str, Any]:
    data = base64.b64encode(part.tobytes()).decode()
    return {"dtype": part.dtype.str, "shape": part.shape, "data": data}


def _decoded(part: Any) -> np.ndarray[Any, Any]:
    if not _NUMBERS.fullmatch(part["dtype"]):
        raise TypeError(f"no type of numbers: {part['dtype']!r:.40}")
    flat = np.frombuffer(base64.b64decode(part["data"], validate=True), dtype=part["dtype"])
    return flat.reshape([int(length) for length in part["shape"]])


def _told(error: Exception) -> str:
    """An exception with the line of the candidate's code it came from."""
    frames_of_it = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == _FILE]
    where = f" in line {frames_of_it[-1].lineno}" if frames_of_it else ""
    return f"{type(error).__name__}: {error}{where}"
