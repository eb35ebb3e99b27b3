"""DSPy's settings in force, sending them to other processes, and usage of these on its way back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import dspy

from dspy_gepa.types import Result

# Settings that belong to this process and cannot be sent to another.
_LOCAL_SETTINGS = frozenset(
    {
        "trace",
        "callbacks",
        "caller_modules",
        "caller_predict",
        "send_stream",
        "stream_listeners",
        "usage_tracker",
    }
)


def default_threads() -> int:
    """Return DSPy's number of threads."""
    return int(dspy.settings.num_threads)


def default_language_model() -> Any:
    """Return the configured language model, or None."""
    return dspy.settings.lm


def portable_settings() -> dict[str, Any]:
    """Return the caller's DSPy settings, without those that belong to this process."""
    return {name: value for name, value in dspy.settings.config.items() if name not in _LOCAL_SETTINGS}


def under_settings(settings: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return a context manager under which these DSPy settings hold in place of the caller's."""
    context: AbstractContextManager[None] = dspy.context(**settings)
    return context


def reduce_language_model(value: Any) -> tuple[Any, ...] | None:
    """Return how to pickle a language model without its history, which grows; None for other objects."""
    if not isinstance(value, dspy.BaseLM):
        return None
    make, args, *rest = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if rest and isinstance(rest[0], dict):
        rest[0] = rest[0] | {"history": []}
    return (make, args, *rest)


def report_usage_to() -> Callable[[Result], None]:
    """Return a function that adds a result's usage to the `dspy.track_usage` around this call, if any.

    The tracker cannot see the calls of other processes.
    """
    tracker = dspy.settings.usage_tracker

    def add(result: Result) -> None:
        for lm, (asked, answered) in result.usage.tokens.items():
            used = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
            tracker.add_usage(lm, used)

    return (lambda result: None) if tracker is None else add
