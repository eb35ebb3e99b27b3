"""The curriculum of worlds in which texts ask for habits: multi-hop, mathematics, privacy and writing.

A rewrite keeps most sentences and forgets some, adds one to three lessons in one of several wordings, and now
and then adds a mistake, a remark about a single example, or nothing of use. More failing examples let it see
more. Without feedback it can only guess what might help a step of this kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.simulated.curriculum import GENERIC, MANY_FAILURES, Assignment, Draft
from benchmarks.simulated.evidence import Evidence, failed, loaded, stage_in
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.rules import Rule, asked_rules
from benchmarks.simulated.text import names, sentences


@dataclass(frozen=True, kw_only=True)
class HabitKnobs(Shares):
    """The manners of the model; every value is a share between 0 and 1.

    insight: chance to see a lesson in one failing example.
    second, third: chance to act on a second lesson, and with many failures on a third.
    rewords: share of the insight left for what the text asks for already.
    forgets: share of sentences lost in a rewrite.
    useless: share of rewrites that miss the point.
    mistaken: share of rewrites with a harmful sentence added.
    remarks: share of rewrites with a remark about single examples added.
    pads: share of rewrites with a platitude added.
    guess: chance of each guess when there is no feedback.
    advises, misadvises: share of advice that holds a lesson, and that does harm.
    """

    insight: float = 0.7
    second: float = 0.8
    third: float = 0.4
    rewords: float = 0.12
    forgets: float = 0.05
    useless: float = 0.1
    mistaken: float = 0.15
    remarks: float = 0.25
    pads: float = 0.25
    guess: float = 0.25
    advises: float = 0.5
    misadvises: float = 0.2


@dataclass(frozen=True)
class HabitCurriculum:
    """The knowledge of one world; two with the same name and knobs are equal.

    Attributes:
        skills: The rules by stage that instructions can ask for.
        lessons: By stage and rule, sentences that ask for a good habit.
        mistakes: By stage, sentences that ask for a bad one.
        stage_of_fields: The stage of a step by its field names, or None.
        lessons_in: The good habits whose lack an example of a stage shows.
    """

    name: str
    skills: Mapping[str, tuple[Rule, ...]] = field(compare=False, repr=False)
    lessons: Mapping[str, Mapping[str, tuple[str, ...]]] = field(compare=False, repr=False)
    mistakes: Mapping[str, tuple[str, ...]] = field(compare=False, repr=False)
    stage_of_fields: Callable[[set[str]], str | None] = field(compare=False, repr=False)
    lessons_in: Callable[[str, Evidence], frozenset[str]] = field(compare=False, repr=False)
    knobs: HabitKnobs = field(default_factory=HabitKnobs)

    discussion: ClassVar[str] = "The worse run went astray where the advice below applies."

    def rewrite(self, task: Assignment, seed: str) -> str:
        """Return a new version of the text."""
        return self.rewritten(task.current, task.examples, task.text, seed)

    def rewritten(self, current: str, examples: Sequence[Evidence], text: str, seed: str) -> str:
        """Return a new version of `current` with what `examples` teach; `text` feeds the randomness."""
        knobs, draft = self.knobs, Draft(seed, text, details_last=True)
        stage = self.stage_in(current, examples)
        failures = [example for example in examples if failed(example)]
        kept = draft.kept(sentences(current), knobs.forgets) or [GENERIC[0]]
        added: list[str] = []
        if stage and not draft.happens(knobs.useless, "useless"):
            for name in self._seen(stage, current, failures, draft):
                # The sentence that said it already goes: the model words it anew.
                rules = tuple(rule for rule in self.skills[stage] if rule.name == name)
                kept = [line for line in kept if not asked_rules(rules, line)]
                added.append(draft.pick(self.lessons[stage][name], "wording", name))
        added += self._slips(stage, failures, draft)
        added = added or [draft.filler()]
        return "\n".join([*kept, *(line for line in added if line not in kept)])

    def guess(self, task: Assignment, seed: str) -> str:
        """Return the current instruction with platitudes and lucky guesses."""
        share, draft = self.knobs.guess, Draft(seed, task.text, details_last=True)
        stage = self.stage_in(f"{task.current}\n{task.rest}", ())
        added = [line for line in GENERIC if draft.happens(share, "generic", line)]
        for name, wordings in self.lessons[stage].items() if stage else ():
            if draft.happens(share, "guess", name):
                added.append(draft.pick(wordings, "wording", name))
        added += self._slips(stage, (), draft)
        return "\n".join([*sentences(task.current), *(added or [draft.filler()])])

    def advise(self, module: str, examples: Sequence[Evidence], text: str, seed: str) -> str:
        """Return one lesson, a mistake or a platitude for a module."""
        draft = Draft(seed, text, details_last=True)
        stage = self.stage_in("", examples)
        if stage is None:
            return draft.filler(module)
        if draft.happens(self.knobs.misadvises, "mistake", module):
            return draft.pick(self.mistakes[stage], "which mistake", module)
        found = sorted(lesson for example in examples for lesson in self.lessons_in(stage, example))
        if not found or not draft.happens(self.knobs.advises, "see", module):
            return draft.filler(module)
        return draft.pick(self.lessons[stage][draft.pick(found, "lesson", module)], "wording", module)

    def feedback_in(self, inputs: Mapping[str, str]) -> str:
        """Return the report on the worse run, and the expected answer where it is given."""
        hidden = loaded(inputs.get("oracle_metadata", "{}"))
        answer = hidden.get("answer") if isinstance(hidden, dict) else None
        told = inputs.get("worse_reward_info", "")
        return f"Wrong. {told}" + (f"\nThe expected answer is '{answer}'." if answer else "")

    def stage_in(self, instruction: str, examples: Iterable[Evidence]) -> str | None:
        """Return the stage of the examples, by their fields, else by those that the instruction quotes."""
        return stage_in(instruction, examples, self.stage_of_fields)

    def _seen(self, stage: str, current: str, failures: Sequence[Evidence], draft: Draft) -> list[str]:
        support = Counter(name for example in failures for name in sorted(self.lessons_in(stage, example)))
        known = asked_rules(self.skills[stage], current)
        third = self.knobs.third * (len(failures) >= MANY_FAILURES)
        limit = draft.limit(self.knobs.second, third)
        return draft.seen(support, self.knobs.insight, self.knobs.rewords, known.__contains__, limit)

    def _slips(self, stage: str | None, failures: Sequence[Evidence], draft: Draft) -> list[str]:
        """Return the sentences that a rewrite would be better without."""
        lines = []
        mistakes = self.mistakes[stage] if stage else ()
        if mistakes and draft.happens(self.knobs.mistaken, "mistake"):
            lines.append(draft.pick(mistakes, "which mistake"))
        subjects = [name for example in failures for name in names(example.feedback)]
        if subjects and draft.happens(self.knobs.remarks, "overfit"):
            one, other = (draft.pick(subjects, part) for part in ("one", "other"))
            lines.append(f"For instance, when {one} comes up, remember that {other} may belong to it.")
        if draft.happens(self.knobs.pads, "pad"):
            lines.append(draft.filler())
        return lines
