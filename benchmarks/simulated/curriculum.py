"""What a reflection model has to know of a world: its stages, their habits, how to tell them from examples.

One reflection role serves several worlds; a `Curriculum` holds what differs between them. `MULTIHOP` is that
of the question-answering and claim programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.simulated import diagnosis, evidence, lessons, skills
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.rules import Rule


@dataclass(frozen=True, eq=False)
class Curriculum:
    """The knowledge about one world.

    Attributes:
        name: Under which `benchmarks.simulated.curricula` finds it.
        skills: The rules by stage that instructions can ask for.
        lessons: By stage and rule, sentences that ask for a good habit.
        mistakes: By stage, sentences that ask for a bad one.
        stage_of_fields: The stage of a step by its field names, or None.
        lessons_in: The good habits whose lack an example of a stage shows.
    """

    name: str
    skills: Mapping[str, tuple[Rule, ...]]
    lessons: Mapping[str, Mapping[str, tuple[str, ...]]]
    mistakes: Mapping[str, tuple[str, ...]]
    stage_of_fields: Callable[[set[str]], str | None]
    lessons_in: Callable[[str, Evidence], frozenset[str]]

    def stage_in(self, instruction: str, examples: Iterable[Evidence]) -> str | None:
        """Which stage the examples come from, by their fields, else by those the instruction quotes."""
        return evidence.stage_in(instruction, examples, self.stage_of_fields)


MULTIHOP = Curriculum(
    name="multihop",
    skills=skills.SKILLS,
    lessons=lessons.LESSONS,
    mistakes=lessons.MISTAKES,
    stage_of_fields=evidence.multihop_stage,
    lessons_in=diagnosis.lessons_in,
)
