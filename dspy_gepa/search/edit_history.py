"""The edits of a component that the pool knows, with their estimated effects.

A reflector that sees one failure after another does not learn what its earlier advice achieved. The pool
does: the difference between a child and its parent, over all rows of either, is the effect of the edit.
"""

from __future__ import annotations

import math
from functools import lru_cache

from dspy_gepa.reflection.edit_history import Edit, most_informative
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import added_sentences, removed_sentences


def edits_of(pool: Pool, component: str, most: int) -> list[Edit]:
    """Return up to `most` edits of a component that were evaluated, the most informative, oldest first."""
    members = {member.trial: member.index for member in pool.members}
    tried = [
        (proposal, members.get(number))
        for number, proposal in enumerate(pool.proposals)
        if proposal.kind == "mutation" and component in proposal.changed and proposal.after
    ]
    gains = [_gain(pool, proposal, child) for proposal, child in tried]
    # The probability that an edit helped costs far more than its gain.
    return [_edit(pool, *tried[i], component, gains[i]) for i in most_informative(gains, most)]


def _gain(pool: Pool, proposal: Proposal, child: int | None) -> float:
    if child is None:
        return (math.fsum(proposal.after) - math.fsum(proposal.before)) / len(proposal.after)
    (parent,) = proposal.parents
    return float(pool.belief.mean[child] - pool.belief.mean[parent])


def _edit(pool: Pool, proposal: Proposal, child: int | None, component: str, gain: float) -> Edit:
    assert proposal.candidate is not None  # it was put on trial
    (parent,) = proposal.parents
    old, new = pool.members[parent].candidate[component], proposal.candidate[component]
    if child is None:
        effect = f"rejected: {proposal.reason}"
    else:
        helped = pool.belief.probability_better(child, parent)
        effect = f"believed to have changed the score by {gain:+.2f}; it helped with probability {helped:.2f}"
    others = [name for name in proposal.changed if name != component]
    if others:
        effect += f" (together with edits of {', '.join(others)})"
    return Edit(*_changes(old, new), gain, effect)


@lru_cache(maxsize=4096)  # asked again for every edit at every reflection
def _changes(old: str, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(added_sentences(old, new)), tuple(removed_sentences(old, new))
