"""What the instructions of one prompt ask of the clerk: conventions, for which desks, and remarks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.simulated.rules import asks_for
from benchmarks.simulated.text import sentences, unit
from benchmarks.simulated.worlds.records.catalogue import habits_of
from benchmarks.simulated.worlds.records.faults import DESKS

CALM_WORDS = 50
CROWDED_WORDS = 250

_DESK = re.compile(rf"\b({'|'.join(DESKS)})\b", re.IGNORECASE)
_EXCEPT = re.compile(r"\b(?:except|unless|other than|but not|not for)\b", re.IGNORECASE)
_REMARK = re.compile(r"'([^'\n]+)'[^'\n]{1,60}'([^'\n]+)'")


@dataclass(frozen=True)
class Request:
    """A sentence that asks for the convention about `topic`, for records of `desks`."""

    topic: str
    sentence: str
    desks: frozenset[str]

    @property
    def scoped(self) -> bool:
        """Whether it leaves a desk out."""
        return len(self.desks) < len(DESKS)


@dataclass(frozen=True)
class Remark:
    """A sentence about one example: what stood there, and what to write then."""

    seen: str
    wanted: str


@dataclass(frozen=True)
class Reading:
    """What one text asks for. `attention` is the share (0 to 1) of a long text's crowding."""

    requests: tuple[Request, ...]
    remarks: tuple[Remark, ...]
    crowding: float


@lru_cache(maxsize=16384)
def read_instructions(kind: str, instructions: str) -> Reading:
    """Read the instructions of the predictor that handles `kind`."""
    requests, remarks = [], []
    for sentence in sentences(instructions):
        found = _REMARK.search(sentence)
        if found:
            remarks.append(Remark(found[1], found[2]))
            continue
        requests += [Request(topic, sentence, scope_of(sentence)) for topic in topics_asked(kind, sentence)]
    length = len(instructions.split())
    crowding = (length - CALM_WORDS) / (CROWDED_WORDS - CALM_WORDS)
    return Reading(tuple(requests), tuple(remarks), min(1.0, max(0.0, crowding)))


@lru_cache(maxsize=65536)
def topics_asked(kind: str, sentence: str) -> tuple[str, ...]:
    """Topics of the conventions about `kind` that a sentence asks for."""
    return tuple(habit.topic for habit in habits_of(kind) if asks_for(habit.rule, sentence))


def scope_of(sentence: str) -> frozenset[str]:
    """The desks a sentence speaks of; all of them when it names none."""
    named = frozenset(desk.lower() for desk in _DESK.findall(sentence))
    if not named:
        return frozenset(DESKS)
    return frozenset(DESKS) - named if _EXCEPT.search(sentence) else named


def strength(salt: str, sentence: str, weakest: float) -> float:
    """How well a model follows a wording, from `weakest` to 1; nobody can see it in the wording."""
    return weakest + (1 - weakest) * unit(salt, "strength", " ".join(sentence.lower().split()))
