"""Earlier edits of a component and their effect, as the reflection model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dspy_gepa.program.media import elide


@dataclass(frozen=True)
class Edit:
    """An earlier text of a component and its effect.

    Attributes:
        added: Sentences that the old text did not have.
        removed: Sentences of the old text that the new one does not have.
        gain: Estimated change of the score.
        effect: The estimate in words.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    gain: float
    effect: str


def most_informative(edits: Sequence[Edit], most: int) -> list[Edit]:
    """Return up to `most` edits, oldest first: the most harmful and the most helpful ones."""
    if len(edits) <= most:
        return list(edits)
    ranked = sorted(range(len(edits)), key=lambda i: (edits[i].gain, -i))
    helped = most // 2
    chosen = ranked[: most - helped] + ranked[len(ranked) - helped :]
    return [edits[i] for i in sorted(chosen)]


def render_edits(edits: Sequence[Edit], chars: int = 600) -> str:
    """Render edits as Markdown, each with up to `chars` characters of changed text."""
    parts = []
    for edit in edits:
        changes = [f"+ {line}" for line in edit.added] + [f"- {line}" for line in edit.removed]
        parts.append(f"Edit, {edit.effect}:\n" + elide("\n".join(changes), chars))
    return "\n\n".join(parts)
