"""What a benchmark task is: a program to optimize, rows, a metric, and simulated models that can play it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dspy

from benchmarks.simulated import Role, simulated_lm


class Metric(Protocol):
    """A metric in the form GEPA asks for: returns a prediction with `score` (0 to 1) and `feedback`."""

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """Score `pred`; with `pred_name`, write the feedback for that predictor."""
        ...


@dataclass(frozen=True)
class Task:
    """A task. The three splits are lists because DSPy's optimizers ask for lists; do not change them.

    task_role, reflection_role: what simulated models play, one to run the program, one to improve it.
    best_instructions: a hand-written set of good instructions by predictor name, to measure the headroom.
    """

    name: str
    program: Callable[[], dspy.Module]
    metric: Metric
    train: list[dspy.Example]
    val: list[dspy.Example]
    test: list[dspy.Example]
    task_role: Role
    reflection_role: Role
    best_instructions: dict[str, str]

    def task_lm(self, *, seed: int = 0) -> dspy.LM:
        """A simulated model that runs the program."""
        return simulated_lm("simulated/task", self.task_role, seed=seed)

    def reflection_lm(self, *, seed: int = 0) -> dspy.LM:
        """A simulated model that rewrites instructions."""
        return simulated_lm("simulated/reflection", self.reflection_role, seed=seed)

    def best_program(self) -> dspy.Module:
        """The program under `best_instructions`: near the most that instructions can reach here."""
        return self.program_with(self.best_instructions)

    def program_with(self, instructions: Mapping[str, str]) -> dspy.Module:
        """The program under other instructions, by predictor name."""
        program = self.program()
        for name, predictor in program.named_predictors():
            predictor.signature = predictor.signature.with_instructions(instructions[name])
        return program
