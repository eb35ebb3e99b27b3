"""Result files: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_json(data: Any, file: Path) -> None:
    """Write JSON atomically: no reader sees half of it, even if the process is killed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    os.replace(partial, file)


def read_json(file: Path) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(file.read_text(encoding="utf-8"))
