"""The reflector's knowledge of the record worlds: instructions for one kind of value each.

It sees some of the lessons there are, words them in one of several ways, overgeneralises (asks of all desks
what one wants, and narrows it only when it later sees another desk hurt), meets unwanted habits either by
removing the sentence that asks for them or by a prohibition that changes nothing, forgets sentences, remarks
on single examples, and makes mistakes. Without feedback (as MIPROv2 and COPRO ask) it can only guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.simulated.curriculum import FILLER, GENERIC, MANY_FAILURES, Assignment, Draft
from benchmarks.simulated.evidence import Evidence, loaded
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.text import pick, sentences
from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS, habits_of
from benchmarks.simulated.worlds.records.conventions import HARMS
from benchmarks.simulated.worlds.records.lessons import Edit, RecordCase, kind_of, lessons_of, read_case
from benchmarks.simulated.worlds.records.reading import scope_of, topics_asked


@dataclass(frozen=True, kw_only=True)
class ReflectorKnobs(Shares):
    """The manners of a simulated reflection model; every value is a share between 0 and 1.

    insight: chance to see a lesson in one failing example.
    second, third: chance to act on a second lesson, and with many failures on a third.
    rewords: share of the insight left for what the text asks for already.
    narrows: chance to restrict a request that hurts another desk; else it drops the request.
    removes: chance to remove a sentence that does harm; else it adds a prohibition.
    forgets: share of sentences lost in a rewrite.
    useless: share of rewrites that miss the point.
    mistaken: share of rewrites with a harmful sentence added.
    remarks: chance of a remark on each failing example.
    pads: share of rewrites with a platitude added.
    guess: chance of each guess when there is no feedback.
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


@dataclass(frozen=True)
class RecordCurriculum:
    """The knowledge of the record worlds."""

    knobs: ReflectorKnobs = field(default_factory=ReflectorKnobs)

    name: ClassVar[str] = "records"
    discussion: ClassVar[str] = "The worse run went astray where the advice applies."

    def rewrite(self, task: Assignment, seed: str) -> str:
        """Return a new version of the text, with what its examples teach."""
        return self._rewritten(task.current, task.examples, Draft(seed, task.text))

    def guess(self, task: Assignment, seed: str) -> str:
        """Return the current instruction with platitudes and lucky guesses."""
        share, draft = self.knobs.guess, Draft(seed, task.text)
        kind = kind_of(task.current, ()) or kind_of(task.rest, ())
        added = [line for line in GENERIC if draft.happens(share, "generic", line)]
        for convention in CONVENTIONS[kind] if kind else ():
            if draft.happens(share, "guess", convention.topic):
                added.append(draft.pick(convention.wordings, "wording", convention.topic))
        added += self._slips(kind, (), draft)
        return "\n".join([*sentences(task.current), *(added or [draft.filler()])])

    def advise(self, module: str, examples: Sequence[Evidence], text: str, seed: str) -> str:
        """Return the sentences that a rewrite of an empty text would have."""
        lines = sentences(self._rewritten("", examples, Draft(seed, f"{text}\n{module}")))
        return " ".join(lines) or pick(FILLER, seed, text, module)

    def feedback_in(self, inputs: Mapping[str, str]) -> str:
        """Return the feedback on the worse run."""
        said = inputs.get("worse_reward_info", "")
        told = loaded(said)
        return str(told.get("feedback", said)) if isinstance(told, dict) else said

    def _rewritten(self, current: str, examples: Sequence[Evidence], draft: Draft) -> str:
        kind = kind_of(current, examples)
        lines = list(sentences(current))
        kept = draft.kept(lines, self.knobs.forgets) or [GENERIC[0]][: len(lines)]
        added: list[str] = []
        cases = [case for example in examples if kind for case in [read_case(kind, example)] if case.failed]
        if kind and not draft.happens(self.knobs.useless, "useless"):
            for edit in self._seen(kind, kept, cases, draft):
                kept, new = self._apply(kind, edit, kept, draft)
                added += new
        added += self._slips(kind, cases, draft)
        if not added and kept == lines:
            added = [draft.filler()]
        return "\n".join(dict.fromkeys([*kept, *added])) or GENERIC[0]

    def _seen(self, kind: str, lines: Sequence[str], cases: Sequence[RecordCase], draft: Draft) -> list[Edit]:
        known = {topic for line in lines for topic in topics_asked(kind, line)}
        return draft.seen(
            {edit: edit.support for edit in lessons_of(cases)},
            self.knobs.insight,
            self.knobs.rewords,
            lambda edit: edit.sort == "ask" and edit.topic in known,
            draft.limit(self.knobs.second, self.knobs.third * (len(cases) >= MANY_FAILURES)),
            details=lambda edit: (edit.sort, edit.topic),
        )

    def _apply(self, kind: str, edit: Edit, lines: list[str], draft: Draft) -> tuple[list[str], list[str]]:
        """Return the lines that stay and the lines that are added when an edit is made."""
        asking = [line for line in lines if edit.topic in topics_asked(kind, line)]
        rest = [line for line in lines if line not in asking]
        habit = next(habit for habit in habits_of(kind) if habit.topic == edit.topic)
        wording = draft.pick(habit.wordings, "wording", edit.topic)
        plain = wording[0].lower() + wording[1:]
        if edit.sort == "drop":
            if draft.happens(self.knobs.removes, "remove", edit.topic):
                return rest, []
            return lines, [f"Never {plain}"]
        if edit.sort == "narrow":
            if not asking:
                return lines, []
            if draft.happens(self.knobs.narrows, "narrow", edit.topic) and edit.desks:
                left_out = " and ".join(f"the {desk} desk" for desk in edit.desks)
                return rest, [f"Except for records of {left_out}, {plain}"]
            return rest, []
        scoped = [line for line in asking if scope_of(line) != scope_of("")]
        if scoped and edit.desks:
            return lines, [f"For records of the {edit.desks[0]} desk only, {plain}"]
        return rest, [wording]

    def _slips(self, kind: str | None, cases: Sequence[RecordCase], draft: Draft) -> list[str]:
        """Return the sentences that a rewrite would be better without."""
        lines = []
        if kind and draft.happens(self.knobs.mistaken, "mistake"):
            lines.append(draft.pick(draft.pick(HARMS, "which mistake").wordings, "its wording"))
        for case in cases:
            if case.raw and case.expected and draft.happens(self.knobs.remarks, "remark", case.raw):
                lines.append(f"When the entry reads '{case.raw}', write '{case.expected}'.")
        if draft.happens(self.knobs.pads, "pad"):
            lines.append(draft.filler())
        return lines
