"""The prompted code task: a model writes array functions, and what evolves is the prompt it does it by.

The paper's code experiments as they are: tasks are train and validation set at once, the candidates are
prompts, and the best output for each task is kept. Every optimizer of prompts can run it; `tasks.code` is
its counterpart in which the code itself evolves.

Data: the eight kernels of `tasks.kernels`; licence: that of this repository.

A row looks like this:
    function: "moving_average(x, window)"   task: "means of all runs of ..."   kernel: "moving_average"
"""

from __future__ import annotations

import re

import dspy

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.coder.advice import ADVICE
from benchmarks.simulated.worlds.coder.advising import AdviceCurriculum
from benchmarks.simulated.worlds.coder.writer import CodeWriter
from benchmarks.tasks.code import run_in_sandbox, sandbox_in_words, without_fence
from benchmarks.tasks.code_metric import Judge, KernelMetric
from benchmarks.tasks.kernels import KERNELS, Kernel
from benchmarks.tasks.task import Task

INSTRUCTIONS = "Write the Python function. Give the code alone, without a fence."


class Writer(dspy.Module):
    """Asks a model for the code of a function."""

    def __init__(self) -> None:
        super().__init__()
        self.write = dspy.Predict(dspy.Signature("function, task -> code", INSTRUCTIONS))

    def forward(self, function: str, task: str) -> dspy.Prediction:
        """A prediction with `code`."""
        return dspy.Prediction(code=without_fence(self.write(function=function, task=task).code))


def load(seed: int = 0, judge: Judge | None = None) -> Task:
    """The task. `seed` changes nothing here; `judge` stands in for the sandbox."""
    rows = [_example(kernel) for kernel in KERNELS]
    return Task(
        name="code-prompt",
        program=Writer,
        metric=KernelMetric({kernel.name: kernel for kernel in KERNELS}, judge or run_in_sandbox),
        train=rows,
        val=rows,
        test=rows,
        task_role=CodeWriter(Knobs(noise=0.0, restless=0.1)),
        reflection_role=Reflector(AdviceCurriculum()),
        best_instructions={
            "write": "\n".join(
                [INSTRUCTIONS, *(advice.wordings[0] for advice in ADVICE.values() if advice.sign)]
            )
        },
        inference_time=True,
        conditions=sandbox_in_words if judge is None else dict,
    )


def _example(kernel: Kernel) -> dspy.Example:
    header = re.search(r"def (.+):", kernel.reference)
    assert header is not None
    return dspy.Example(function=header[1], task=kernel.task, kernel=kernel.name).with_inputs(
        "function", "task"
    )
