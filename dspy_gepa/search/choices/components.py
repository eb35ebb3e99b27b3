"""Choosing the components to rewrite, given the parent's rollouts on the rows to reflect on."""

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
    """The facts available to a choice of components.

    Attributes:
        components: Names of the components that may be rewritten, in the program's order.
        turn: Number of times that the parent, or the one it inherited its turn from, was chosen before.
        outcomes: Outcomes of the parent on the rows to reflect on, traces included.
        parent: The member to improve.
        pool: The pool at the start of the step.
    """

    components: Sequence[str]
    turn: int
    outcomes: Sequence[Outcome]
    parent: Member
    pool: Pool


ComponentChoice = Callable[[ComponentContext], Sequence[str]]
"""Returns the names of the components to rewrite; an empty result ends the step."""


def round_robin(context: ComponentContext) -> tuple[str, ...]:
    """Return one component, each in turn; a child continues its parent's turns (Algorithm 1, line 8)."""
    return (context.components[context.turn % len(context.components)],)


def all_components(context: ComponentContext) -> tuple[str, ...]:
    """Return every component, each time."""
    return tuple(context.components)


def blamed(context: ComponentContext) -> tuple[str, ...]:
    """Return the components that the failures point at; all if they point at none.

    A failure points at a component if a call of it failed, or if the feedback names it or a field that it
    writes. Components with at least half as many failures as the one blamed most are chosen.
    """
    components, outcomes = context.components, context.outcomes
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
    """Return the maximum number of components that a mutation may rewrite."""
    return 1 if choose is round_robin else len(components)
