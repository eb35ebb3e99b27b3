"""The reflection role of the record worlds: rewrites the instructions for one kind of value, imperfectly.

It reads the current text and the examples out of whatever prompt it gets. It sees some of the lessons there
are, words them in one of several ways, overgeneralises (what one desk wants it asks of all, and narrows it
only when it later sees another desk hurt), meets unwanted habits now by removing the sentence that asks for
them and now by a prohibition that changes nothing, forgets sentences, remarks on single examples, and makes
mistakes. Without feedback (as MIPROv2 and COPRO ask) it can only guess. A pure function of prompt and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from benchmarks.simulated import advice
from benchmarks.simulated.evidence import Evidence, read_evidence
from benchmarks.simulated.lessons import FILLER, GENERIC
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.records.catalogue import CONVENTIONS, habits_of
from benchmarks.simulated.records.conventions import HARMS
from benchmarks.simulated.records.lessons import Case, Lesson, kind_of, lessons_of, read_case
from benchmarks.simulated.records.reading import scope_of, topics_asked
from benchmarks.simulated.reflection import read_task, wanted_texts
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import pick, sentences, unit

MANY_FAILURES = 5


@dataclass(frozen=True, kw_only=True)
class ReflectorKnobs:
    """The manners of a simulated reflection model; every value is a share between 0 and 1.

    insight: chance to see a lesson in one failing example.
    second, third: chance to act on a second lesson, and with many failures on a third.
    rewords: how much of its insight it spends on what the text asks for already.
    narrows: chance to restrict a request that hurts another desk; else it drops the request.
    removes: chance to remove a sentence that does harm; else it adds a prohibition.
    forgets: share of sentences lost in a rewrite.
    useless: share of rewrites that miss the point.
    mistaken: share of rewrites with a harmful sentence added.
    remarks: chance of a remark on each failing example.
    pads: share of rewrites with a platitude added.
    guess: chance of each guess when there is no feedback.
    Raises ValueError when a value lies outside [0, 1].
    """

    insight: float = 0.7
    second: float = 0.6
    third: float = 0.4
    rewords: float = 0.2
    narrows: float = 0.6
    removes: float = 0.5
    forgets: float = 0.04
    useless: float = 0.1
    mistaken: float = 0.12
    remarks: float = 0.05
    pads: float = 0.2
    guess: float = 0.2

    def __post_init__(self) -> None:
        for item in fields(self):
            value = asdict(self)[item.name]
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"ReflectorKnobs.{item.name} is a share between 0 and 1, got {value}.")


@dataclass(frozen=True)
class RecordReflector:
    """The reflection role."""

    knobs: ReflectorKnobs

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Output fields for a reflection prompt; nothing for prompts of another kind."""
        asked = [field.name for field in prompt.outputs]
        if "module_advice" in asked:
            return self._advise(prompt, seed)
        if "shortened_instruction" in asked:
            return {"shortened_instruction": advice.shorten(prompt.inputs)}
        targets = wanted_texts(asked)
        if not targets:
            return {}
        current, rest = read_task(prompt)
        draft = _Draft(self.knobs, prompt.text, seed)
        if "proposed_instruction" in asked:
            return {"proposed_instruction": draft.guess(current, rest)}
        return dict.fromkeys(targets, draft.rewrite(current, read_evidence(rest)))

    def _advise(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        names = advice.loaded(prompt.inputs.get("module_names", "[]"))
        steps = advice.loaded(prompt.inputs.get("worse_program_trajectory", "[]"))
        said = prompt.inputs.get("worse_reward_info", "")
        told = advice.loaded(said)
        if isinstance(told, dict):
            said = str(told.get("feedback", said))
        given = {}
        for name in map(str, names) if isinstance(names, list) else ():
            examples = [
                Evidence({**advice.texts(step.get("inputs")), **advice.texts(step.get("outputs"))}, said)
                for step in (steps if isinstance(steps, list) else [])
                if isinstance(step, dict) and step.get("module_name") == name
            ]
            draft = _Draft(self.knobs, f"{prompt.text}\n{name}", seed)
            given[name] = " ".join(draft.additions("", examples)) or pick(FILLER, seed, prompt.text, name)
        return {"discussion": "The worse run went astray where the advice applies.", "module_advice": given}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "record reflection", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RecordReflector:
        """The role that `to_json` wrote."""
        return cls(ReflectorKnobs(**data["knobs"]))


@dataclass(frozen=True)
class _Draft:
    """One answer in the making; all its chances hang on the prompt's text and the seed."""

    knobs: ReflectorKnobs
    text: str
    seed: str

    def chance(self, *subject: object) -> float:
        return unit(self.seed, *subject, self.text)

    def rewrite(self, current: str, examples: Sequence[Evidence]) -> str:
        """A new version of `current`, with what `examples` teach."""
        kind = kind_of(current, examples)
        lines = list(sentences(current))
        kept = [line for line in lines if self.chance("forget", line) >= self.knobs.forgets]
        kept = kept or [GENERIC[0]][: len(lines)]
        added: list[str] = []
        cases = [case for example in examples if kind for case in [read_case(kind, example)] if case.failed]
        if kind and self.chance("useless") >= self.knobs.useless:
            for lesson in self._seen(kind, kept, cases):
                kept, new = self._apply(kind, lesson, kept)
                added += new
        added += self._slips(kind, cases)
        if not added and kept == lines:
            added = [pick(FILLER, self.seed, "filler", self.text)]
        return "\n".join(dict.fromkeys([*kept, *added])) or GENERIC[0]

    def additions(self, current: str, examples: Sequence[Evidence]) -> list[str]:
        """Only the sentences a rewrite would add."""
        before = set(sentences(current))
        return [line for line in sentences(self.rewrite(current, examples)) if line not in before]

    def guess(self, current: str, rest: str) -> str:
        """An instruction without feedback to learn from: the current one, platitudes, lucky guesses."""
        kind = kind_of(current, ()) or kind_of(rest, ())
        added = [line for line in GENERIC if self.chance("generic", line) < self.knobs.guess]
        for convention in CONVENTIONS[kind] if kind else ():
            if self.chance("guess", convention.topic) < self.knobs.guess:
                added.append(pick(convention.wordings, self.seed, "wording", convention.topic, self.text))
        added += self._slips(kind, ())
        return "\n".join([*sentences(current), *(added or [pick(FILLER, self.seed, "filler", self.text)])])

    def _seen(self, kind: str, lines: Sequence[str], cases: Sequence[Case]) -> list[Lesson]:
        """The lessons the model has the insight to see, best supported first, at most three."""
        known = {topic for line in lines for topic in topics_asked(kind, line)}
        seen = []
        for lesson in lessons_of(cases):
            chance = 1 - (1 - self.knobs.insight) ** lesson.support
            if lesson.sort == "ask" and lesson.topic in known:
                chance *= self.knobs.rewords
            if self.chance("see", lesson.sort, lesson.topic) < chance:
                seen.append((self.chance("order", lesson.sort, lesson.topic) / lesson.support, lesson))
        limit = 1 + (self.chance("second") < self.knobs.second)
        limit += len(cases) >= MANY_FAILURES and self.chance("third") < self.knobs.third
        return [lesson for _, lesson in sorted(seen, key=lambda pair: pair[0])[:limit]]

    def _apply(self, kind: str, lesson: Lesson, lines: list[str]) -> tuple[list[str], list[str]]:
        """The lines that stay, and the lines that are added, when a lesson is acted on."""
        asking = [line for line in lines if lesson.topic in topics_asked(kind, line)]
        rest = [line for line in lines if line not in asking]
        habit = next(habit for habit in habits_of(kind) if habit.topic == lesson.topic)
        wording = pick(habit.wordings, self.seed, "wording", lesson.topic, self.text)
        plain = wording[0].lower() + wording[1:]
        if lesson.sort == "drop":
            if self.chance("remove", lesson.topic) < self.knobs.removes:
                return rest, []
            return lines, [f"Never {plain}"]
        if lesson.sort == "narrow":
            if not asking:
                return lines, []
            if self.chance("narrow", lesson.topic) < self.knobs.narrows and lesson.desks:
                left_out = " and ".join(f"the {desk} desk" for desk in lesson.desks)
                return rest, [f"Except for records of {left_out}, {plain}"]
            return rest, []
        scoped = [line for line in asking if scope_of(line) != scope_of("")]
        if scoped and lesson.desks:
            return lines, [f"For records of the {lesson.desks[0]} desk only, {plain}"]
        return rest, [wording]

    def _slips(self, kind: str | None, cases: Sequence[Case]) -> list[str]:
        """The sentences a rewrite would be better without."""
        lines = []
        if kind and self.chance("mistake") < self.knobs.mistaken:
            harm = pick(HARMS, self.seed, "which mistake", self.text)
            lines.append(pick(harm.wordings, self.seed, "its wording", self.text))
        for case in cases:
            if case.raw and case.expected and self.chance("remark", case.raw) < self.knobs.remarks:
                lines.append(f"When the entry reads '{case.raw}', write '{case.expected}'.")
        if self.chance("pad") < self.knobs.pads:
            lines.append(pick(FILLER, self.seed, "filler", self.text))
        return lines
