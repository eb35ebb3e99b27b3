"""What the tutorial programs share: either optimizer by its import alone, a reflector that reads feedback.

The programs have the shapes of the tutorials for `dspy.GEPA` and are written anew, with made-up rows. Their
models are scripted: they do a task as well as the rules in their instructions let them.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dspy
import pytest

from tests.support import Answer, Prompt, scripted_lm

WITH_EITHER = pytest.mark.parametrize("package", ["dspy_gepa", "dspy"])
RULE = re.compile(r"Rule: [^.]+\.")


@dataclass(frozen=True)
class Lesson:
    """A finished run: the programs before and after, and their mean scores on rows that nobody has seen."""

    student: dspy.Module
    program: dspy.Module
    before: float
    after: float

    def gained(self, predictor: str) -> list[str]:
        """Rules that a predictor's instructions have now and had not before."""
        old, new = (dict(p.named_predictors())[predictor] for p in (self.student, self.program))
        return [r for r in RULE.findall(new.signature.instructions) if r not in old.signature.instructions]


def learn(
    package: str,
    student: dspy.Module,
    metric: Callable[..., Any],
    trainset: Sequence[dspy.Example],
    valset: Sequence[dspy.Example],
    testset: Sequence[dspy.Example],
    task: dspy.LM,
    *,
    budget: int,
) -> Lesson:
    """Compile with the optimizer of this package, as a user would who changes nothing but the import."""
    if package == "dspy":
        pytest.importorskip("gepa")
    gepa = importlib.import_module(package).GEPA  # from dspy import GEPA; from dspy_gepa import GEPA
    dspy_was = student.dump_state()
    with dspy.context(lm=task):
        optimizer = gepa(
            metric=metric,
            max_metric_calls=budget,
            num_threads=2,
            track_stats=True,
            reflection_minibatch_size=3,
            reflection_lm=scripted_lm(follows_rules, "scripted/reflection"),
        )
        program = optimizer.compile(student, trainset=list(trainset), valset=list(valset))
        before, after = (mean_score(p, metric, testset) for p in (student, program))
    assert type(program) is type(student)
    assert program is not student
    assert student.dump_state() == dspy_was
    assert program.detailed_results.best_candidate.dump_state() == program.dump_state()
    return Lesson(student, program, before, after)


def mean_score(program: dspy.Module, metric: Callable[..., Any], rows: Sequence[dspy.Example]) -> float:
    answers = [metric(row, program(**row.inputs()), None, None, None) for row in rows]
    return sum(answer["score"] for answer in answers) / len(rows)


def follows_rules(prompt: Prompt) -> Answer:
    """The reflection role: adds the first rule that the feedback states and the instructions lack."""
    text = prompt.field("current_instruction")
    rules = [rule for rule in RULE.findall(prompt.field("examples_with_feedback")) if rule not in text]
    fields = {"new_instruction": f"{text} {rules[0]}" if rules else f"{text} Be careful."}
    return json.dumps(fields) if "JSON object" in prompt.user else fields
