"""The result of a scorer: the score, what it took for the answer, and where that stood."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """What was taken for the answer, and the place it was read from, in words."""

    text: str
    place: str


@dataclass(frozen=True)
class Verdict:
    """A score between 0 and 1. `found` is None when no answer could be read at all.

    note: what else is worth saying, as "it is not a LaTeX expression"; may be empty.
    """

    score: float
    found: Found | None
    note: str = ""


class StopsError(ValueError):
    """The official scorer raises on this answer, so that it scores 0; the message says what it trips over."""
