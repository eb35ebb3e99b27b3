"""Text of models and data as it may stand in a terminal: one line, bounded, without control characters."""

from __future__ import annotations

import re
import unicodedata

# What a terminal would obey: colours and cursor moves, titles and links.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x9b[0-?]*[ -/]*[@-~]")
# Longer texts are cut before they are looked at: what is shown of them is a line.
_LOOKED_AT = 4_000


def visible(text: str) -> str:
    """A text without what a terminal would obey or not show; its white space stays as it is.

    Escape sequences and control characters are taken out, those that reverse the writing direction too, so
    that nothing in the text can move the cursor, colour the screen or reorder what stands beside it.
    """
    return "".join(char for char in _ESCAPES.sub("", text) if _is_shown(char))


def one_line(text: str, most: int = 160) -> str:
    """A text as one line of at most `most` characters, `visible` ones, ending in ``...`` where it was cut."""
    line = " ".join(visible(text[:_LOOKED_AT]).split())
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def short_name(name: str, most: int = 32) -> str:
    """A name of at most `most` characters on one line, both of whose ends can be read: parts differ there."""
    line = one_line(name, _LOOKED_AT)
    if len(line) <= most:
        return line
    head = (most - 3) // 2
    return f"{line[:head]}...{line[head + 3 - most :]}"


def _is_shown(char: str) -> bool:
    return char.isspace() or not unicodedata.category(char).startswith("C")
