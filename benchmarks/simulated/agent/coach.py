"""The reflection role of the agent task: rewrites descriptions of tools and arguments, and instructions.

It reads what is to be rewritten, the text today and the feedback out of whatever prompt it gets, sees some of
the lessons there are, words them in one of several ways, takes one tool for another now and then, forgets
sentences, pads, and makes mistakes. A pure function of the text, the feedback and the seed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from benchmarks.simulated.agent import phrases
from benchmarks.simulated.agent.lessons import Lesson, lessons_in
from benchmarks.simulated.agent.sayings import MISTAKES
from benchmarks.simulated.evidence import read_evidence
from benchmarks.simulated.lessons import FILLER
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reflection import read_task, wanted_texts
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import pick, sentences, unit

_ARGUMENT = re.compile(r"\bargument `(\w+)` of tool `(\w+)`")
_TOOL = re.compile(r"\bdescription of tool `(\w+)`")
_LISTED = re.compile(r"^\s*\(\d+\) ")
_HARMFUL = (phrases.EAGER, phrases.WORDY, phrases.GUESSES, phrases.SENTENCE)
_TWINS = {"item": "order", "order": "item", "workdays": "days", "days": "workdays"}


@dataclass(frozen=True, kw_only=True)
class CoachKnobs:
    """The manners of the reflection model; every value is a share between 0 and 1.

    insight: chance to see a lesson in one failing example.
    more: chance of each further lesson, up to three.
    rewords: how much of its insight it spends on what the text says already.
    confuses: chance to take a tool's purpose for that of its twin.
    removes: chance to remove a sentence that does harm.
    forgets: share of sentences lost in a rewrite.
    useless: share of rewrites that miss the point.
    mistaken: share of rewrites with a harmful sentence added.
    pads: share of rewrites with a platitude added.
    Raises ValueError when a value lies outside [0, 1].
    """

    insight: float = 0.7
    more: float = 0.6
    rewords: float = 0.15
    confuses: float = 0.05
    removes: float = 0.5
    forgets: float = 0.04
    useless: float = 0.1
    mistaken: float = 0.03
    pads: float = 0.1

    def __post_init__(self) -> None:
        for item in fields(self):
            value = asdict(self)[item.name]
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"CoachKnobs.{item.name} is a share between 0 and 1, got {value}.")


@dataclass(frozen=True)
class Target:
    """What is rewritten: a tool's description, an argument's, the agent's instructions or the answer's."""

    kind: Literal["tool", "argument", "agent", "answer"]
    tool: str = ""
    argument: str = ""
    lists_tools: bool = False

    def takes(self, lesson: Lesson) -> bool:
        """Whether a lesson belongs into this text."""
        if self.kind in ("tool", "argument"):
            return (lesson.tool, lesson.argument) == (self.tool, self.argument)
        if lesson.topic in ("with_unit", "bare"):
            return self.kind == "answer"
        return self.kind == "agent" and (self.lists_tools or not lesson.tool)


@dataclass(frozen=True)
class AgentCoach:
    """The reflection role."""

    knobs: CoachKnobs = field(default_factory=CoachKnobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The new text; nothing for prompts that do not ask for one."""
        asked = wanted_texts([field.name for field in prompt.outputs])
        if not asked:
            return {}
        current, rest = read_task(prompt)
        told = [example.feedback for example in read_evidence(rest)]
        # Not by the whole prompt: tracebacks in trajectories name files, which differ between machines.
        subject = "\n".join([current, *told, prompt.inputs.get("objection", "")])
        draft = _Draft(self.knobs, read_target(prompt, current), subject, seed)
        return dict.fromkeys(asked, draft.rewrite(current, told))

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "agent coach", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AgentCoach:
        """The role that `to_json` wrote."""
        return cls(CoachKnobs(**data["knobs"]))


def read_target(prompt: Prompt, current: str) -> Target:
    """What a prompt asks to rewrite, by its words; instructions where it does not say."""
    subject = prompt.inputs.get("subject", "")
    if found := _ARGUMENT.search(subject):
        return Target("argument", found[2], found[1])
    if found := _TOOL.search(subject):
        return Target("tool", found[1])
    if "next_tool_name" in current:
        return Target("agent", lists_tools="{tool " not in current)
    return Target("answer")


@dataclass(frozen=True)
class _Draft:
    """One answer in the making."""

    knobs: CoachKnobs
    target: Target
    subject: str
    seed: str

    def chance(self, *about: object) -> float:
        return unit(self.seed, self.target, *about, self.subject)

    def rewrite(self, current: str, told: Sequence[str]) -> str:
        """A new version of `current`, with what the feedback teaches."""
        lines = [part for line in current.splitlines() for part in _parts(line)]
        kept = [line for line in lines if self._stays(line)]
        added: list[str] = []
        if self.chance("useless") >= self.knobs.useless:
            for lesson in self._seen(kept, told):
                kept = [line for line in kept if _LISTED.match(line) or not lesson.replaces(line)]
                added.append(self._worded(lesson))
        if self.chance("mistake") < self.knobs.mistaken:
            added.append(pick(MISTAKES[self.target.kind], self.seed, "which mistake", self.subject))
        if self.chance("pad") < self.knobs.pads:
            added.append(pick(FILLER, self.seed, "filler", self.subject))
        separator = "\n" if self.target.kind in ("agent", "answer") else " "
        return separator.join(dict.fromkeys([*kept, *added]))

    def _stays(self, line: str) -> bool:
        if _LISTED.match(line):
            return True
        harmful = any(phrases.stance(rule, line) == "for" for rule in _HARMFUL)
        if harmful and self.chance("remove", line) < self.knobs.removes:
            return False
        return self.chance("forget", line) >= self.knobs.forgets

    def _seen(self, lines: Sequence[str], told: Sequence[str]) -> list[Lesson]:
        """The lessons the model has the insight to see, best supported first, at most three."""
        support = Counter(lesson for feedback in told for lesson in dict.fromkeys(lessons_in(feedback)))
        seen = []
        for lesson, count in support.items():
            if not self.target.takes(lesson):
                continue
            chance = 1 - (1 - self.knobs.insight) ** count
            if any(lesson.is_said_in(line) for line in lines if not _LISTED.match(line)):
                chance *= self.knobs.rewords
            if self.chance("see", lesson) < chance:
                seen.append((self.chance("order", lesson) / count, lesson))
        limit = 1 + (self.chance("second") < self.knobs.more) + (self.chance("third") < self.knobs.more**2)
        return [lesson for _, lesson in sorted(seen, key=lambda pair: pair[0])[:limit]]

    def _worded(self, lesson: Lesson) -> str:
        purpose = lesson.topic.removeprefix("for ")
        if purpose in _TWINS and self.chance("confuse", lesson) < self.knobs.confuses:
            lesson = Lesson(lesson.tool, f"for {_TWINS[purpose]}")
        said = pick(lesson.wordings, self.seed, "wording", lesson, self.subject)
        return f"`{lesson.tool}`: {said}" if self.target.kind == "agent" and lesson.tool else said


def _parts(line: str) -> Sequence[str]:
    return (line,) if _LISTED.match(line) else sentences(line)
