"""What all events have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from dspy_gepa.runtime.codec import as_json


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    @classmethod
    def name(cls) -> str:
        """The event's name in snake case: ``rollout_done`` for `RolloutDone`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON-like data, its name under ``"event"``; what is no finite number is None."""
        return {"event": self.name()} | {f.name: as_json(getattr(self, f.name)) for f in fields(self)}
