"""Executors of this package: threads, an event loop, and Ray.

`GEPA(executor=...)` accepts any `concurrent.futures.Executor`; docs/clusters.md shows Dask and Ray.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar, cast

from dspy_gepa.errors import ConfigurationError

T = TypeVar("T")


class ThreadExecutor(Executor):
    """Runs each task in a thread that runs nothing else. The dispatcher limits their number.

    Unlike those of a pool, the threads are daemons and their number is not fixed: a rollout that hangs for
    ever blocks neither later tasks nor the end of the process. A thread whose task has ended waits some
    seconds for another one, of whatever executor of this class.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` in an idle or a new thread, in a copy of the caller's context."""
        future: Future[T] = Future()
        task = partial(_settle, future, contextvars.copy_context(), fn, args, kwargs)
        try:
            inbox = _idle.pop()
        except IndexError:  # all are at work
            inbox = SimpleQueue()
            threading.Thread(target=_serve, args=(inbox,), name="dspy_gepa", daemon=True).start()
        inbox.put(task)
        return future


# Seconds that a thread waits for its next task.
IDLE = 2.0
_Inbox: TypeAlias = "SimpleQueue[Callable[[], None]]"
_idle: deque[_Inbox] = deque()  # those of idle threads, the latest last
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # a child has none of its parent's threads


def _serve(inbox: _Inbox) -> None:
    """Do what is in the inbox, until nothing comes for a while."""
    while (task := _next(inbox)) is not None:
        task()
        del task  # it holds its result, which may be large
        _idle.append(inbox)


def _next(inbox: _Inbox) -> Callable[[], None] | None:
    try:
        return inbox.get(timeout=IDLE)
    except Empty:
        try:
            _idle.remove(inbox)
        except ValueError:  # somebody has just taken it, or it is a new one
            return inbox.get()
        return None


class LoopExecutor(Executor):
    """Runs coroutines on an event loop that somebody else runs and ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run the coroutine function `fn` on the loop, in a copy of the caller's context."""
        coroutine = cast("Coroutine[Any, Any, T]", fn(*args, **kwargs))
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class AsyncExecutor(LoopExecutor):
    """Runs coroutines on an event loop in its own thread: thousands in flight without a thread each.

    Programs with `aforward` are awaited; other programs, and metrics, run in helper threads.
    """

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._loop.set_default_executor(_Helpers())
        self._lock = threading.Lock()
        self._is_shut = False
        self._thread = threading.Thread(target=self._serve, name="dspy_gepa loop", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run the coroutine function `fn` on the loop, in a copy of the caller's context."""
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return super().submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse further work, and stop the loop when its tasks have ended or been cancelled."""
        with self._lock:
            if not self._is_shut:
                self._is_shut = True
                asyncio.run_coroutine_threadsafe(_end(self._loop, cancel=cancel_futures), self._loop)
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        while not self._has_served():
            pass
        self._loop.close()

    def _has_served(self) -> bool:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt):  # of a task, which holds it too: the loop serves the others
            return False
        return True


class _Helpers(ThreadPoolExecutor):
    """Helper threads of a loop: as many as needed, where asyncio limits its own to cores plus four."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        return ThreadExecutor().submit(fn, *args, **kwargs)


async def in_thread(fn: Callable[..., T], /, *args: Any) -> T:
    """Run `fn` in a thread of ours; those of `asyncio.to_thread` are few on a loop that is not ours."""
    return await asyncio.wrap_future(ThreadExecutor().submit(fn, *args))


class RayExecutor(Executor):
    """Runs tasks on the Ray cluster that this process is connected to (call `ray.init` first).

    Args:
        options: Options of the remote function, e.g. ``num_cpus=0.1``; see `ray.remote`. Ray does not retry
            tasks of a worker that died: the run does.

    Raises:
        ConfigurationError: Ray is not installed, or there is no cluster.
    """

    def __init__(self, **options: Any) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError("RayExecutor needs Ray: pip install ray.") from error
        if not ray.is_initialized():
            raise ConfigurationError(
                "There is no Ray cluster. Call ray.init(address='auto') or ray.init() first."
            )
        self._is_connected = ray.is_initialized
        self._call = ray.remote(max_retries=0, **options)(_call)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` somewhere on the cluster."""
        if not self._is_connected():  # Ray would silently start a cluster of its own
            raise RuntimeError("cannot schedule new futures after ray.shutdown()")
        future: Future[T] = self._call.remote(fn, args, kwargs).future()
        return future


def _call(fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    return fn(*args, **kwargs)


def _settle(
    future: Future[T],
    context: contextvars.Context,
    fn: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    try:
        result = context.run(fn, *args, **kwargs)
    except BaseException as error:  # any error must reach whoever waits for the result
        future.set_exception(error)
    else:
        future.set_result(result)


async def _end(loop: asyncio.AbstractEventLoop, *, cancel: bool) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if cancel:
        for task in others:
            task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop.call_soon(loop.stop)  # after the callbacks that deliver the results
