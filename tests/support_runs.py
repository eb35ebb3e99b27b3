"""Runs in the world of words, for tests of the optimizer from end to end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy

from dspy_gepa import GEPA, GEPAResult
from dspy_gepa.steps import Proposal
from tests.support import (
    Script,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

TRAIN, VAL = word_rows(12), word_rows(8, start=100)


class Words:
    """Runs in one log_dir, and what was asked of the models in all of them together."""

    def __init__(self, log_dir: Path | None, *, reflection: Script = forgets_words) -> None:
        self.log_dir = log_dir
        self.task = scripted_lm(knows_words)
        self.reflection = scripted_lm(reflection, "scripted/reflection")

    def compile(self, student: dspy.Module | None = None, **changes: Any) -> GEPAResult:
        data = {"trainset": TRAIN, "valset": VAL, "testset": None}
        data |= {name: changes.pop(name) for name in list(changes) if name in data}
        metric = changes.pop("metric", is_right)
        settings = {"strategy": "paper", "max_metric_calls": 100, "num_threads": 2, "seed": 1}
        options = settings | {"track_stats": True} | changes
        options = {"reflection_lm": self.reflection, "log_dir": self.log_dir and str(self.log_dir)} | options
        with dspy.context(lm=options.pop("lm", self.task)):
            program = GEPA(metric, **options).compile(student or TwoHops(), **data)
        result = program.detailed_results
        assert isinstance(result, GEPAResult)
        return result

    @property
    def calls(self) -> int:
        return len(prompts_of(self.task)) + len(prompts_of(self.reflection))


def contents(result: GEPAResult) -> dict[str, Any]:
    """Return all that a result holds, except where its files are."""
    return result.to_dict() | {"log_dir": None}


@dataclass
class Run:
    """A finished run and all that was seen of it from outside."""

    student: dspy.Module
    program: dspy.Module
    task: dspy.LM
    reflection: dspy.LM

    @property
    def result(self) -> GEPAResult:
        result = self.program.detailed_results
        assert isinstance(result, GEPAResult)
        return result

    @property
    def mutations(self) -> list[Proposal]:
        return [p for p in self.result.proposals if p.kind == "mutation"]

    @property
    def merges(self) -> list[Proposal]:
        return [p for p in self.result.proposals if p.kind == "merge"]

    @property
    def evidence(self) -> str:
        return "\n".join(prompt.user for prompt in prompts_of(self.reflection))


def compile_words(
    student: dspy.Module | None = None,
    *,
    metric: Any = is_right,
    task: Script = knows_words,
    reflection: Script = learns_words,
    trainset: Any = TRAIN,
    valset: Any = VAL,
    **options: Any,
) -> Run:
    """One run in the world of words."""
    student = student or TwoHops()
    task_lm, reflection_lm = scripted_lm(task), scripted_lm(reflection, "scripted/reflection")
    settings = {"strategy": "paper", "max_metric_calls": 120, "num_threads": 2, "track_stats": True}
    options = settings | options
    options = {name: value for name, value in options.items() if value != "unset"}
    with dspy.context(lm=task_lm):
        optimizer = GEPA(metric, reflection_lm=reflection_lm, **options)
        program = optimizer.compile(student, trainset=trainset, valset=valset)
    return Run(student, program, task_lm, reflection_lm)
