"""The check of an executor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from dspy_gepa.runtime.executors import AsyncExecutor
from dspy_gepa.testing.contract import Part
from dspy_gepa.testing.practice import practice_run

TASKS = 200
BUDGET = 40


def check_executor(executor: Executor, *, concurrency: int = 2, patience: float = 30.0) -> None:
    """Check an executor for ``executor``: any `concurrent.futures.Executor`, of this process or of others.

    Results and exceptions of tasks have to arrive in their own futures, callbacks of futures to be called,
    and `concurrency` tasks to run side by side. Then a short run goes through it, and has to find what the
    same run finds on threads; for that DSPy's settings, such as the language model, have to reach the
    workers.

    Args:
        executor: The executor; it is not shut down.
        concurrency: How many tasks it can run at a time. The tasks meet by files of this machine: pass 1
            where workers do not share its file system, or where it is meant to run one at a time.
        patience: Seconds after which a task is taken for lost.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part(
        "executor",
        executor.submit,
        "submit(function, *args, **kwargs) -> Future",
        type(executor).__qualname__,
    )
    # An event loop takes coroutine functions.
    call = _awaited if isinstance(executor, AsyncExecutor) else _called

    def submit(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = part.answer("a task", call, function, *args, **kwargs)
        part.require(
            isinstance(future, Future),
            rule="it gives a concurrent.futures.Future, at once",
            found=f"{type(future).__name__}",
            remedy="wrap it in a Future, and set its result or exception when it is there",
        )
        return future

    _check_results(part, submit, patience)
    _check_exceptions(part, submit, patience)
    _check_concurrency(part, submit, concurrency, patience)
    here = practice_run(max_metric_calls=BUDGET, num_threads=2).to_dict()
    there = part.practise(max_metric_calls=BUDGET, num_threads=2, executor=executor).to_dict()
    different = [name for name in here if here[name] != there[name]]
    part.require(
        not different,
        rule="a run finds on it what it finds on threads",
        found=f"another {', another '.join(different)}",
        remedy="run each task once, in full, and hand each result to its own future",
    )


Submit = Callable[..., "Future[Any]"]


def _check_results(part: Part, submit: Submit, patience: float) -> None:
    futures = [submit(_doubled, number, plus=1) for number in range(TASKS)]
    results = [_outcome(part, future, patience) for future in futures]
    part.require(
        results == [2 * number + 1 for number in range(TASKS)],
        rule="each result arrives in the future of its own task, and all arguments in its function",
        found=f"{results[:5]!r} and so on, where 1, 3, 5, 7, 9 belong",
        remedy="make one future for each call of submit, and call function(*args, **kwargs)",
    )
    called = Event()
    submit(_doubled, 1, plus=0).add_done_callback(lambda done: called.set())
    part.require(
        called.wait(patience),
        rule="a future tells those who wait by its callbacks (add_done_callback)",
        found=f"no call within {patience:g} seconds",
        remedy="use Future.set_result and Future.set_exception, which call them",
    )


def _check_exceptions(part: Part, submit: Submit, patience: float) -> None:
    error = _error(part, submit(_failing, "on purpose"), patience)
    part.require(
        isinstance(error, LookupError) and "on purpose" in str(error),
        rule="the exception of a task arrives in its future, as it was raised",
        found=f"{error!r}, where LookupError('on purpose') belongs",
        remedy="catch what the function raises, and call Future.set_exception(error)",
    )
    after = _outcome(part, submit(_doubled, 3, plus=0), patience)
    part.require(
        after == 6,
        rule="a task that raises does no harm to those after it",
        found=f"{after!r} from the next task, where 6 belongs",
        remedy="keep the worker alive when a task raises",
    )


def _check_concurrency(part: Part, submit: Submit, concurrency: int, patience: float) -> None:
    with TemporaryDirectory() as folder:
        futures = [submit(_meet, folder, number, concurrency, patience) for number in range(concurrency)]
        met = [_outcome(part, future, patience * (concurrency + 1)) for future in futures]
    part.require(
        all(met),
        rule=f"{concurrency} tasks run side by side",
        found=f"{met.count(True)} of them met the others within {patience:g} seconds",
        remedy="give it more workers, or pass concurrency=1 if it is meant to run one task at a time",
    )


def _outcome(part: Part, future: Future[Any], patience: float) -> Any:
    error = _error(part, future, patience)
    if error is not None:
        raise part.broken(
            rule="a task that raises nothing gives a result",
            found=f"{type(error).__name__}: {error}",
            remedy="see the cause of this error, above; other processes must be able to import dspy_gepa",
        ) from error
    return future.result()


def _error(part: Part, future: Future[Any], patience: float) -> BaseException | None:
    part.require(
        bool(wait([future], timeout=patience).done),
        rule="every task comes to an end, and its future with it",
        found=f"no result within {patience:g} seconds",
        remedy="call Future.set_result or Future.set_exception in any case",
    )
    return future.exception()


def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


async def _awaited(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(function, *args, **kwargs)


def _doubled(number: int, *, plus: int) -> int:
    return 2 * number + plus


def _failing(message: str) -> None:
    raise LookupError(message)


def _meet(folder: str, number: int, others: int, patience: float) -> bool:
    """Whether so many tasks are here at a time, each of which leaves a file."""
    (Path(folder) / str(number)).touch()
    until = time.monotonic() + patience
    while len(list(Path(folder).iterdir())) < others:
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True
