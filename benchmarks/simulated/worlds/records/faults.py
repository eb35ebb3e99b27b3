"""What is wrong with a value, read off the texts: shared by the metric that says it and whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS, KINDS, habits_of, output_field
from benchmarks.simulated.worlds.records.conventions import HARMS, Convention

DESKS = ("north", "south", "east")

_OPEN, _OVERDONE, _ADDED = "Not as it should be:", "Changed although this desk keeps it:", "Not wanted:"


@dataclass(frozen=True)
class Faults:
    """Topics by sort: conventions not obeyed, obeyed where they do not hold, harmful habits obeyed."""

    open: tuple[str, ...] = ()
    overdone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def in_words(self) -> str:
        """A sentence for each sort there is."""
        sorts = ((_OPEN, self.open), (_OVERDONE, self.overdone), (_ADDED, self.added))
        return " ".join(f"{title} {'; '.join(topics)}." for title, topics in sorts if topics)


def compare(kind: str, raw: str, given: str, expected: str) -> Faults:
    """The faults of `given`, a value written for `raw` where `expected` was wanted."""
    if given == expected:
        return Faults()
    needed = [c for c in CONVENTIONS[kind] if c.open_in(raw)]
    return Faults(
        open=_topics(c for c in needed if c.open_in(given) and not c.open_in(expected)),
        overdone=_topics(c for c in needed if c.open_in(expected) and not c.open_in(given)),
        added=_topics(h for h in HARMS if h.open_in(expected) and not h.open_in(given)),
    )


def read_words(kind: str, feedback: str) -> Faults:
    """The faults that feedback tells of in words, whoever wrote it."""
    known = [c.topic for c in habits_of(kind)]

    def after(title: str) -> tuple[str, ...]:
        told = " ".join(re.findall(re.escape(title) + r"([^.]*)", feedback))
        return tuple(topic for topic in known if topic in told)

    return Faults(after(_OPEN), after(_OVERDONE), after(_ADDED))


def _topics(conventions: Iterable[Convention]) -> tuple[str, ...]:
    return tuple(c.topic for c in conventions)


@lru_cache(maxsize=65536)
def value_in(record: str, kind: str) -> str | None:
    """The value of `kind` as the record has it."""
    for part in record.split(" | "):
        title, colon, value = part.partition(": ")
        if colon and title == kind:
            return value.strip()
    return None


def desk_in(text: str) -> str | None:
    """The desk a record comes from."""
    return next((desk for desk in DESKS if text.startswith(f"{desk} desk")), None)


def kind_in(text: str) -> str | None:
    """The kind of value a text is about: by its output field, else by its plain name."""
    for pattern in (output_field("{}"), r"\b{}s?\b"):
        found = [(m.start(), k) for k in KINDS if (m := re.search(pattern.format(k), text, re.IGNORECASE))]
        if found:
            return min(found)[1]
    return None
