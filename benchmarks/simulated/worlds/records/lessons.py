"""What a reflection model makes of examples about one kind of record value: which edits they speak for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.simulated.evidence import Evidence, reference_in
from benchmarks.simulated.worlds.records.catalogue import KINDS, output_field
from benchmarks.simulated.worlds.records.faults import Faults, compare, desk_in, kind_in, read_words, value_in

Sort = Literal["ask", "narrow", "drop"]


@dataclass(frozen=True)
class RecordCase:
    """One example as far as it could be read; what could not be read is empty."""

    raw: str
    given: str
    expected: str
    desk: str | None
    faults: Faults

    @property
    def failed(self) -> bool:
        """Whether there is something to learn from it."""
        return self.faults != Faults()


@dataclass(frozen=True)
class Edit:
    """An edit: ask for a convention, narrow or drop the request for it. `desks` speak for it."""

    sort: Sort
    topic: str
    desks: tuple[str, ...]
    support: int


def kind_of(current: str, examples: Iterable[Evidence]) -> str | None:
    """The kind of value the examples are about, judged by their fields, else by the current text."""
    for example in examples:
        for kind in KINDS:
            if output_field(kind) in example.fields:
                return kind
    return kind_in(current)


def read_case(kind: str, example: Evidence) -> RecordCase:
    """What an example shows. The faults are seen by comparing; without a reference the words must do."""
    field = output_field(kind)
    about = [line for line in example.feedback.splitlines() if field in line]
    feedback = "\n".join(about) or example.feedback
    # Records and values have one line; what follows is the layout of the prompt.
    record, given = (example.fields.get(name, "").strip().partition("\n")[0] for name in ("record", field))
    raw = value_in(record, kind) or ""
    expected = reference_in(feedback) or ""
    faults = compare(kind, raw, given, expected) if expected and given else read_words(kind, feedback)
    return RecordCase(raw, given, expected, desk_in(record), faults)


def lessons_of(cases: Sequence[RecordCase]) -> list[Edit]:
    """All lessons the failures teach, in order of first appearance."""
    found: Counter[tuple[Sort, str]] = Counter()
    desks: dict[tuple[Sort, str], dict[str, None]] = {}
    for case in cases:
        for sort, topics in _by_sort(case.faults):
            for topic in topics:
                found[sort, topic] += 1
                desks.setdefault((sort, topic), {}).setdefault(case.desk or "")
    return [
        Edit(sort, topic, tuple(filter(None, desks[sort, topic])), count)
        for (sort, topic), count in found.items()
    ]


def _by_sort(faults: Faults) -> tuple[tuple[Sort, tuple[str, ...]], ...]:
    return ("ask", faults.open), ("narrow", faults.overdone), ("drop", faults.added)
