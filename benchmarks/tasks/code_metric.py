"""The code tasks' metric: runs a kernel in the sandbox, and scores that it is right first, then how fast.

Speed is the reference's time over the kernel's, taken in turn, and counts in whole
doublings, so that noise of the clock seldom changes a score. One piece of code is judged once in a process.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import dspy

from benchmarks.sandbox import Job, Report
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.kernels import Kernel

WRONG_AT_MOST = 0.3
SLOWER, AS_FAST, EACH_DOUBLING = 0.4, 0.5, 0.1
MOST_DOUBLINGS = 5

Judge = Callable[[Job], Report]


class KernelMetric:
    """Scores from 0 for code that cannot be run to 1 for code that is right and 32 times as fast.

    Args:
        kernels: The kernels by name.
        judge: Gives the report on a job, such as `Sandbox.run`.
    """

    def __init__(self, kernels: Mapping[str, Kernel], judge: Judge) -> None:
        self._kernels = kernels
        self._judge = judge
        self._known: dict[tuple[str, str], Report] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score, and in the feedback what went wrong or how fast it was."""
        code = text_of(pred, "code")
        if code is None:
            return dspy.Prediction(score=0.0, feedback=f"{gold.kernel}: cannot be judged: there is no code.")
        report = self._report(self._kernels[gold.kernel], code)
        return dspy.Prediction(score=score_of(report), feedback=f"{gold.kernel}: {in_words(report)}")

    def _report(self, kernel: Kernel, code: str) -> Report:
        key = (kernel.name, code)
        if key not in self._known:
            report = self._judge(job_of(kernel, code))
            with self._lock:
                self._known.setdefault(key, report)
        return self._known[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())


def job_of(kernel: Kernel, code: str) -> Job:
    """What the sandbox is asked about code for a kernel."""
    return Job(
        kernel.name,
        code,
        kernel.reference,
        kernel.cases,
        declaration=kernel.declaration,
        binding=kernel.binding,
    )


def score_of(report: Report) -> float:
    """0 to 0.3 while cases are wrong, 0.4 when all are right but it is slower, else 0.5 to 1."""
    if report.error:
        return 0.0
    if report.share_right < 1 or report.speedup is None:
        return WRONG_AT_MOST * report.share_right
    level = doublings(report.speedup)
    return SLOWER if level < 0 else round(AS_FAST + EACH_DOUBLING * level, 1)


def doublings(speedup: float) -> int:
    """How many times the speed was doubled, in whole numbers from -1 to 5."""
    return max(-1, min(MOST_DOUBLINGS, round(math.log2(max(speedup, 1e-9)))))


def in_words(report: Report) -> str:
    """What came of it, for who writes the next version. Speed is told roughly, against noise."""
    if report.error:
        return f"cannot be judged: {report.error}."
    wrong = [case for case in report.cases if not case.right]
    if wrong or report.speedup is None:
        right = len(report.cases) - len(wrong)
        told = "; ".join(f"on '{case.name}' {case.said}" for case in wrong)
        return f"{right} of {len(report.cases)} cases are right. Wrong: {told}."
    level = doublings(report.speedup)
    pace = (
        "slower than" if level < 0 else "as fast as" if level == 0 else f"about {2**level} times as fast as"
    )
    most = "" if level == MOST_DOUBLINGS else f" {2**MOST_DOUBLINGS} times as fast is the goal."
    return f"all {len(report.cases)} cases are right, and it is {pace} the reference.{most}"
