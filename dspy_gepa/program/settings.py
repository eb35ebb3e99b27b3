"""DSPy's settings for work that runs in other threads and processes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import dspy

# Settings that belong to this process and cannot be sent to another.
_LOCAL = frozenset(
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


def portable_settings() -> dict[str, Any]:
    """Return the settings in force here, without those that belong to this process."""
    return {name: value for name, value in dspy.settings.config.items() if name not in _LOCAL}


def under(settings: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return a context in which these settings replace the ones in force."""
    return dspy.context(**settings)  # type: ignore[no-any-return]


def default_threads() -> int:
    """Return DSPy's number of threads."""
    return int(dspy.settings.num_threads)
