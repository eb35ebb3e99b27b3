"""The code tasks: array functions, each to be made faster and kept right. Inference-time search.

The shape of the paper's code experiments: the tasks are train and validation set at once, and what counts is
the best found for each task. The program holds the source of every kernel as a `dspy_gepa.Text` and hands out
the one that is asked for; the metric runs it. So it is the code itself that evolves, not a prompt.

`code` has eight array functions, `code-layers` four kernels of neural networks by NumPy, and `code-c` the
same four in C: compiled where it is judged, its compiler's errors are feedback. It needs a compiler and cffi.

Data: the kernels of `tasks.kernels`; licence: that of this repository.

A row looks like this:
    kernel: "moving_average"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import dspy

from benchmarks.sandbox import Job, Report, Sandbox, native
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.coder import CodeCurriculum
from benchmarks.simulated.worlds.coder.rewriting import C_VERSIONS, VERSIONS
from benchmarks.simulated.worlds.coder.version import Version
from benchmarks.tasks.code_metric import Judge, KernelMetric, job_of
from benchmarks.tasks.data import DataNotFound
from benchmarks.tasks.kernels import C_LAYERS, KERNELS, LAYERS, Kernel
from benchmarks.tasks.task import Task
from dspy_gepa import Text

SECONDS = 10.0


class Workshop(dspy.Module):
    """Holds the source of every kernel, and gives the one that is asked for."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        super().__init__()
        for kernel in kernels:
            text = Text(
                kernel.reference, desc=_described(kernel), kind="text" if kernel.declaration else "code"
            )
            setattr(self, kernel.name, text)

    def forward(self, kernel: str) -> dspy.Prediction:
        """A prediction with `code`."""
        return dspy.Prediction(code=without_fence(vars(self)[kernel].value))


def load(seed: int = 0, judge: Judge | None = None) -> Task:
    """The task `code`. `seed` changes nothing here; `judge` stands in for the sandbox."""
    return _task("code", KERNELS, VERSIONS, judge)


def load_layers(seed: int = 0, judge: Judge | None = None) -> Task:
    """The task `code-layers`; the arguments are those of `load`."""
    return _task("code-layers", LAYERS, VERSIONS, judge)


def load_c(seed: int = 0, judge: Judge | None = None) -> Task:
    """The task `code-c`; the arguments are those of `load`.

    Raises:
        DataNotFound: C cannot be compiled and run here; the message says what is missing.
    """
    if judge is None:
        first = C_LAYERS[0]
        if error := run_in_sandbox(job_of(first, first.reference)).error:
            raise DataNotFound(
                f"The task code-c compiles C where it is judged, and that does not work here: {error}. It "
                "needs a C compiler among the system's programs (on Debian: apt install gcc) and cffi (pip "
                "install 'dspy-gepa[benchmarks]'). code-layers has the same kernels by NumPy."
            )
    return _task("code-c", C_LAYERS, C_VERSIONS, judge)


def _task(
    name: str, kernels: Sequence[Kernel], versions: Mapping[str, Sequence[Version]], judge: Judge | None
) -> Task:
    rows = [dspy.Example(kernel=kernel.name).with_inputs("kernel") for kernel in kernels]
    return Task(
        name=name,
        program=partial(Workshop, kernels),
        metric=KernelMetric({kernel.name: kernel for kernel in kernels}, judge or run_in_sandbox),
        train=rows,
        val=rows,
        test=rows,
        task_role=Reflector(CodeCurriculum()),
        reflection_role=Reflector(CodeCurriculum()),
        best_instructions={kernel.name: _best(versions[kernel.name]) for kernel in kernels},
        optimize=(),
        inference_time=True,
        conditions=dict if judge else conditions_of_c if kernels is C_LAYERS else sandbox_in_words,
    )


def without_fence(code: str) -> str:
    """The code without the Markdown fence that models put around it, told or not."""
    fenced = re.fullmatch(r"```\w*\n(.*?)\n?```", code.strip(), re.DOTALL)
    return fenced[1] if fenced else code


def run_in_sandbox(job: Job) -> Report:
    """The report of a sandbox that all tasks of the process share."""
    return _sandbox().run(job)


def sandbox_in_words() -> dict[str, str]:
    """The wall around the code that is run, by the name `sandbox`."""
    return {"sandbox": _sandbox().wall().in_words()}


def conditions_of_c() -> dict[str, str]:
    """The wall, and by the name `compiler` the command that C is compiled by."""
    return {**sandbox_in_words(), "compiler": " ".join([native.compiler(), *native.FLAGS])}


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox(seconds=SECONDS)


def _described(kernel: Kernel) -> str:
    if kernel.declaration:
        return (
            f"the C source, and nothing else, of `{kernel.declaration}`: {kernel.task}. It has to give what "
            "the reference gives and leave its arguments as they are, as fast as can be. It is compiled by "
            "itself with -O2 and runs in one thread; it may include the headers of the C library."
        )
    return (
        f"the NumPy function `{kernel.name}`: {kernel.task}. It has to give what the reference gives "
        "and leave its arguments as they are, as fast as can be. It may import NumPy and math."
    )


def _best(versions: Sequence[Version]) -> str:
    return max((version for version in versions if not version.flaw), key=lambda v: v.rank).source
