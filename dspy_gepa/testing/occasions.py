"""Occasions as a choice of components meets them, and the evidence that proposers are shown."""

from __future__ import annotations

from collections.abc import Sequence

from dspy_gepa.search.choices.components import ComponentContext
from dspy_gepa.testing.pools import Recipe, grow_pool
from dspy_gepa.types import PROGRAM, Outcome, TraceStep

MANY = tuple(f"step_{number}.predict" for number in range(12))
AGENT = ("agent.react", "agent.react/tools/search", "agent.extract.predict", "rules")
FEEDBACK = "The answer is wrong: the date comes first, as in 2024-05-01. 日付が先です。"


def example_outcomes(components: Sequence[str]) -> tuple[Outcome, ...]:
    """What came of a parent on five rows: right, wrong, not parsed, broken off, wrong without feedback."""
    calls = tuple(
        TraceStep(name, {"question": "When was it?"}, {"answer": "May 2024"}) for name in components
    )
    whole = TraceStep(PROGRAM, {"question": "When was it?"}, {"answer": "May 2024"})
    unparsed = TraceStep(components[0], {"question": "When?"}, {}, failure="The output could not be parsed.")
    return (
        Outcome("scored", score=1.0, feedback="Right.", trace=(whole, *calls)),
        Outcome(
            "scored",
            score=0.25,
            feedback=FEEDBACK,
            component_feedback={components[-1]: f"{components[-1]}: give the date in full."},
            trace=(whole, *calls, *calls),
        ),
        Outcome("program_failed", feedback="No answer.", trace=(unparsed,), error="E: x", cause="E"),
        Outcome("program_failed", feedback="It stopped.", trace=(), error="E: x", cause="E"),
        Outcome("scored", score=0.0, trace=calls),
    )


def example_occasions() -> dict[str, ComponentContext]:
    """Occasions by what is special about them, new ones at each call, always the same."""
    found = {}
    for names in (("answer",), AGENT, MANY):
        outcomes = example_outcomes(names)
        several = {
            "rows of every kind": outcomes,
            "rows that are all perfect": outcomes[:1],
            "a row without trace": outcomes[3:4],
            "a row without feedback": outcomes[4:],
        }
        for number, (case, shown) in enumerate(several.items()):
            found[f"{len(names)} component{'s' * (len(names) > 1)}, {case}"] = _occasion(
                names, shown, turn=5 * number
            )
    return found


def _occasion(names: Sequence[str], outcomes: tuple[Outcome, ...], turn: int) -> ComponentContext:
    pool = grow_pool(Recipe(6, adaptive=True, components=tuple(names)))
    return ComponentContext(
        components=tuple(names), turn=turn, outcomes=outcomes, parent=pool.members[-1], pool=pool
    )
