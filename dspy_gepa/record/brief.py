"""State of runs in a few figures each, read without their rollouts: for long lists."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from dspy_gepa.events import Finished, StepCommitted, StepPlanned
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.file import FILE_NAME, read_journal
from dspy_gepa.record.model import Interval, RunStatus
from dspy_gepa.record.read import read_events_backwards, state_of

# Folders that hold no runs, and very many files.
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "site-packages"})

# Rollouts of steps that were begun: a course that was left may have results of later ones.
_UNCOMMITTED = """
SELECT count(*) FROM effects WHERE kind = 'rollout' AND step BETWEEN 0 AND ?
AND step NOT IN (SELECT committed FROM events WHERE committed IS NOT NULL)
"""


@dataclass(frozen=True)
class Outline:
    """State of a run.

    Attributes:
        state: Running, or how it ended.
        score: Expected score of the best member; None before there is one, as the next two.
        interval: Interval that contains this with probability 0.9.
        gain: Expected gain over the original.
        test: Score of the returned program on the test set; None without one, and before the run ended.
        rollouts: Number of rollouts spent, those of steps that have not finished included.
        cost: US dollars spent in finished steps, as far as prices are known.
        last_seen: Time of its last entry, in seconds since 1970.
    """

    state: RunStatus
    score: float | None
    interval: Interval | None
    gain: float | None
    test: float | None
    rollouts: int
    cost: float
    last_seen: float


def read_outline(directory: Path) -> Outline:
    """Return the state of the run in a `log_dir`.

    Raises:
        JournalError: There is no journal, or it cannot be read.
    """
    with read_journal(directory) as db:
        commit = _last(read_events_backwards(db), StepCommitted.name())
        spent, state = commit.get("spent", {}), state_of(db, directory)
        ended = _last(islice(read_events_backwards(db), 1), Finished.name()) if state == "finished" else {}
        begun = -1 if ended else _last(read_events_backwards(db), StepPlanned.name()).get("step", -1)
        (uncommitted,) = db.execute(_UNCOMMITTED, (begun,)).fetchone()
        last_seen = db.execute("SELECT max(last_seen) FROM sessions").fetchone()[0] or 0.0
        datetime.fromtimestamp(last_seen)  # raises where it cannot be shown
        outline = Outline(
            state=state,
            score=commit.get("score"),
            interval=tuple(commit["interval"]) if commit else None,
            gain=commit.get("gain"),
            test=(ended.get("test") or {}).get("score"),
            rollouts=spent.get("rollouts", 0) + uncommitted,
            cost=spent.get("cost", 0.0),
            last_seen=last_seen,
        )
        check_type(outline, Outline)
        return outline


def _last(events: Iterator[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((event for event in events if event["event"] == name), {})


def find_runs(root: Path, depth: int | None = None) -> Iterator[Path]:
    """Return the folders below `root`, itself included, that contain a run, sorted by path.

    Links to folders are not followed; hidden folders and folders of tools are skipped.

    Args:
        root: Folder to search.
        depth: Maximum number of levels below it; default all.
    """
    for folder, below, files in os.walk(root):
        here = Path(folder)
        kept = sorted(name for name in below if name not in _PASSED_OVER and not name.startswith("."))
        below[:] = kept if depth is None or len(here.relative_to(root).parts) < depth else []
        if FILE_NAME in files:
            yield here
