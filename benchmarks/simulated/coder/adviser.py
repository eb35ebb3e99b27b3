"""The reflection role of the prompted code task: rewrites the instructions of a model that writes code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from benchmarks.simulated.coder.advice import ADVICE, missing_in
from benchmarks.simulated.evidence import read_evidence
from benchmarks.simulated.lessons import FILLER, GENERIC
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reflection import read_task, wanted_texts
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import asks_for
from benchmarks.simulated.text import pick, sentences, unit


@dataclass(frozen=True, kw_only=True)
class AdviserKnobs:
    """The manners of the model; every value is a share between 0 and 1.

    insight: chance to see in one feedback what advice was missing.
    more: chance of each further piece of advice, up to three.
    rewords: how much of its insight it spends on what the text advises already.
    guess: chance of each piece of advice when there is no feedback to learn from.
    forgets: share of sentences lost in a rewrite.
    mistaken: share of rewrites with harmful advice added.
    Raises ValueError when a value lies outside [0, 1].
    """

    insight: float = 0.6
    more: float = 0.5
    rewords: float = 0.2
    guess: float = 0.15
    forgets: float = 0.05
    mistaken: float = 0.1

    def __post_init__(self) -> None:
        for item in fields(self):
            value = asdict(self)[item.name]
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"AdviserKnobs.{item.name} is a share between 0 and 1, got {value}.")


@dataclass(frozen=True)
class CodeAdviser:
    """The reflection role."""

    knobs: AdviserKnobs = field(default_factory=AdviserKnobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """New instructions; nothing for prompts that do not ask for any."""
        asked = wanted_texts([field.name for field in prompt.outputs])
        if not asked:
            return {}
        current, rest = read_task(prompt)
        told = [example.feedback for example in read_evidence(rest) if example.feedback.strip()]
        draft = _Draft(self.knobs, "\n".join([current, *told]), seed)
        return dict.fromkeys(asked, draft.rewrite(current, told))

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "code adviser", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeAdviser:
        """The role that `to_json` wrote."""
        return cls(AdviserKnobs(**data["knobs"]))


@dataclass(frozen=True)
class _Draft:
    """One answer in the making."""

    knobs: AdviserKnobs
    subject: str
    seed: str

    def chance(self, *about: object) -> float:
        return unit(self.seed, *about, self.subject)

    def rewrite(self, current: str, told: Sequence[str]) -> str:
        """The instructions with further advice, without some of the old."""
        kept = [line for line in sentences(current) if self.chance("forget", line) >= self.knobs.forgets]
        added: list[str] = []
        for name in self._seen(kept, told):
            kept = [line for line in kept if not asks_for(ADVICE[name].rule, line)]
            added.append(self._worded(name))
        if self.chance("mistake") < self.knobs.mistaken:
            added.append(self._worded("loops"))
        if not added:
            added.append(pick(FILLER, self.seed, "filler", self.subject))
        return "\n".join(dict.fromkeys([*kept, *added])) or GENERIC[0]

    def _seen(self, lines: Sequence[str], told: Sequence[str]) -> list[str]:
        support = Counter(name for feedback in told for name in missing_in(feedback))
        if not told:
            useful = [name for name, advice in ADVICE.items() if advice.sign]
            return [name for name in useful if self.chance("guess", name) < self.knobs.guess]
        seen = []
        for name, count in support.items():
            chance = 1 - (1 - self.knobs.insight) ** count
            if any(asks_for(ADVICE[name].rule, line) for line in lines):
                chance *= self.knobs.rewords
            if self.chance("see", name) < chance:
                seen.append((self.chance("order", name) / count, name))
        limit = 1 + (self.chance("second") < self.knobs.more) + (self.chance("third") < self.knobs.more**2)
        return [name for _, name in sorted(seen)[:limit]]

    def _worded(self, name: str) -> str:
        return pick(ADVICE[name].wordings, self.seed, "wording", name, self.subject)
