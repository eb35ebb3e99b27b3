"""The reflector's knowledge of the prompted code task: instructions of a model that writes code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.simulated.curriculum import GENERIC, Assignment, Draft
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.rules import asks_for
from benchmarks.simulated.text import sentences
from benchmarks.simulated.worlds.coder.advice import ADVICE, missing_in


@dataclass(frozen=True, kw_only=True)
class AdviceKnobs(Shares):
    """The manners of the model; every value is a share between 0 and 1.

    insight: chance to see in one feedback what advice was missing.
    more: chance of each further piece of advice, up to three.
    rewords: share of the insight left for what the text advises already.
    guess: chance of each piece of advice when there is no feedback to learn from.
    forgets: share of sentences lost in a rewrite.
    mistaken: share of rewrites with harmful advice added.
    """

    insight: float = 0.6
    more: float = 0.5
    rewords: float = 0.2
    guess: float = 0.15
    forgets: float = 0.05
    mistaken: float = 0.1


@dataclass(frozen=True)
class AdviceCurriculum:
    """The knowledge of the prompted code task."""

    knobs: AdviceKnobs = field(default_factory=AdviceKnobs)

    name: ClassVar[str] = "code-prompt"

    def rewrite(self, task: Assignment, seed: str) -> str:
        """Return the instructions with further advice, without some of the old."""
        told = [example.feedback for example in task.examples if example.feedback.strip()]
        draft = Draft(seed, "\n".join([task.current, *told]))
        kept = draft.kept(sentences(task.current), self.knobs.forgets)
        added: list[str] = []
        for name in self._seen(kept, told, draft):
            kept = [line for line in kept if not asks_for(ADVICE[name].rule, line)]
            added.append(_worded(name, draft))
        if draft.happens(self.knobs.mistaken, "mistake"):
            added.append(_worded("loops", draft))
        added = added or [draft.filler()]
        return "\n".join(dict.fromkeys([*kept, *added])) or GENERIC[0]

    def _seen(self, lines: Sequence[str], told: Sequence[str], draft: Draft) -> list[str]:
        if not told:
            useful = [name for name, advice in ADVICE.items() if advice.sign]
            return [name for name in useful if draft.happens(self.knobs.guess, "guess", name)]
        return draft.seen(
            Counter(name for feedback in told for name in missing_in(feedback)),
            self.knobs.insight,
            self.knobs.rewords,
            lambda name: any(asks_for(ADVICE[name].rule, line) for line in lines),
            draft.limit(self.knobs.more, self.knobs.more**2),
        )


def _worded(name: str, draft: Draft) -> str:
    return draft.pick(ADVICE[name].wordings, "wording", name)
