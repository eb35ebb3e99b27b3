"""How to go on with a run, and with what it must be started again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dspy_gepa.record.model import RunRecord
from dspy_gepa.runtime.budget import UNLIMITED

# Settings that a user gave by name; the others follow from program and data.
_NAMED = ("metric", "task model", "reflection model", "adapter", "seed", "width")


def how_to_go_on(record: RunRecord, settings: Mapping[str, Any]) -> Iterator[str]:
    """What to do next with a run, a paragraph each."""
    if record.state == "running":
        yield "It goes on in another process."
        return
    if record.state == "finished":
        yield (
            "To go on with a larger budget, run the same script again with a higher limit and "
            "resume='extend'. Run again as it was, it gives this result at once and for nothing."
        )
        return
    log_dir = f"log_dir={record.log_dir!r}"
    calls = sum(used.calls for used in record.usage.values())
    paid = f"The {calls:,} model calls on record are not paid again." if calls else "Nothing was paid."
    yield f"Run the same script again with {log_dir}: it goes on where it stood. {paid}"
    given = ", ".join(f"{name} {settings[name]}" for name in _NAMED if settings.get(name) is not None)
    if given:
        yield f"It must be given the same program, train and validation rows and settings: {given}."
    limits = ", ".join(f"{name} {value}" for name, value in _limits(settings))
    if limits:
        yield f"Its limits are {limits}; with others it goes on under resume='extend'. Threads may differ."


def _limits(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    budget = settings.get("budget", {})
    return ((name, limit) for name, limit in budget.items() if limit is not None and limit < UNLIMITED)
