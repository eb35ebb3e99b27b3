"""Images and other media within texts: DSPy marks them, and its adapters send what is marked as media."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dspy_gepa.types import MEDIA_END, MEDIA_START

LEFT_OUT = "[an image or other medium, left out]"

_MEDIUM = re.compile(f"({re.escape(MEDIA_START)}.*?{re.escape(MEDIA_END)})", re.DOTALL)


def disarm(text: str, media: Sequence[str] = ()) -> str:
    """`text` in which nothing is marked but these media.

    The marks are ours alone to set: between them a model's text would be sent as an image or a file.
    """
    if MEDIA_START not in text and MEDIA_END not in text:
        return text
    if media:
        return media[0].join(disarm(part, media[1:]) for part in text.split(media[0]))
    return text.replace(MEDIA_START, "<<").replace(MEDIA_END, ">>")


def with_media(text: str, most: int) -> str:
    """The text with its first media, and a note in place of each of the others."""
    shown = 0

    def judge(medium: re.Match[str]) -> str:
        nonlocal shown
        shown += 1
        return medium[0] if shown <= most else LEFT_OUT

    return _MEDIUM.sub(judge, text)


def mended(text: str) -> str:
    """`text` without halves of surrogate pairs, which no provider takes; two that fit are put together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def elide(text: str, chars: int) -> str:
    """`text`, or at most `chars` characters of it: beginning and end around a note of how much is missing.

    Images and other media are whole or nothing, and do not count.
    """
    if MEDIA_START in text:
        return "".join(
            part if part.startswith(MEDIA_START) else elide(part, chars) for part in _MEDIUM.split(text)
        )
    if len(text) <= chars:
        return text
    note = " [... {} characters left out ...] "
    room = chars - len(note.format(len(text)))
    if room < 2:
        return text[:chars]
    head = room * 2 // 3
    tail = room - head
    return text[:head] + note.format(len(text) - room) + text[-tail:]
