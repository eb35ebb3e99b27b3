"""The reflector's knowledge of the agent task: descriptions of tools and arguments, and instructions.

It sees some of the lessons there are, words them in one of several ways, takes one tool for another now and
then, forgets sentences, pads, and makes mistakes. A pure function of the text, the feedback and the seed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from benchmarks.simulated.curriculum import Assignment, Draft
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.text import sentences
from benchmarks.simulated.worlds.agent import phrases
from benchmarks.simulated.worlds.agent.lessons import Lesson, lessons_in
from benchmarks.simulated.worlds.agent.sayings import MISTAKES

_ARGUMENT = re.compile(r"\bargument `(\w+)` of tool `(\w+)`")
_TOOL = re.compile(r"\bdescription of tool `(\w+)`")
_LISTED = re.compile(r"^\s*\(\d+\) ")
_HARMFUL = (phrases.EAGER, phrases.WORDY, phrases.GUESSES, phrases.SENTENCE)
_TWINS = {"item": "order", "order": "item", "workdays": "days", "days": "workdays"}


@dataclass(frozen=True, kw_only=True)
class AgentKnobs(Shares):
    """The manners of the reflection model; every value is a share between 0 and 1.

    insight: chance to see a lesson in one failing example.
    more: chance of each further lesson, up to three.
    rewords: share of the insight left for what the text says already.
    confuses: chance to take a tool's purpose for that of its twin.
    removes: chance to remove a sentence that does harm.
    forgets: share of sentences lost in a rewrite.
    useless: share of rewrites that miss the point.
    mistaken: share of rewrites with a harmful sentence added.
    pads: share of rewrites with a platitude added.
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


@dataclass(frozen=True)
class Target:
    """The text to rewrite: a tool's description, an argument's, the agent's instructions or the answer's."""

    kind: Literal["tool", "argument", "agent", "answer"]
    tool: str = ""
    argument: str = ""
    lists_tools: bool = False

    def takes(self, lesson: Lesson) -> bool:
        """Return True if a lesson belongs into this text."""
        if self.kind in ("tool", "argument"):
            return (lesson.tool, lesson.argument) == (self.tool, self.argument)
        if lesson.topic in ("with_unit", "bare"):
            return self.kind == "answer"
        return self.kind == "agent" and (self.lists_tools or not lesson.tool)


def read_target(inputs: Mapping[str, str], current: str) -> Target:
    """Return the text that a prompt asks to rewrite, by its words; instructions where it does not say."""
    subject = inputs.get("subject", "")
    if found := _ARGUMENT.search(subject):
        return Target("argument", found[2], found[1])
    if found := _TOOL.search(subject):
        return Target("tool", found[1])
    if "next_tool_name" in current:
        return Target("agent", lists_tools="{tool " not in current)
    return Target("answer")


@dataclass(frozen=True)
class AgentCurriculum:
    """The knowledge of the agent task."""

    knobs: AgentKnobs = field(default_factory=AgentKnobs)

    name: ClassVar[str] = "agent"

    def rewrite(self, task: Assignment, seed: str) -> str:
        """Return a new version of the text, with what the feedback teaches."""
        told = [example.feedback for example in task.examples]
        target = read_target(task.inputs, task.current)
        # Not by the whole prompt: tracebacks in trajectories name files, which differ between machines.
        subject = "\n".join([task.current, *told, task.inputs.get("objection", "")])
        draft = Draft(seed, subject, scope=(target,))
        lines = [part for line in task.current.splitlines() for part in _parts(line)]
        kept = [line for line in lines if self._stays(line, draft)]
        added: list[str] = []
        if not draft.happens(self.knobs.useless, "useless"):
            for lesson in self._seen(target, kept, told, draft):
                kept = [line for line in kept if _LISTED.match(line) or not lesson.replaces(line)]
                added.append(self._worded(target, lesson, draft))
        if draft.happens(self.knobs.mistaken, "mistake"):
            added.append(draft.pick(MISTAKES[target.kind], "which mistake"))
        if draft.happens(self.knobs.pads, "pad"):
            added.append(draft.filler())
        separator = "\n" if target.kind in ("agent", "answer") else " "
        return separator.join(dict.fromkeys([*kept, *added]))

    def _stays(self, line: str, draft: Draft) -> bool:
        if _LISTED.match(line):
            return True
        harmful = any(phrases.stance(rule, line) == "for" for rule in _HARMFUL)
        if harmful and draft.happens(self.knobs.removes, "remove", line):
            return False
        return not draft.happens(self.knobs.forgets, "forget", line)

    def _seen(self, target: Target, lines: Sequence[str], told: Sequence[str], draft: Draft) -> list[Lesson]:
        support = Counter(lesson for feedback in told for lesson in dict.fromkeys(lessons_in(feedback)))
        return draft.seen(
            {lesson: count for lesson, count in support.items() if target.takes(lesson)},
            self.knobs.insight,
            self.knobs.rewords,
            lambda lesson: any(lesson.is_said_in(line) for line in lines if not _LISTED.match(line)),
            draft.limit(self.knobs.more, self.knobs.more**2),
        )

    def _worded(self, target: Target, lesson: Lesson, draft: Draft) -> str:
        purpose = lesson.topic.removeprefix("for ")
        if purpose in _TWINS and draft.happens(self.knobs.confuses, "confuse", lesson):
            lesson = Lesson(lesson.tool, f"for {_TWINS[purpose]}")
        said = draft.pick(lesson.wordings, "wording", lesson)
        return f"`{lesson.tool}`: {said}" if target.kind == "agent" and lesson.tool else said


def _parts(line: str) -> Sequence[str]:
    return (line,) if _LISTED.match(line) else sentences(line)
