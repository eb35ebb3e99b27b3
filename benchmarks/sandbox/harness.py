"""Judges one piece of code: compiles it, compares its results with a reference, times both side by side.

Runs in the sandbox's own process. Everything the code is given is a copy, and every word it causes is cut.
"""

from __future__ import annotations

import builtins
import copy
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.sandbox.report import CaseResult, Job, Report, bounded

MODULES = frozenset({"numpy", "math", "itertools", "functools", "collections", "operator", "bisect"})
_WITHHELD = frozenset({"open", "input", "exec", "eval", "compile", "breakpoint", "exit", "quit", "help"})
_FILE = "<candidate>"
LARGER = "the larger input"  # what is timed
Clock = Callable[[], float]
Function = Callable[..., Any]


class RefusedError(Exception):
    """The code cannot be judged; the message says why."""


def judge(job: Job, clock: Clock) -> Report:
    """What comes of a job; never raises for anything the candidate does.

    Args:
        job: The code.
        clock: Gives seconds. Wall-clock time will do: on some systems processor time moves in leaps.
    """
    reference, cases, load = _trusted(job)
    try:
        candidate = _function(job.candidate, job.function)
    except RefusedError as refusal:
        return Report(error=bounded(refusal))
    with np.errstate(all="ignore"):  # what overflows is seen in the result
        results = tuple(_judge_case(name, args, candidate, reference) for name, args in cases.items())
        if not all(result.right for result in results):
            return Report(cases=results)
        # Code that is quick because it gives up on the input that is timed has to be found out.
        larger = _judge_case(LARGER, load, candidate, reference)
        if not larger.right:
            return Report(cases=(*results, larger))
        try:
            seconds, reference_seconds = _race(candidate, reference, load, job.repeats, clock)
        except Exception as error:
            return Report(error=bounded(f"when it was timed it raised {_told(error)}"), cases=results)
    return Report(cases=results, seconds=seconds, reference_seconds=reference_seconds)


def _trusted(job: Job) -> tuple[Function, Mapping[str, tuple[Any, ...]], tuple[Any, ...]]:
    ours: dict[str, Any] = {}
    exec(job.reference, ours)
    exec(job.cases, ours)
    return (
        ours[job.function],
        ours["cases"](np.random.default_rng(0)),
        ours["load"](np.random.default_rng(1)),
    )


def _function(source: str, name: str) -> Function:
    """The function that untrusted source defines; it sees the usual builtins but those that reach outside.

    This keeps honest code honest; it is no wall, see the package.
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


def _import(name: str, *args: Any, **kwargs: Any) -> Any:
    if name.partition(".")[0] not in MODULES:
        raise ImportError(f"{name!r} may not be imported here, only {', '.join(sorted(MODULES))}")
    return __import__(name, *args, **kwargs)


def _judge_case(name: str, args: tuple[Any, ...], candidate: Function, reference: Function) -> CaseResult:
    expected, given = reference(*copy.deepcopy(args)), copy.deepcopy(args)
    try:
        found = candidate(*given)
        fault = difference(found, expected)
    except Exception as error:
        return CaseResult(name, False, bounded(f"raised {_told(error)}"))
    if not fault and difference(given, args):
        fault = "it changed its arguments"
    return CaseResult(name, not fault, bounded(fault))


def difference(found: Any, expected: Any) -> str:
    """What is wrong with a result, in words; "" when it is right up to rounding."""
    if isinstance(expected, tuple):
        if not isinstance(found, tuple) or len(found) != len(expected):
            return f"gave {type(found).__name__} where a tuple of {len(expected)} was expected"
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


def _race(
    candidate: Function, reference: Function, load: tuple[Any, ...], repeats: int, clock: Clock
) -> tuple[float, float]:
    """Seconds of a call of both: the best of several, taken in turn, so that both meet the same noise."""
    best = [float("inf"), float("inf")]
    for _ in range(repeats):
        for place, function in enumerate((candidate, reference)):
            args = copy.deepcopy(load)
            start = clock()
            function(*args)
            best[place] = min(best[place], clock() - start)
    return best[0], best[1]


def _told(error: Exception) -> str:
    """An exception with the line of the candidate's code it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == _FILE]
    where = f" in line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
