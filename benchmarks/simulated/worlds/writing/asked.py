"""What a simulated writer understands of a query: the constraints in it, lent by a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.simulated.text import normalise

Asked = tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class ConstraintKey:
    """Stands in for reading comprehension: query -> the constraints it asks for, with their parameters."""

    asked: Mapping[str, Asked] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Iterable[tuple[str, Mapping[str, Any]]]]]) -> ConstraintKey:
        """A key from (query, constraints) rows."""
        return cls({normalise(query): tuple(constraints) for query, constraints in rows})

    def find(self, query: str) -> Asked:
        """The constraints of `query`, whatever its case and punctuation; none when the key lacks it."""
        return self.asked.get(normalise(query), ())

    def to_json(self) -> dict[str, Any]:
        """The key as JSON data."""
        return {query: [[id, dict(kwargs)] for id, kwargs in asked] for query, asked in self.asked.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConstraintKey:
        """The key that `to_json` wrote."""
        return cls({query: tuple((id, kwargs) for id, kwargs in asked) for query, asked in data.items()})
