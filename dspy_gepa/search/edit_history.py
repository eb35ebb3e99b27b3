"""What the pool knows of a component: which edits were tried, and what they are believed to have done.

A reflector that sees one failure after another does not learn what its earlier advice came to. The pool does:
the difference of a child and its parent, over all rows either was run on, is the effect of the edit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dspy_gepa.program.media import elide
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import added_sentences, removed_sentences


@dataclass(frozen=True)
class Edit:
    """A text that a component was given, and what came of it.

    Attributes:
        added: Sentences that the old text did not have.
        removed: Sentences of the old text that it does not have.
        gain: What the score is believed to have changed by.
        effect: The same in words.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    gain: float
    effect: str


def edits_of(pool: Pool, component: str) -> list[Edit]:
    """All edits of a component that were put on trial, oldest first."""
    members = {member.trial: member.index for member in pool.members}
    return [
        _edit(pool, proposal, component, members.get(number))
        for number, proposal in enumerate(pool.proposals)
        if proposal.kind == "mutation" and component in proposal.changed and proposal.after
    ]


def _edit(pool: Pool, proposal: Proposal, component: str, child: int | None) -> Edit:
    assert proposal.candidate is not None  # it was put on trial
    (parent,) = proposal.parents
    old, new = pool.members[parent].candidate[component], proposal.candidate[component]
    if child is None:
        gain = (math.fsum(proposal.after) - math.fsum(proposal.before)) / len(proposal.after)
        effect = f"rejected: {proposal.reason}"
    else:
        gain = float(pool.belief.mean[child] - pool.belief.mean[parent])
        helped = pool.belief.probability_better(child, parent)
        effect = f"believed to have changed the score by {gain:+.2f}; it helped with probability {helped:.2f}"
    others = [name for name in proposal.changed if name != component]
    if others:
        effect += f" (together with edits of {', '.join(others)})"
    return Edit(tuple(added_sentences(old, new)), tuple(removed_sentences(old, new)), gain, effect)


def telling(edits: Sequence[Edit], most: int) -> list[Edit]:
    """At most so many edits, oldest first: those that did most harm and those that helped most."""
    if len(edits) <= most:
        return list(edits)
    ranked = sorted(range(len(edits)), key=lambda i: (edits[i].gain, -i))
    helped = most // 2
    chosen = ranked[: most - helped] + ranked[len(ranked) - helped :]
    return [edits[i] for i in sorted(chosen)]


def render_edits(edits: Sequence[Edit], chars: int = 600) -> str:
    """The edits as Markdown for the reflector; of each at most so many characters of changed text."""
    parts = []
    for edit in edits:
        changes = [f"+ {line}" for line in edit.added] + [f"- {line}" for line in edit.removed]
        parts.append(f"Edit, {edit.effect}:\n" + elide("\n".join(changes), chars))
    return "\n\n".join(parts)
