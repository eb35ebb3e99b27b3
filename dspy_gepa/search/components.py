"""Which components a mutation rewrites, given the parent's rollouts on the rows that are reflected on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from dspy_gepa.search.reflection import feedback_for
from dspy_gepa.types import Outcome

ComponentChoice = Callable[[Sequence[str], int, Sequence[Outcome]], Sequence[str]]
"""Called with the components, how often the parent was chosen before, and the outcomes; gives some names."""


def round_robin(components: Sequence[str], turn: int, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """One component, each in its turn; a child goes on where its parent stood (Algorithm 1)."""
    return (components[turn % len(components)],)


def all_components(components: Sequence[str], turn: int, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Every component, each time."""
    return tuple(components)


def blamed(components: Sequence[str], turn: int, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The components that the failures point at; all where they point at none.

    A failure points at a component when a call of it failed, or when the feedback names it or a field that it
    writes. Those are taken that at least half as many failures point at as at the one blamed most.
    """
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
