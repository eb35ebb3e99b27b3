"""What an edit is, and the pieces that all of them use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.scorers.ifbench.text import sentences

Craft = Callable[..., str]  # craft(draft, **parameters of the constraint) -> text


def sentence_of(words: Sequence[str]) -> str:
    """The words as a sentence; empty for no words."""
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def statements(draft: str, count: int) -> list[str]:
    """`count` sentences of the draft without their end marks, commas or quotes."""
    bare = [
        sentence.rstrip(".?!").replace(",", "").replace('"', "") for sentence in sentences(draft, "paper")
    ]
    filled = [sentence for sentence in bare if sentence] or ["It is so"]
    return [filled[place % len(filled)] for place in range(count)]
