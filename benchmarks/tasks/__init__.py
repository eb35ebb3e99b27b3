"""Benchmark tasks by name.

The record worlds (`load("easy")`, `load("easy-tuning")`, ... see `tasks.worlds`) need nothing, nor do
"bundled", "agent", "code", "code-layers" and "code-prompt"; "code-c" needs a C compiler. The small tasks
(`SMALL_NAMES`) are for real models only. All others need data or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import dspy

from benchmarks.scorers.rules import Rules
from benchmarks.tasks import (
    agent,
    aime,
    bundled,
    code,
    code_prompt,
    hotpotqa,
    hover,
    ifbench,
    livebench_math,
    pupa,
    records,
    small,
)
from benchmarks.tasks.data import DataNotFound, folder_of
from benchmarks.tasks.small import SMALL_NAMES
from benchmarks.tasks.task import Metric, Task
from benchmarks.tasks.worlds import WORLD_NAMES, world_named

__all__ = [
    "NAMES",
    "SMALL_NAMES",
    "WITHOUT_PREDICTORS",
    "WITH_JUDGE",
    "WITH_RULES",
    "WORLD_NAMES",
    "DataNotFound",
    "Metric",
    "Task",
    "load",
]

_WITH_DATA: Mapping[str, Callable[[str | Path | None, int], Task]] = {
    "aime": aime.load,
    "hotpotqa": hotpotqa.load,
    "hover": hover.load,
}
_ALONE: Mapping[str, Callable[[int], Task]] = {
    "bundled": bundled.load,
    "agent": agent.load,
    "code": code.load,
    "code-layers": code.load_layers,
    "code-c": code.load_c,
    "code-prompt": code_prompt.load,
}
NAMES = (*_ALONE, *_WITH_DATA, "ifbench", "livebench_math", "pupa", *WORLD_NAMES)
# Scorers that their authors changed after the paper's runs.
WITH_RULES = frozenset({"ifbench", "livebench_math"})
# Metrics that ask a model.
WITH_JUDGE = frozenset({"pupa"})
_SOURCES: Mapping[str, tuple[object, ...]] = {
    "aime": (aime.HUB, aime.HUB_TEST),
    "hotpotqa": (hotpotqa.HUB,),
    "hover": (hover.HUB,),
    "ifbench": (ifbench.TRAIN_FILE, ifbench.TEST_FILE),
    "livebench_math": (livebench_math.HUB,),
    "pupa": (pupa.HUB,),
}
# What is improved there are texts of the program itself; no language model runs it.
WITHOUT_PREDICTORS = frozenset({"code", "code-layers", "code-c"})


def load(
    name: str,
    data_dir: str | Path | None = None,
    seed: int = 0,
    *,
    judge: dspy.LM | None = None,
    rules: Rules = "paper",
) -> Task:
    """The task called `name` (one of `NAMES` or `SMALL_NAMES`).

    data_dir: where local data lies, for tasks that have some; see the task's own module.
    seed: which world, or which cut of the splits.
    judge: the model that judges, for tasks that ask one; default: a simulated one.
    rules: the rule set of the scorer, for the tasks in `WITH_RULES`.
    Raises ValueError for an unknown name and DataNotFound when a task's data is not to be had.
    """
    return replace(_loaded(name, data_dir, seed, judge, rules), source=_source_of(name, data_dir))


def _source_of(name: str, data_dir: str | Path | None) -> str:
    if name not in _SOURCES:
        return ""
    folder = folder_of(name, data_dir)
    return f"the directory {folder}" if folder else " and ".join(map(str, _SOURCES[name]))


def _loaded(name: str, data_dir: str | Path | None, seed: int, judge: dspy.LM | None, rules: Rules) -> Task:
    if name in _ALONE:
        return _ALONE[name](seed)
    if name == "pupa":
        return pupa.load(data_dir, seed, judge=judge)
    if name == "ifbench":
        return ifbench.load(data_dir, seed, rules=rules)
    if name == "livebench_math":
        return livebench_math.load(data_dir, seed, rules=rules, judge=judge)
    if name in _WITH_DATA:
        return _WITH_DATA[name](data_dir, seed)
    if name in WORLD_NAMES:
        return records.load(name, world_named(name), seed)
    if name in SMALL_NAMES:
        return small.load(name, data_dir, seed)
    raise ValueError(f"Unknown task {name!r}; known tasks: {', '.join([*NAMES, *SMALL_NAMES])}.")
