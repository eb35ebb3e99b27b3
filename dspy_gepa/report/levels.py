"""What the page tells of objectives and groups, where a run has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dspy_gepa.record.model import Interval, RunRecord

# Trade-offs that are listed, the highest score first; a run may have hundreds.
MOST_TRADE_OFFS = 12


class Line(NamedTuple):
    """A member with what it reaches.

    Attributes:
        member: Its index.
        role: Why it is listed.
        score: Its score.
        levels: Its level of each objective; None where it was not run.
    """

    member: int
    role: str
    score: float | None
    levels: tuple[float | None, ...]


@dataclass(frozen=True)
class Objectives:
    """A table of objectives.

    Attributes:
        names: The objectives.
        lines: The seed, the best member, and others that no member beats in score and all objectives.
        more: How many of these are left out.
    """

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    more: int


class Group(NamedTuple):
    """A group of examples.

    Attributes:
        name: The group.
        members: Whose scores these are: the seed, and the best member where this is another.
        scores: Their scores in the group; None where one was not run there.
        intervals: The intervals that hold what they are worth there with probability 0.9.
    """

    name: str
    members: tuple[int, ...]
    scores: tuple[float | None, ...]
    intervals: tuple[Interval | None, ...]


def objectives(record: RunRecord) -> Objectives | None:
    """The seed, the best and the trade-offs by objective; None where no objectives are known."""
    if not record.objectives or record.best is None:
        return None
    ends = dict.fromkeys((0, record.best))
    others = [member for member in record.trade_offs if member not in ends]
    word = "returned" if record.state == "finished" else "the best so far"
    roles = {0: "the program as it was given"} | ({record.best: word} if record.best else {})
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
    """The seed's and the best member's scores by group; empty where none are known."""
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
