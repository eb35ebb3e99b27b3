"""The lineage as a drawing from left to right: the best member's in the top row, others below."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from dspy_gepa.record.model import RunRecord

# Pixels from one generation, or one member, to the next; a node's size; the margin around all.
ACROSS, DOWN, WIDE, HIGH, MARGIN = 112, 32, 94, 24, 12


@dataclass(frozen=True)
class Node:
    """A member in the drawing.

    Attributes:
        member: Index of the member.
        x: Left edge in pixels.
        y: Top edge in pixels.
        level: Score on a scale from 0, the lowest member's, to 1, the highest one's; None if unknown.
        leads: True if the best member is this one or descends from it.
    """

    member: int
    x: int
    y: int
    level: float | None
    leads: bool


@dataclass(frozen=True)
class Edge:
    """A line from a parent to its child.

    Attributes:
        path: SVG path.
        merge: True for the second parent of a merge.
        leads: True if it leads to the best member.
    """

    path: str
    merge: bool
    leads: bool


@dataclass(frozen=True)
class Tree:
    """The drawing with its size in pixels."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def arrange(record: RunRecord) -> Tree:
    """Arrange all members as a tree; one with two parents is placed under the first."""
    line = set(record.lineage(record.best)) if record.best is not None else set[int]()
    columns = _columns(record)
    places = [
        (MARGIN + ACROSS * column, MARGIN + DOWN * row)
        for column, row in zip(columns, _rows(record, line), strict=True)
    ]
    scores = [m.believed for m in record.members if m.believed is not None]
    low, high = (min(scores), max(scores)) if scores else (0.0, 0.0)
    span = (high - low) or 1.0
    return Tree(
        nodes=tuple(
            Node(
                member=m.index,
                x=places[m.index][0],
                y=places[m.index][1],
                level=None if m.believed is None else round((m.believed - low) / span, 3),
                leads=m.index in line,
            )
            for m in record.members
        ),
        edges=tuple(
            Edge(
                path=_path(places[parent], places[m.index]),
                merge=place > 0,
                leads=m.index in line and parent in line,
            )
            for m in record.members
            for place, parent in enumerate(m.parents)
        ),
        width=2 * MARGIN + ACROSS * max(columns, default=0) + WIDE,
        height=2 * MARGIN + max((y for _, y in places), default=0) + HIGH,
    )


def _columns(record: RunRecord) -> list[int]:
    columns: list[int] = []
    for member in record.members:  # parents come before their children
        columns.append(1 + max((columns[p] for p in member.parents), default=-1))
    return columns


def _rows(record: RunRecord, line: Set[int]) -> list[int]:
    """Return the row of each member: that of its first child, or a row of its own for a leaf.

    Children that lead to the best member come first, so that its lineage is the top row.
    """
    children: list[list[int]] = [[] for _ in record.members]
    for member in record.members:
        if member.parents:
            children[member.parents[0]].append(member.index)
    for own in children:
        own.sort(key=lambda index: index not in line)
    rows = [0] * len(record.members)
    open_, taken = [m.index for m in record.members if not m.parents][::-1], 0
    while open_:
        index = open_.pop()
        rows[index] = taken
        if children[index]:
            open_ += children[index][::-1]
        else:
            taken += 1
    return rows


def _path(parent: tuple[int, int], child: tuple[int, int]) -> str:
    x0, y0, x1, y1 = parent[0] + WIDE, parent[1] + HIGH // 2, child[0], child[1] + HIGH // 2
    bend = (ACROSS - WIDE) // 2
    return f"M{x0} {y0} C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"
