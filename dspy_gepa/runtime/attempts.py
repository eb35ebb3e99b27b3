"""An effect on its way to a result: its attempts, what came of each, and how that is told."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from dspy_gepa.program.redaction import describe
from dspy_gepa.types import Effect, Fault, Outcome, Result, Rollout


@dataclass(frozen=True)
class Done:
    """An effect, the key it was requested under, and its result.

    Attributes:
        attempts: How often it was tried.
        seconds: How long the last attempt ran.
        replayed: Whether an earlier session executed it; attempts and seconds are 0 then.
    """

    key: str
    effect: Effect
    result: Result
    attempts: int
    seconds: float
    replayed: bool = False


@dataclass(eq=False)
class Job:
    """An effect that was asked for.

    Attributes:
        attempts: How often it was started.
        timeouts: How many of these ran out of time.
        running: Those that occupy a worker and may still answer.
        finished: Whether it has its result.
    """

    key: str
    effect: Effect
    attempts: int = 0
    timeouts: int = 0
    running: list[Attempt] = field(default_factory=list)
    finished: bool = False


@dataclass(eq=False)
class Attempt:
    """One start of a job; nobody waits for its answer any more once it is abandoned."""

    job: Job
    started: float
    abandoned: bool = False


def result_of(future: Future[Result | Fault]) -> Result | Fault:
    """A future's result; an executor that broke, or lost its worker, is a fault like any other."""
    if future.cancelled():
        return Fault("CancelledError", "the executor cancelled the work")
    error = future.exception()
    if error is None:
        return future.result()
    return Fault(type(error).__name__, f"the worker died: {describe(error)}")


def refused(error: Exception) -> Future[Result | Fault]:
    """The future of an effect that the executor did not take."""
    return settled(Fault(type(error).__name__, f"the executor did not take the work: {describe(error)}"))


def settled(answer: Result | Fault) -> Future[Result | Fault]:
    """A future that has its answer."""
    future: Future[Result | Fault] = Future()
    future.set_result(answer)
    return future


def out_of_time(fault: Fault, score: float) -> Outcome:
    """The outcome of a rollout that never ended in time."""
    return Outcome(
        "program_failed",
        score=score,
        feedback=f"The program was stopped: {fault.error}.",
        error=fault.error,
        cause=fault.cause,
    )


def failure_message(job: Job, fault: Fault, in_a_row: int = 0) -> str:
    """Why the run stops at this fault, as one sentence."""
    what = f"rollout on {job.effect.row}" if isinstance(job.effect, Rollout) else "reflection"
    if in_a_row:
        return f"{in_a_row} attempts in a row failed without a success, the last a {what}: {fault.error}"
    attempts = "the first attempt" if job.attempts == 1 else f"{job.attempts} attempts"
    return f"A {what} failed for good after {attempts}: {fault.error}"
