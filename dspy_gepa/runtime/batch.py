"""An executor that sends validation rollouts through a provider's batch interface, at half the price."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.batching import Batches, batched_lm, in_batches
from dspy_gepa.program.dspy_api import LM
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.types import Rollout

T = TypeVar("T")


class BatchExecutor(ThreadExecutor):
    """Runs rollouts on validation and test rows by a provider's batch interface, and everything else at once.

    Those are the finals of ``strategy="adaptive"``, the validation of ``strategy="paper"``, and the test set.
    A batch holds the calls of all such rollouts that are in flight, at most `num_threads`; a program of three
    calls in a row needs three batches. Providers answer within 24 hours, mostly sooner.

        executor = BatchExecutor(folder="runs/one")
        dspy.configure(lm=executor.batched(dspy.LM("openai/gpt-5-mini")))
        gepa = GEPA(metric, executor=executor, num_threads=200, log_dir="runs/one", ...)

    Args:
        folder: Folder for `batches.jsonl`, in which the identifiers of batches are kept, so that a resumed
            run reads the answers of a batch that was submitted before. None keeps none.
        direct: Maximum number of other rollouts and reflections at a time.
        quiet_seconds: Seconds without a new call after which a batch is submitted.
        poll_seconds: Seconds between two requests for the state of a batch.
        max_calls: Maximum number of calls in a batch.

    Raises:
        ConfigurationError: A number is not positive.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        direct: int = 8,
        quiet_seconds: float = 5.0,
        poll_seconds: float = 30.0,
        max_calls: int = 10_000,
    ) -> None:
        given = {
            "direct": direct,
            "quiet_seconds": quiet_seconds,
            "poll_seconds": poll_seconds,
            "max_calls": max_calls,
        }
        for name, value in given.items():
            kind = int if name in ("direct", "max_calls") else (int, float)
            if not isinstance(value, kind) or not value > 0:
                what = "a whole number" if kind is int else "a number"
                raise ConfigurationError(f"{name}={value!r} must be {what} greater than 0.")
        record = None if folder is None else Path(folder) / "batches.jsonl"
        self._batches = Batches(quiet=quiet_seconds, poll=poll_seconds, most=max_calls, record=record)
        self._direct = threading.Semaphore(direct)

    def batched(self, lm: LM) -> LM:
        """Return a copy of a language model whose calls this executor batches.

        Give it to the program, and to judges in the metric. Other models are called as always.

        Raises:
            ConfigurationError: Its provider has no batch interface.
        """
        return batched_lm(lm, self._batches)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` in a new thread; the calls of a rollout on a validation or test row are collected."""
        can_wait = any(isinstance(given, Rollout) and given.row.split != "train" for given in args)
        run: Callable[..., T] = self._run_batched if can_wait else self._run_direct
        return super().submit(run, fn, args, kwargs)

    def _run_batched(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with in_batches():
            return fn(*args, **kwargs)

    def _run_direct(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with self._direct:
            return fn(*args, **kwargs)
