"""Executors that keep their contract pass; for every rule one that breaks it is told so."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from dspy_gepa import AsyncExecutor
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.testing import check_executor
from tests.testing.broken import refused


@pytest.mark.parametrize("make", [ThreadExecutor, AsyncExecutor, lambda: ThreadPoolExecutor(2)])
def test_executors_of_this_process_pass(make: Callable[[], Executor]) -> None:
    with make() as executor:
        check_executor(executor)


@pytest.mark.slow
def test_a_pool_of_processes_passes() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        check_executor(pool)


class Inline(Executor):
    """Runs each task at once, on the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(self.call(fn, args, kwargs))
        except Exception as error:
            self.fail(future, error)
        return future

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_exception(error)


def test_one_task_at_a_time_passes_where_it_is_meant() -> None:
    check_executor(Inline(), concurrency=1)
    refused(check_executor, Inline(), "2 tasks run side by side.*\n.*Found: 1 of them", patience=0.05)


class Wraps(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_exception(RuntimeError("a task failed"))


class Swallows(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_result(None)


class Forgets(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None: ...


class LosesKeywords(Inline):
    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return fn(*args)


class Caches(Inline):
    """Takes tasks with the same function for the same task."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if args[0] not in self.known:
            self.known[args[0]] = fn(*args, **kwargs)
        return self.known[args[0]]


class Dies(Inline):
    """Takes no more work after a task that raised."""

    dead = False

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.dead:
            raise RuntimeError("dead")
        return fn(*args, **kwargs)

    def fail(self, future: Future[Any], error: Exception) -> None:
        self.dead = True
        future.set_exception(error)


class Mute(Inline):
    """Its futures tell nobody that they are done."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback = lambda callback: None  # type: ignore[method-assign]
        return future


class Waits(Inline):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(fn, *args, **kwargs).result()


class Refuses(Inline):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise RuntimeError("cannot schedule new futures after shutdown")


class MixesUp(Inline):
    """Gives a rollout what came of the one before."""

    def __init__(self) -> None:
        self.last: str | None = None

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        answer = fn(*args, **kwargs)
        if not isinstance(answer, str) or '"status"' not in answer:
            return answer
        before, self.last = self.last, answer
        return before or answer


@pytest.mark.parametrize(
    ("executor", "words"),
    [
        (Wraps(), r"as it was raised.*\n.*RuntimeError\('a task failed'\)"),
        (Swallows(), "exception of a task arrives"),
        (Forgets(), "every task comes to an end"),
        (LosesKeywords(), "a task that raises nothing gives a result.*\n.*plus"),
        (Caches(), r"each result arrives in the future of its own task.*\n.*\[1, 1, 1"),
        (Dies(), "a task that raises nothing gives a result.*\n.*dead"),
        (Mute(), "by its callbacks"),
        (Waits(), "gives a concurrent.futures.Future.*\n.*Found: int"),
        (Refuses(), "after shutdown"),
        (MixesUp(), "a run finds on it what it finds on threads"),
    ],
)
def test_a_broken_executor_is_told_what_it_broke(executor: Executor, words: str) -> None:
    refused(check_executor, executor, words, concurrency=1, patience=0.05)


def test_an_executor_is_not_shut_down_by_its_check() -> None:
    with ThreadPoolExecutor(2) as pool:
        check_executor(pool)
        assert pool.submit(threading.active_count).result() > 0
