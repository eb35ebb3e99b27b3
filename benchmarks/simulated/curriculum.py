"""Parts of a reflection that all worlds share: the assignment, the draft, and the interface of a curriculum.

The reflector reads the prompt; a `Curriculum` knows one world: what its feedback teaches and how that is
worded. `Draft` holds the chances of one answer. Each answer is a pure function of the prompt and the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol, TypeVar, runtime_checkable

from benchmarks.simulated.evidence import Evidence, read_evidence
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.text import pick, unit

MANY_FAILURES = 5

FILLER = (
    "Think step by step.",
    "Be careful and precise.",
    "You are an expert assistant.",
    "Pay attention to the input fields.",
    "Accuracy matters a great deal in this task.",
    "Take the feedback of earlier attempts to heart.",
    "Follow these instructions closely.",
)
GENERIC = (
    "Read the inputs carefully and produce the asked output.",
    "Make sure that the output fits the input.",
    "Use all information that is given.",
    "Keep the asked format.",
    "Do not invent facts.",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Assignment:
    """A text to rewrite.

    Attributes:
        current: The text as it is.
        rest: Everything else in the prompt, the examples included.
        text: The whole prompt.
        inputs: The prompt's input fields.
    """

    current: str
    rest: str
    text: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def examples(self) -> list[Evidence]:
        """The examples with feedback."""
        return read_evidence(self.rest)


@dataclass(frozen=True)
class Draft:
    """The chances of one answer, all of them functions of the seed and the subject.

    The order in which the parts of a chance are hashed decides every published figure.

    Attributes:
        seed: Name of the random stream.
        subject: The text that the answer depends on.
        scope: Further parts of every chance, though not of a choice of wording.
        details_last: True if the details of a chance are hashed after the subject.
    """

    seed: str
    subject: str
    scope: tuple[object, ...] = ()
    details_last: bool = False

    def chance(self, what: object, *details: object) -> float:
        """Return a number in [0, 1)."""
        return unit(self.seed, *self.scope, *self._key(what, details))

    def happens(self, share: float, what: object, *details: object) -> bool:
        """Return True in `share` of all drafts."""
        return self.chance(what, *details) < share

    def pick(self, options: Sequence[T], what: object, *details: object) -> T:
        """Return one of `options`."""
        return pick(options, self.seed, *self._key(what, details))

    def filler(self, *details: object) -> str:
        """Return a platitude."""
        return self.pick(FILLER, "filler", *details)

    def kept(self, lines: Sequence[str], forgets: float) -> list[str]:
        """Return the lines that are not forgotten."""
        return [line for line in lines if not self.happens(forgets, "forget", line)]

    def limit(self, second: float, third: float) -> int:
        """Return the number of lessons that one rewrite takes up."""
        return 1 + self.happens(second, "second") + self.happens(third, "third")

    def seen(
        self,
        support: Mapping[T, int],
        insight: float,
        rewords: float,
        is_known: Callable[[T], bool],
        limit: int,
        details: Callable[[T], tuple[object, ...]] = lambda lesson: (lesson,),
    ) -> list[T]:
        """Return the lessons that the model has the insight to see, best supported first.

        support: number of examples that teach each lesson.
        insight: chance to see a lesson in one example.
        rewords: share of the insight that is left for a lesson which the text states already (`is_known`).
        """
        found = []
        for lesson, count in support.items():
            chance = 1 - (1 - insight) ** count
            if is_known(lesson):
                chance *= rewords
            if self.happens(chance, "see", *details(lesson)):
                found.append((self.chance("order", *details(lesson)) / count, lesson))
        return [lesson for _, lesson in sorted(found, key=itemgetter(0))[:limit]]

    def _key(self, what: object, details: tuple[object, ...]) -> tuple[object, ...]:
        return (what, self.subject, *details) if self.details_last else (what, *details, self.subject)


class Curriculum(Protocol):
    """Knowledge of one world. `name` is how `benchmarks.simulated.curricula` finds it."""

    @property
    def name(self) -> str:
        """Name of the curriculum."""
        ...

    @property
    def knobs(self) -> Shares:
        """The manners of the model."""
        ...

    def rewrite(self, task: Assignment, seed: str) -> str | None:
        """Return a new version of the text; None for a text of another world."""
        ...


@runtime_checkable
class AdvisingCurriculum(Curriculum, Protocol):
    """A curriculum that also serves optimizers which ask for guesses (MIPROv2) or for advice (SIMBA)."""

    @property
    def discussion(self) -> str:
        """The sentence in front of its advice."""
        ...

    def guess(self, task: Assignment, seed: str) -> str:
        """Return an instruction without feedback to learn from."""
        ...

    def feedback_in(self, inputs: Mapping[str, str]) -> str:
        """Return what the inputs of a request for advice report of the worse run."""
        ...

    def advise(self, module: str, examples: Sequence[Evidence], text: str, seed: str) -> str:
        """Return advice for one module; `text` is the whole prompt."""
        ...
