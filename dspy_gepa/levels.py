"""What members reach beside their scores, as data; `dspy_gepa.search.levels` reckons it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Levels:
    """What members reach beside their scores, each by name and then by member.

    Attributes:
        objectives: By objective, the members' levels of it; empty when the metric gives none.
        groups: By group of examples, the members' scores there; empty without groups. NaN: not run there.
        group_intervals: For each the interval that holds what it is worth there with probability 0.9.
    """

    objectives: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    group_intervals: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
