"""Images and other media within texts: DSPy marks them, and its adapters send marked parts as media."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from weakref import WeakValueDictionary

from dspy_gepa.types import MEDIA_END, MEDIA_START

# Number of characters from which on equal texts are stored once.
LONG = 250
LEFT_OUT = "[an image or other medium, left out]"

_MEDIUM = re.compile(f"({re.escape(MEDIA_START)}.*?{re.escape(MEDIA_END)})", re.DOTALL)


class _SharedText(str):
    """A string that can be referred to weakly, so that it is kept as long as somebody holds it."""

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


_in_use: WeakValueDictionary[str, _SharedText] = WeakValueDictionary()


def digest_of(text: str) -> str:
    """Return the digest of a text: 32 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shared(text: str) -> str:
    """Return the one object that stands for a medium or a long text, which many rollouts hold."""
    return _in_use.setdefault(digest_of(text), _SharedText(text))


def shared_in_use(digest: str) -> str | None:
    """Return the shared text with this digest if somebody holds it, else None."""
    return _in_use.get(digest)


def parts_of(text: str) -> list[str]:
    """Return a text cut at its media: each of them is a part. Joined they are the text."""
    return [part for part in _MEDIUM.split(text) if part] if MEDIA_START in text else [text]


def disarm(text: str, media: Sequence[str] = ()) -> str:
    """Return `text` with all marks removed except those of `media`.

    Otherwise a model could make its text be sent as an image or a file.
    """
    if MEDIA_START not in text and MEDIA_END not in text:
        return text
    if media:
        return media[0].join(disarm(part, media[1:]) for part in text.split(media[0]))
    return text.replace(MEDIA_START, "<<").replace(MEDIA_END, ">>")


def with_media(text: str, most: int) -> str:
    """Return the text with its first `most` media, and a note in place of each of the others."""
    shown = 0

    def judge(medium: re.Match[str]) -> str:
        nonlocal shown
        shown += 1
        return medium[0] if shown <= most else LEFT_OUT

    return _MEDIUM.sub(judge, text)


def mended(text: str) -> str:
    """Return `text` with surrogate pairs joined and lone surrogates replaced, which no provider accepts."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def elide(text: str, chars: int) -> str:
    """Return at most `chars` characters of `text`: its beginning and end around a note on the omission.

    Images and other media stay whole and do not count.
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
