"""The files of a task: whether they are there, how many rows they have, whether they are those we know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

KNOWN = Path(__file__).with_name("known_files.txt")


@dataclass(frozen=True)
class FileReport:
    """One file. `state`: "as known" (by its checksum), "other rows" (than those known) or "unknown"."""

    path: str
    rows: int
    sha256: str
    state: str


def report_files(data_dir: Path, task: str) -> list[FileReport]:
    """All files of the task's folder in alphabetical order; none when there is no folder."""
    known = known_files()
    reports = []
    for path in sorted((data_dir / task).glob("*.json*")):
        name, content = f"{task}/{path.name}", path.read_bytes()
        digest, rows = hashlib.sha256(content).hexdigest(), content.count(b"\n")
        state = "unknown" if name not in known else "as known" if known[name] == digest else "other rows"
        reports.append(FileReport(name, rows, digest, state))
    return reports


def known_files() -> dict[str, str]:
    """Checksums by path of the files that the committed figures were made with."""
    lines = [line.split() for line in KNOWN.read_text(encoding="utf-8").splitlines() if line]
    return {path: digest for digest, _, path in lines}
