"""Origin of every sentence of a text: the member that added it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from dspy_gepa.record.model import RunRecord, Trial
from dspy_gepa.texts import sentence_parts


@dataclass(frozen=True)
class Passage:
    """Adjacent sentences that were added together.

    Attributes:
        text: The sentences with the white space between and after them.
        member: The member that added them: the oldest of the lineage that contains them.
        trial: The trial that created the member; None for the original and other initial candidates.
    """

    text: str
    member: int
    trial: Trial | None


def passages(record: RunRecord, member: int, component: str) -> list[Passage]:
    """Return a member's text cut where the origin changes; joined, the passages are the text.

    A sentence that a proposal reworded counts as added by that proposal.
    """
    origin = _origins(record, component)
    trials = {trial.member: trial for trial in record.trials if trial.member is not None}
    parts = sentence_parts(record.members[member].texts[component])
    return [
        Passage("".join(group), found, trials.get(found))
        for found, group in groupby(parts, key=lambda part: origin(member, part.strip()))
    ]


def _origins(record: RunRecord, component: str) -> Callable[[int, str], int]:
    @cache
    def sentences(member: int) -> frozenset[str]:
        parts = sentence_parts(record.members[member].texts[component])
        return frozenset(part.strip() for part in parts)

    @cache
    def parents(member: int) -> tuple[int, ...]:
        """Return the parents, first the one whose text was kept: a merge copies each from one of them."""
        own = record.members[member].texts[component]
        return tuple(
            sorted(record.members[member].parents, key=lambda p: record.members[p].texts[component] != own)
        )

    def origin(member: int, sentence: str) -> int:
        while True:
            older = next((p for p in parents(member) if sentence in sentences(p)), None)
            if older is None:
                return member
            member = older

    return origin
