"""The edits of a component that the pool knows, with their estimated effects.

A reflector that sees one failure after another does not learn what its earlier advice achieved. The pool
does: the difference between a child and its parent, over all rows of either, is the effect of the edit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from dspy_gepa.reflection.edit_history import Edit, most_informative
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import added_sentences, removed_sentences

# Digits of the estimates.
DIGITS = 4


class KnownEdit(NamedTuple):
    """An edit and its estimated effect at one time.

    Attributes:
        trial: Number of the trial, its place in `Pool.proposals`.
        gain: Estimated change of the score.
        helped: Probability that it helped; None if its candidate was rejected.
    """

    trial: int
    gain: float
    helped: float | None


def known_edits(pool: Pool, component: str, most: int) -> tuple[KnownEdit, ...]:
    """Return up to `most` edits of a component that were evaluated, the most informative, oldest first."""
    members = {member.trial: member.index for member in pool.members}
    trials = [
        number
        for number, proposal in enumerate(pool.proposals)
        if proposal.kind == "mutation" and component in proposal.changed and proposal.after
    ]
    gains = [_gain(pool, pool.proposals[number], members.get(number)) for number in trials]
    return tuple(
        _known(pool, trials[place], gains[place], members.get(trials[place]))
        for place in most_informative(gains, most)
    )


def _gain(pool: Pool, proposal: Proposal, child: int | None) -> float:
    if child is None:
        return (math.fsum(proposal.after) - math.fsum(proposal.before)) / len(proposal.after)
    (parent,) = proposal.parents
    return float(pool.belief.mean[child] - pool.belief.mean[parent])


def _known(pool: Pool, trial: int, gain: float, child: int | None) -> KnownEdit:
    if child is None:
        return KnownEdit(trial, round(gain, DIGITS), None)
    (parent,) = pool.proposals[trial].parents
    return KnownEdit(trial, round(gain, DIGITS), round(pool.belief.probability_better(child, parent), DIGITS))


def edits_of(pool: Pool, component: str, known: Sequence[KnownEdit]) -> list[Edit]:
    """Return these edits of a component in the form that is shown to the reflection model."""
    return [_edit(pool, component, edit) for edit in known]


def _edit(pool: Pool, component: str, known: KnownEdit) -> Edit:
    proposal = pool.proposals[known.trial]
    assert proposal.candidate is not None  # it was put on trial
    (parent,) = proposal.parents
    old, new = pool.members[parent].candidate[component], proposal.candidate[component]
    if known.helped is None:
        effect = f"rejected: {proposal.reason}"
    else:
        effect = (
            f"believed to have changed the score by {known.gain:+.2f}; "
            f"it helped with probability {known.helped:.2f}"
        )
    others = [name for name in proposal.changed if name != component]
    if others:
        effect += f" (together with edits of {', '.join(others)})"
    return Edit(*_changes(old, new), effect)


@lru_cache(maxsize=4096)  # asked again for every edit at every reflection
def _changes(old: str, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(added_sentences(old, new)), tuple(removed_sentences(old, new))
