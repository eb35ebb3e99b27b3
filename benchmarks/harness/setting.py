"""The input and output of an arm: one optimizer on one task with one budget."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import dspy

from benchmarks.harness.meter import CountingMetric
from benchmarks.tasks import Task
from dspy_gepa.views.choice import Mode


@dataclass(frozen=True)
class Setting:
    """Everything an optimizer is given.

    Attributes:
        task: Program, metric and rows; `train` and `val` are cut to the run's sizes.
        reflection_lm: Model for optimizers that reflect or propose.
        budget: Maximum number of rollouts.
        seed: Random seed of the optimizer.
        threads: Rollouts at a time.
        log_dir: Directory for the optimizer's files, or None.
        paper: The budget is the paper's, as many rollouts as MIPROv2 heavy takes; GRPO has its 500 steps.
        gpu_server: Address of a server that trains models, for the optimizer that trains one.
        progress: Progress display of our own optimizer, see `dspy_gepa.GEPA`.
        prompts: Result of another model's run, for the optimizer that takes over its instructions.
        listeners: Objects with ``on_<event>`` methods, for the optimizers that report events.
    """

    task: Task
    reflection_lm: dspy.LM
    budget: int
    seed: int
    threads: int
    log_dir: str | None = None
    paper: bool = False
    gpu_server: str | None = None
    prompts: Path | None = None
    progress: Mode = "off"
    listeners: tuple[Any, ...] = ()


class Validated(NamedTuple):
    """A candidate, its place among all, and its validation. spent: rollouts before that began."""

    programs: Sequence[dspy.Module]
    place: int
    spent: int
    score: float

    @property
    def program(self) -> dspy.Module:
        """Its program, which may be built only now."""
        return self.programs[self.place]


@dataclass(frozen=True)
class Found:
    """The result of an optimizer.

    Attributes:
        program: The optimized program.
        details: The optimizer's own account of the run, as JSON-like data. `curve`, if present, holds the
            rollouts spent and the validation score of every candidate, by rollouts.
        score: Score of the program as the optimizer reports it; None if it reports none.
        interval: Interval of this score; None if it reports none.
        pool: All candidates, for the optimizers that list them.
        metric_calls: Rollouts that were really scored, counted by the metric.
    """

    program: dspy.Module
    details: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    interval: tuple[float, float] | None = None
    pool: tuple[Validated, ...] = ()
    metric_calls: int = 0


Arm: TypeAlias = Callable[[Setting, CountingMetric], Found]


class RefusedError(Exception):
    """An optimizer cannot be run here; the message says what it requires."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard printed output: some optimizers draw progress bars that cannot be turned off."""
    nowhere = io.StringIO()
    with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        yield
