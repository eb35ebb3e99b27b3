"""Text of models and data as it may stand in a terminal: one line, bounded, without control characters."""

from __future__ import annotations

import re
import unicodedata

# What a terminal would obey: colours and cursor moves, titles and links.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x9b[0-?]*[ -/]*[@-~]")
# Longer texts are cut before they are looked at: what is shown of them is a line.
_LOOKED_AT = 4_000


def one_line(text: str, most: int = 160) -> str:
    """A text as one line of at most `most` characters, ending in ``...`` where it was cut.

    Escape sequences and control characters are taken out, those that reverse the writing direction too, so
    that nothing in the text can move the cursor, colour the screen or reorder what stands beside it.
    """
    plain = _ESCAPES.sub("", text[:_LOOKED_AT])
    visible = "".join(" " if char.isspace() else char for char in plain if _is_shown(char))
    line = " ".join(visible.split())
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def _is_shown(char: str) -> bool:
    return char.isspace() or not unicodedata.category(char).startswith("C")
