"""Which components a mutation rewrites, given the parent's rollouts on the rows that are reflected on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dspy_gepa.reflection.evidence import feedback_for
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.types import Outcome


@dataclass(frozen=True)
class ComponentContext:
    """What a choice of components can go by.

    Attributes:
        components: The components that may be rewritten, in the program's order.
        turn: How often the parent, or the one it got its turn from, was chosen before.
        outcomes: What came of the parent on the rows that are reflected on, traces included.
        parent: The member to improve on.
        pool: The pool as of the step's start.
    """

    components: Sequence[str]
    turn: int
    outcomes: Sequence[Outcome]
    parent: Member
    pool: Pool


ComponentChoice = Callable[[ComponentContext], Sequence[str]]
"""Gives the names of the components to rewrite; none ends the step."""


def round_robin(occasion: ComponentContext) -> tuple[str, ...]:
    """One component, each in its turn; a child goes on where its parent stood (Algorithm 1)."""
    return (occasion.components[occasion.turn % len(occasion.components)],)


def all_components(occasion: ComponentContext) -> tuple[str, ...]:
    """Every component, each time."""
    return tuple(occasion.components)


def blamed(occasion: ComponentContext) -> tuple[str, ...]:
    """The components that the failures point at; all where they point at none.

    A failure points at a component when a call of it failed, or when the feedback names it or a field that it
    writes. Those are taken that at least half as many failures point at as at the one blamed most.
    """
    components, outcomes = occasion.components, occasion.outcomes
    best = max((outcome.score for outcome in outcomes), default=0.0)
    failures = [o for o in outcomes if o.score < best] or list(outcomes)
    counts = Counter(name for outcome in failures for name in components if _points_at(outcome, name))
    most = max(counts.values(), default=0)
    return tuple(name for name in components if 2 * counts[name] >= most)


def _points_at(outcome: Outcome, component: str) -> bool:
    calls = [step for step in outcome.trace if step.component == component]
    if any(call.failure is not None for call in calls):
        return True
    # Of `agent.react/tools/search`, feedback says "search".
    last = re.split(r"[./]", component)[-1]
    names = {component, last, *(name for call in calls for name in call.outputs)}
    words = "|".join(re.escape(name) for name in names)
    return re.search(rf"(?<!\w)(?:{words})(?!\w)", feedback_for(component, outcome)) is not None


COMPONENT_CHOICES: dict[str, ComponentChoice] = {
    "round_robin": round_robin,
    "all": all_components,
    "blame": blamed,
}


def most_rewritten(choose: ComponentChoice, components: Sequence[str]) -> int:
    """The most components that a mutation may rewrite."""
    return 1 if choose is round_robin else len(components)
