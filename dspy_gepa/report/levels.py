"""Tables of the scores by objective and by group, for runs that have any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dspy_gepa.record.model import Interval, RunRecord

# Trade-offs that are listed, the highest score first; a run may have hundreds.
MOST_TRADE_OFFS = 12


class Line(NamedTuple):
    """A member with its levels.

    Attributes:
        member: Index of the member.
        role: Reason why it is listed.
        score: Score of the member.
        levels: Level of each objective; None if the member was not run.
    """

    member: int
    role: str
    score: float | None
    levels: tuple[float | None, ...]


@dataclass(frozen=True)
class Objectives:
    """A table of objectives.

    Attributes:
        names: Names of the objectives.
        lines: The original, the best member, and others that no member beats in score and all objectives.
        more: Number of trade-offs that are left out.
    """

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    more: int


class Group(NamedTuple):
    """A group of examples.

    Attributes:
        name: Name of the group.
        members: The original, and the best member if it is another one.
        scores: Scores of these members in the group; None if one was not run there.
        intervals: Intervals that contain their expected scores there with probability 0.9.
    """

    name: str
    members: tuple[int, ...]
    scores: tuple[float | None, ...]
    intervals: tuple[Interval | None, ...]


def objectives(record: RunRecord) -> Objectives | None:
    """Return the original, the best and the trade-offs by objective; None if there are no objectives."""
    if not record.objectives or record.best is None:
        return None
    ends = dict.fromkeys((0, record.best))
    others = [member for member in record.trade_offs if member not in ends]
    word = "returned" if record.state == "finished" else "the best so far"
    roles = {0: "your program"} | ({record.best: word} if record.best else {})
    chosen = [*ends, *others[:MOST_TRADE_OFFS]]
    return Objectives(
        tuple(record.objectives),
        tuple(
            Line(
                member,
                roles.get(member, "a trade-off"),
                record.members[member].score,
                tuple(levels[member] for levels in record.objectives.values()),
            )
            for member in chosen
        ),
        len(others) - len(others[:MOST_TRADE_OFFS]),
    )


def groups(record: RunRecord) -> list[Group]:
    """Return the scores of the original and the best member by group; empty if there are no groups."""
    if record.best is None:
        return []
    members = tuple(dict.fromkeys((0, record.best)))
    return [
        Group(
            name,
            members,
            tuple(scores[member] for member in members),
            tuple(record.group_intervals[name][member] for member in members),
        )
        for name, scores in record.groups.items()
    ]
