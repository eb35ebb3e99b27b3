"""The edits of a component that the pool knows, with their estimated effects.

A reflector that sees one failure after another does not learn what its earlier advice achieved. The pool
does: the difference between a child and its parent, over all rows of either, is the effect of the edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from dspy_gepa.reflection.edit_history import Edit, most_informative
from dspy_gepa.search.edits import NONE
from dspy_gepa.search.pool import Pool
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
    edits = pool.edits.get(component, NONE)
    if not len(edits):
        return ()
    gains = edits.gains(pool.belief.mean)
    shown = most_informative(gains, most)
    kept = [(int(edits.children[place]), int(edits.parents[place])) for place in shown]
    better = iter(pool.belief.probabilities_better([(child, up) for child, up in kept if child >= 0]))
    return tuple(
        KnownEdit(
            int(edits.trials[place]),
            round(float(gains[place]), DIGITS),
            round(next(better), DIGITS) if child >= 0 else None,
        )
        for place, (child, _) in zip(shown, kept, strict=True)
    )


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
