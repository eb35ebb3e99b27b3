"""Earlier edits of a component and their effect, as the reflection model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.program.media import elide


@dataclass(frozen=True)
class Edit:
    """An earlier text of a component and its effect.

    Attributes:
        added: Sentences that the old text did not have.
        removed: Sentences of the old text that the new one does not have.
        effect: Its estimated effect on the score in words.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    effect: str


def most_informative(gains: NDArray[np.float64], most: int) -> list[int]:
    """Return the places of up to `most` edits, oldest first: the most harmful and the most helpful ones."""
    if len(gains) <= most:
        return list(range(len(gains)))
    ranked = np.lexsort((-np.arange(len(gains)), gains)).tolist()
    helped = most // 2
    return sorted(ranked[: most - helped] + ranked[len(ranked) - helped :])


def render_edits(edits: Sequence[Edit], chars: int = 600) -> str:
    """Render edits as Markdown, each with up to `chars` characters of changed text."""
    parts = []
    for edit in edits:
        changes = [f"+ {line}" for line in edit.added] + [f"- {line}" for line in edit.removed]
        parts.append(f"Edit, {edit.effect}:\n" + elide("\n".join(changes), chars))
    return "\n\n".join(parts)
