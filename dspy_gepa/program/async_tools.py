"""Tools that are coroutine functions: they work only where a program is awaited, on the right event loop."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.copies import walk


def async_tools(program: dspy.Module) -> list[str]:
    """Return the names of the program's tools that are coroutine functions, anywhere in its modules."""
    return list(dict.fromkeys(name for name, _ in _coroutine_functions(program)))


def require_callable_tools(program: dspy.Module, *, on_callers_loop: bool) -> None:
    """Refuse a program with tools that its rollouts could not call.

    Args:
        program: The program.
        on_callers_loop: True if rollouts run on the event loop of the caller.

    Raises:
        ConfigurationError: An async tool cannot be called; a session of another loop would never answer.
    """
    if on_callers_loop and async_tools(program) and not is_awaited(program):
        raise ConfigurationError(
            f"The tool {async_tools(program)[0]!r} is async, and {type(program).__name__} has no aforward to "
            "await it in. Give the program an aforward that awaits agent.acall(...)."
        )
    if not on_callers_loop and (bound := _tools_of_mcp(program)):
        raise ConfigurationError(
            f"The tool {bound[0]!r} calls an MCP session, which answers only on the event loop that it was "
            "opened on. Use await gepa.acompile(...) there, see docs/mcp.md."
        )


def _tools_of_mcp(program: dspy.Module) -> list[str]:
    return [
        name
        for name, function in _coroutine_functions(program)
        if any(type(held).__module__.partition(".")[0] == "mcp" for held in _held_by(function))
    ]


def is_awaited(program: dspy.Module) -> bool:
    """Return True if the program has a form that can be awaited."""
    return hasattr(type(program), "aforward")


def _coroutine_functions(program: dspy.Module) -> Iterator[tuple[str, Any]]:
    for _, part in walk(program):
        function = _function_behind(part.func if isinstance(part, dspy.Tool) else part)
        if inspect.iscoroutinefunction(function):
            yield str(part.name if isinstance(part, dspy.Tool) else function.__name__), function


def _function_behind(value: Any) -> Any:
    """Return the function that a callable leads to."""
    while isinstance(value, functools.partial):
        value = value.func
    if inspect.isroutine(value) or isinstance(value, (dspy.Module, type)):
        return value
    return getattr(type(value), "__call__", None)  # noqa: B004  # the function, not if there is one


def _held_by(function: Any) -> list[Any]:
    used = inspect.getclosurevars(function)
    attributes = getattr(getattr(function, "__self__", None), "__dict__", {})
    return [*used.nonlocals.values(), *used.globals.values(), *attributes.values()]
