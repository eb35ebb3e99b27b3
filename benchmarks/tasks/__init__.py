"""Benchmark tasks by name.

`load("hotpotqa")` needs data or a network. All others need nothing: `load("bundled")`, `load("agent")`,
`load("code")`, `load("code-prompt")`, and the record worlds (`load("easy")`, `load("easy-tuning")`, ... see
`tasks.worlds`).
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.tasks import agent, bundled, code, code_prompt, hotpotqa, records
from benchmarks.tasks.hotpotqa import DataNotFound
from benchmarks.tasks.task import Metric, Task
from benchmarks.tasks.worlds import WORLD_NAMES, world_named

__all__ = ["NAMES", "WORLD_NAMES", "DataNotFound", "Metric", "Task", "load"]

NAMES = ("bundled", "hotpotqa", "agent", "code", "code-prompt", *WORLD_NAMES)


def load(name: str, data_dir: str | Path | None = None, seed: int = 0) -> Task:
    """The task called `name` (one of `NAMES`).

    data_dir: where local data lies, for tasks that have some; see the task's own module.
    seed: which world, or which cut of the splits.
    Raises ValueError for an unknown name and DataNotFound when a task's data is not to be had.
    """
    if name == "bundled":
        return bundled.load(seed)
    if name == "hotpotqa":
        return hotpotqa.load(data_dir, seed)
    if name == "agent":
        return agent.load(seed)
    if name == "code":
        return code.load(seed)
    if name == "code-prompt":
        return code_prompt.load(seed)
    if name in WORLD_NAMES:
        return records.load(name, world_named(name), seed)
    raise ValueError(f"Unknown task {name!r}; known tasks: {', '.join(NAMES)}.")
