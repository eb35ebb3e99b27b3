"""The repository's folder, and the Python of its pages."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def python_blocks(markdown: str) -> list[str]:
    """The code of blocks fenced as exactly ```python; padded so that line numbers are the file's."""
    blocks = re.finditer(r"^```python\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)
    return ["\n" * markdown.count("\n", 0, block.start(1)) + block[1] for block in blocks]
