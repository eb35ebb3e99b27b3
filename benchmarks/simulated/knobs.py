"""What a benchmark may set on a simulated model: its weaknesses, and the answers it is able to understand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.simulated.text import normalise


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Settings that are shares between 0 and 1. Raises ValueError for any other value."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{type(self).__name__}.{name} is a share between 0 and 1, got {value}.")


@dataclass(frozen=True, kw_only=True)
class Knobs(Shares):
    """The weaknesses of a simulated model; every value is a share between 0 and 1.

    noise: share of calls that go wrong whatever the prompt says.
    restless: share of habits that are drawn anew with every change of the instructions, for better or worse.
    harm: how faithfully harmful requests ("explain in detail") are obeyed.
    difficulty: how much less an instruction achieves on the hardest row than on the easiest.
    dilution: how much less an instruction achieves in a very long prompt than in a short one.
    garbage_rate: share of (row, instruction) pairs whose reply breaks the asked format.
    """

    noise: float = 0.02
    restless: float = 0.25
    harm: float = 0.7
    difficulty: float = 0.15
    dilution: float = 0.6
    garbage_rate: float = 0.0


@dataclass(frozen=True)
class Fact:
    """What the answer key knows of one question: the answer as the text has it, and the pages it rests on."""

    answer: str
    titles: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnswerKey:
    """Stand-in for reading comprehension: question -> `Fact`; see `worlds.multihop.reader`."""

    facts: Mapping[str, Fact] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, Iterable[str]]]) -> AnswerKey:
        """A key from (question, answer, gold titles) rows."""
        return cls({normalise(question): Fact(answer, tuple(titles)) for question, answer, titles in rows})

    def find(self, question: str) -> Fact | None:
        """The fact for `question`, whatever its case and punctuation; None when the key does not have it."""
        return self.facts.get(normalise(question))

    def to_json(self) -> dict[str, Any]:
        """The key as JSON data."""
        return {question: [fact.answer, list(fact.titles)] for question, fact in self.facts.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AnswerKey:
        """The key that `to_json` wrote."""
        return cls({question: Fact(answer, tuple(titles)) for question, (answer, titles) in data.items()})
