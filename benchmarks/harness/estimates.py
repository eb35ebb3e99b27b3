"""Means over tasks of means over seeds, with intervals and standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, variance

import numpy as np
from scipy import stats

RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """The mean over tasks of the mean over seeds.

    The tasks are the population; the uncertainty is that of the seeds drawn within them.

    by_task: values, a sequence for each task.
    """

    by_task: Sequence[Sequence[float]]

    @cached_property
    def mean(self) -> float:
        """The mean."""
        return fmean(map(fmean, self.by_task))

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval; None if a task has one seed only."""
        if min(map(len, self.by_task)) < 2:
            return None
        if all(len(set(values)) == 1 for values in self.by_task):
            return self.mean, self.mean
        # SciPy resamples each of several samples by itself, which is stratification by task.
        found = stats.bootstrap(
            [np.asarray(values) for values in self.by_task],
            lambda *samples, axis: np.mean([np.mean(sample, axis=axis) for sample in samples], axis=0),
            n_resamples=RESAMPLES,
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        return float(found.low), float(found.high)

    @cached_property
    def error(self) -> float | None:
        """The standard error; None if a task has one seed only."""
        if min(map(len, self.by_task)) < 2:
            return None
        squares = sum(variance(values) / len(values) for values in self.by_task)
        return math.sqrt(squares) / len(self.by_task)

    def __str__(self) -> str:
        return self.text("+.3f")

    def text(self, form: str) -> str:
        """Return the mean and its interval, each in this format."""
        if self.interval is None:
            return f"{self.mean:{form}}"
        return f"{self.mean:{form}} [{self.interval[0]:{form}}, {self.interval[1]:{form}}]"

    def text_with_error(self, form: str, error: str | None = None) -> str:
        """Return the mean and its standard error, in these formats."""
        return f"{self.mean:{form}}" + (f" ± {self.error:{error or form}}" if self.error is not None else "")


def estimate(by_task: Sequence[Sequence[float]]) -> Estimate | None:
    """Return the estimate from values by task; None if there are none."""
    return Estimate(by_task) if by_task else None
