"""Executors: what `concurrent.futures.Executor` promises, and what only ours promise."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from typing import Any

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.runtime import executors
from dspy_gepa.runtime.executors import AsyncExecutor, RayExecutor, ThreadExecutor

PATIENCE = 30.0  # seconds; only a test that fails waits so long

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@pytest.fixture
def loop() -> Iterator[AsyncExecutor]:
    with AsyncExecutor() as executor:
        yield executor


def divide(a: int, *, by: int) -> float:
    return a / by


async def adivide(a: int, *, by: int) -> float:
    await asyncio.sleep(0)
    return a / by


def exits() -> None:
    raise SystemExit(3)


def paint() -> str:
    before = colour.get()
    colour.set("painted over")
    return before


async def apaint() -> str:
    return paint()


@pytest.mark.parametrize(
    ("executor", "function"),
    [(ThreadExecutor(), divide), (AsyncExecutor(), adivide)],
    ids=["threads", "async"],
)
def test_results_and_errors_come_back_through_the_future(
    executor: Executor, function: Callable[..., Any]
) -> None:
    assert executor.submit(function, 6, by=3).result(PATIENCE) == 2.0
    assert isinstance(executor.submit(function, 6, by=0).exception(PATIENCE), ZeroDivisionError)


@pytest.mark.parametrize(
    ("executor", "function"), [(ThreadExecutor(), paint), (AsyncExecutor(), apaint)], ids=["threads", "async"]
)
def test_work_sees_the_callers_context_and_cannot_change_it(
    executor: Executor, function: Callable[[], Any]
) -> None:
    colour.set("blue")
    seen = [executor.submit(function).result(PATIENCE) for _ in range(2)]
    assert seen == ["blue", "blue"]
    assert colour.get() == "blue"


def test_a_thread_that_calls_exit_reports_it() -> None:
    assert isinstance(ThreadExecutor().submit(exits).exception(PATIENCE), SystemExit)


def test_there_are_as_many_threads_as_tasks() -> None:
    meeting = threading.Barrier(50)
    tasks = [ThreadExecutor().submit(meeting.wait, PATIENCE) for _ in range(50)]
    assert sorted(task.result(PATIENCE) for task in tasks) == list(range(50))


def test_a_thread_that_is_done_takes_a_later_task() -> None:
    seen = {ThreadExecutor().submit(threading.get_ident).result(PATIENCE) for _ in range(50)}
    assert len(seen) < 50


def test_an_idle_thread_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "IDLE", 0.0)
    monkeypatch.setattr(executors, "_idle", deque())
    thread = ThreadExecutor().submit(threading.current_thread).result(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not executors._idle


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_tasks_run_in_threads_of_the_child() -> None:
    ThreadExecutor().submit(exits).exception(PATIENCE)
    child = os.fork()
    if not child:
        os._exit(ThreadExecutor().submit(divide, 6, by=2).result(PATIENCE) != 3.0)
    assert os.waitpid(child, 0)[1] == 0


def test_threads_do_not_hold_up_the_end_of_the_process() -> None:
    assert ThreadExecutor().submit(lambda: threading.current_thread().daemon).result(PATIENCE)


def test_a_thousand_coroutines_are_in_flight_on_one_thread(loop: AsyncExecutor) -> None:
    arrived: list[int] = []
    everybody = asyncio.Event()

    async def meet() -> int:
        arrived.append(threading.get_ident())
        if len(arrived) == 1_000:
            everybody.set()
        await everybody.wait()
        return threading.active_count()

    before = threading.active_count()
    threads = {task.result(PATIENCE) for task in [loop.submit(meet) for _ in range(1_000)]}
    assert len(set(arrived)) == 1
    assert max(threads) <= before


def test_what_cannot_be_awaited_finds_as_many_helper_threads_as_it_needs(loop: AsyncExecutor) -> None:
    meeting = threading.Barrier(50)

    async def meet() -> int:
        return await asyncio.to_thread(meeting.wait, PATIENCE)

    tasks = [loop.submit(meet) for _ in range(50)]
    assert sorted(task.result(PATIENCE) for task in tasks) == list(range(50))


def test_helper_threads_do_not_hold_up_the_end_of_the_process(loop: AsyncExecutor) -> None:
    async def help_me() -> bool:
        return await asyncio.to_thread(lambda: threading.current_thread().daemon)

    assert loop.submit(help_me).result(PATIENCE)


def test_cancelling_a_future_cancels_its_coroutine(loop: AsyncExecutor) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    future = loop.submit(wait)
    assert begun.wait(PATIENCE)
    assert future.cancel()
    assert cancelled.wait(PATIENCE)


def test_shutting_down_waits_for_what_runs() -> None:
    loop, go = AsyncExecutor(), asyncio.Event()

    async def wait() -> str:
        await go.wait()
        return "done"

    async def release() -> None:
        go.set()

    waiting = loop.submit(wait)
    released = loop.submit(release)
    loop.shutdown()
    assert released.done()
    assert waiting.result(0) == "done"


def test_shutting_down_with_cancel_futures_lets_nobody_wait_for_ever() -> None:
    loop = AsyncExecutor()

    async def wait() -> None:
        await asyncio.Event().wait()

    tasks: list[Future[None]] = [loop.submit(wait) for _ in range(3)]
    loop.shutdown(cancel_futures=True)
    for task in tasks:
        with pytest.raises(CancelledError):
            task.result(PATIENCE)


def test_an_executor_that_is_shut_refuses_work_and_may_be_shut_again() -> None:
    loop = AsyncExecutor()
    loop.shutdown()
    loop.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        loop.submit(adivide, 1, by=1)


def test_a_function_that_is_no_coroutine_function_is_refused(loop: AsyncExecutor) -> None:
    with pytest.raises(TypeError, match="coroutine"):
        loop.submit(divide, 1, by=1)


def test_without_ray_its_executor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install ray"):
        RayExecutor()
