"""The task role of the record worlds: a clerk that writes values by the conventions it is told.

What is real: the value is taken from the record in the prompt and every convention obeyed is an edit of its
text, so what comes out is judged by its letters. What is played: whether a convention is obeyed. A model has
some habits of its own; a request raises the chance of a convention, by the strength of its wording, which
nobody sees; long instructions dilute; rows differ in difficulty. Harmful requests are obeyed too. A remark
about one example is followed where that example comes up, and misleads the model on some other rows.

Everything is a hash of salt, seed, row, convention and wording: the same prompt gets the same answer, a new
wording of the same request wins some rows and loses others, and a restless share of decisions is drawn anew
with any change of the text. It says nothing about any real model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.prompt import Demo, Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import unit
from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS, KINDS, habits_of, output_field
from benchmarks.simulated.worlds.records.conventions import Convention
from benchmarks.simulated.worlds.records.faults import DESKS, desk_in, value_in
from benchmarks.simulated.worlds.records.reading import Reading, read_instructions, strength

SHOWN_BY_ONE_DEMO = 0.3
FOLLOWS_REMARK = 0.95


@dataclass(frozen=True, kw_only=True)
class ClerkKnobs(Shares):
    """The weaknesses of a simulated clerk; every value is a share between 0 and 1.

    noise: share of calls that go wrong whatever the prompt says.
    restless: share of decisions that are drawn anew with every change of the instructions.
    habit: how often a convention is obeyed unasked.
    weakest: the strength of the weakest wording; the strongest has 1.
    harm: how faithfully harmful requests are obeyed.
    difficulty: how much less an instruction achieves on the hardest row than on the easiest.
    dilution: how much less an instruction achieves in a very long prompt than in a short one.
    misled: share of other rows that a remark about one example spoils.
    """

    noise: float = 0.02
    restless: float = 0.2
    habit: float = 0.15
    weakest: float = 0.6
    harm: float = 0.7
    difficulty: float = 0.2
    dilution: float = 0.4
    misled: float = 0.05


@dataclass(frozen=True)
class Clerk:
    """The task role. `salt` names the world: the strength of wordings hangs on it."""

    salt: str
    knobs: ClerkKnobs

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The output field of a record prompt; nothing for prompts of another kind."""
        asked = {output.name for output in prompt.outputs}
        kind = next((kind for kind in KINDS if output_field(kind) in asked), None)
        record = prompt.inputs.get("record", "")
        raw = value_in(record, kind) if kind else None
        if kind is None or raw is None:
            return {}
        reading = read_instructions(kind, prompt.instructions)
        row = f"{self.salt}/{seed}/{record}"
        if unit(row, "slip", prompt.instructions, prompt.demos) < self.knobs.noise:
            return {output_field(kind): raw[1:][::-1]}
        spoken = self._by_remark(reading, raw, row)
        if spoken is not None:
            return {output_field(kind): spoken}
        desk = desk_in(record) or DESKS[0]
        shown = shown_by_demos(kind, prompt.demos, desk)
        text = raw
        for habit in habits_of(kind):
            if habit.open_in(text) and self._obeys(habit, reading, shown, desk, row, prompt.instructions):
                text = habit.mend(text)
        return {output_field(kind): text}

    def _ease(self, reading: Reading, row: str) -> float:
        return (1 - self.knobs.dilution * reading.crowding) * (
            1 - self.knobs.difficulty * unit(row, "difficulty")
        )

    def _by_remark(self, reading: Reading, raw: str, row: str) -> str | None:
        # What fits the entry itself comes first; else any remark may mislead.
        for remark in sorted(reading.remarks, key=lambda remark: remark.seen != raw):
            chance = FOLLOWS_REMARK if remark.seen == raw else self.knobs.misled
            if unit(row, "remark", remark.seen, remark.wanted) < chance:
                return remark.wanted
        return None

    def _obeys(
        self,
        habit: Convention,
        reading: Reading,
        shown: Mapping[str, float],
        desk: str,
        row: str,
        text: str,
    ) -> bool:
        ease, refused, wording = self._ease(reading, row), 1.0, ""
        for request in reading.requests:
            if request.topic == habit.topic and desk in request.desks:
                power = strength(self.salt, request.sentence, self.knobs.weakest) * ease
                if 1 - power < refused:
                    refused, wording = 1 - power, request.sentence
        # Showing what is asked for anyway adds nothing: else demonstrations would lift every ceiling.
        refused = min(refused, 1 - shown.get(habit.topic, 0.0) * ease)
        chance = (1 - refused) * (self.knobs.harm if habit.harmful else 1.0)
        # The restless share of a model's decisions depends on the whole text, as borderline rows of a
        # real model flip with any change of its prompt.
        mood = text if unit(row, "restless", habit.topic) < self.knobs.restless else ""
        by_itself = not habit.harmful and unit(row, "habit", habit.topic, mood) < self.knobs.habit
        return by_itself or unit(row, "obeys", habit.topic, wording, mood) < chance

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "clerk", "salt": self.salt, "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clerk:
        """The role that `to_json` wrote."""
        return cls(data["salt"], ClerkKnobs(**data["knobs"]))


def shown_by_demos(kind: str, demos: tuple[Demo, ...], desk: str) -> dict[str, float]:
    """How strongly (0 to 1) demonstrations from `desk` show each convention."""
    missed: dict[str, float] = {}
    for demo in demos:
        told = demo.inputs.get("record", "")
        raw, output = value_in(told, kind), demo.outputs.get(output_field(kind), "")
        if raw is None or desk_in(told) != desk:
            continue
        for convention in CONVENTIONS[kind]:
            if convention.open_in(raw) and not convention.open_in(output):
                missed[convention.topic] = missed.get(convention.topic, 1.0) * (1 - SHOWN_BY_ONE_DEMO)
    return {topic: 1 - rest for topic, rest in missed.items()}
