"""The code task: array functions, each to be made faster and kept right. Inference-time search.

The shape of the paper's code experiments: the tasks are train and validation set at once, and what counts is
the best found for each task. The program holds the source of every kernel as a `dspy_gepa.Text` and hands out
the one that is asked for; the metric runs it. So it is the code itself that evolves, not a prompt.

Data: the eight kernels of `tasks.kernels`; licence: that of this repository.

A row looks like this:
    kernel: "moving_average"
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import dspy

from benchmarks.sandbox import Job, Report, Sandbox
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.coder import CodeCurriculum
from benchmarks.simulated.worlds.coder.rewriting import VERSIONS
from benchmarks.tasks.code_metric import Judge, KernelMetric
from benchmarks.tasks.kernels import KERNELS, Kernel
from benchmarks.tasks.task import Task
from dspy_gepa import Text

SECONDS = 10.0


class Workshop(dspy.Module):
    """Holds the source of every kernel, and gives the one that is asked for."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        super().__init__()
        for kernel in kernels:
            desc = (
                f"the NumPy function `{kernel.name}`: {kernel.task}. It has to give what the reference gives "
                "and leave its arguments as they are, as fast as can be. It may import NumPy and math."
            )
            setattr(self, kernel.name, Text(kernel.reference, desc=desc, kind="code"))

    def forward(self, kernel: str) -> dspy.Prediction:
        """A prediction with `code`."""
        return dspy.Prediction(code=vars(self)[kernel].value)


def load(seed: int = 0, judge: Judge | None = None) -> Task:
    """The task. `seed` changes nothing here; `judge` stands in for the sandbox."""
    rows = [dspy.Example(kernel=kernel.name).with_inputs("kernel") for kernel in KERNELS]
    return Task(
        name="code",
        program=partial(Workshop, KERNELS),
        metric=KernelMetric({kernel.name: kernel for kernel in KERNELS}, judge or run_in_sandbox),
        train=rows,
        val=rows,
        test=rows,
        task_role=Reflector(CodeCurriculum()),
        reflection_role=Reflector(CodeCurriculum()),
        best_instructions={name: _best(name) for name in VERSIONS},
        optimize=(),
        inference_time=True,
        conditions=sandbox_in_words if judge is None else dict,
    )


def run_in_sandbox(job: Job) -> Report:
    """The report of a sandbox that all tasks of the process share."""
    return _sandbox().run(job)


def sandbox_in_words() -> dict[str, str]:
    """The wall around the code that is run, by the name `sandbox`."""
    return {"sandbox": _sandbox().wall().in_words()}


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox(seconds=SECONDS)


def _best(name: str) -> str:
    return max((version for version in VERSIONS[name] if not version.flaw), key=lambda v: v.rank).source
