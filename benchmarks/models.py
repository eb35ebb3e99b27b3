"""The language models of a run: simulated ones, or any that LiteLLM can reach."""

from __future__ import annotations

from dataclasses import dataclass

import dspy

from benchmarks.tasks import Task

SIMULATED = "simulated"


@dataclass(frozen=True)
class Models:
    """The names of the models of a run; `simulated` or a LiteLLM name such as `openai/gpt-4.1-mini`.

    Attributes:
        task: Plays the program's part.
        reflection: Rewrites instructions.
        judge: Judges, and plays the outside model, in tasks that ask for such models; None for the task's.
    """

    task: str = SIMULATED
    reflection: str = SIMULATED
    judge: str | None = None

    def task_lm(self, task: Task, seed: int) -> dspy.LM:
        """The model that plays the program's part."""
        if self.task == SIMULATED:
            return task.task_lm(seed=seed)
        return dspy.LM(self.task, max_tokens=16_384)

    def reflection_lm(self, task: Task, seed: int) -> dspy.LM:
        """The model that rewrites instructions."""
        if self.reflection == SIMULATED:
            return task.reflection_lm(seed=seed)
        return dspy.LM(self.reflection, max_tokens=16_384)

    def judge_lm(self) -> dspy.LM | None:
        """The model that judges; None leaves it to the task, which has simulated ones."""
        name = self.judge or self.task
        return None if name == SIMULATED else dspy.LM(name, max_tokens=16_384)

    @property
    def label(self) -> str:
        """How figures made with these models must be headed."""
        if SIMULATED in (self.task, self.reflection, self.judge):
            return "simulated LM: compares search algorithms, says nothing about any real model"
        return f"{self.task}, reflection by {self.reflection}"
