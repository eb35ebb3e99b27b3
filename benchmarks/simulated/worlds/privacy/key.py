"""What stands in for understanding in the privacy world: what is private in a query, and a good answer.

Only simulated models hold it. It never shows in a prompt, in feedback or in anything an optimizer is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.simulated.text import normalise


@dataclass(frozen=True)
class Case:
    """One query: its private strings in order, and the answer a good model gives to it."""

    query: str
    units: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class PrivacyKey:
    """Cases by query."""

    cases: Mapping[str, Case] = field(default_factory=dict)

    @classmethod
    def of(cls, cases: Iterable[Case]) -> PrivacyKey:
        """The key of `cases`."""
        return cls({normalise(case.query): case for case in cases})

    def find(self, query: str) -> Case | None:
        """The case of `query`, whatever its case and punctuation; None when the key does not have it."""
        return self.cases.get(normalise(query))

    def to_json(self) -> list[Any]:
        """The key as JSON data."""
        return [[case.query, list(case.units), case.target] for case in self.cases.values()]

    @classmethod
    def from_json(cls, data: Iterable[Any]) -> PrivacyKey:
        """The key that `to_json` wrote."""
        return cls.of(Case(query, tuple(units), target) for query, units, target in data)


def mentions(text: str, unit: str) -> list[tuple[int, int]]:
    """Where `text` holds `unit` as whole words, in any case, as (start, end)."""
    pattern = rf"(?<!\w){re.escape(unit)}(?!\w)"
    return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)] if unit else []


def placeholder(number: int) -> str:
    """What a careful model writes for the private string with this number, counted from 1."""
    return f"[DETAIL {number}]"
