"""Where effects run: threads by default, an event loop, or any `concurrent.futures.Executor`.

To use an existing cluster, pass its executor to `GEPA(executor=...)`::

    from dask.distributed import Client
    client = Client("scheduler:8786")
    gepa = GEPA(..., executor=client.get_executor(), num_threads=64)

and for Ray ``executor=RayExecutor()`` after ``ray.init(address="auto")``.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, TypeVar, cast

from dspy_gepa.errors import ConfigurationError

T = TypeVar("T")


class ThreadExecutor(Executor):
    """A thread per task. The dispatcher bounds how many there are.

    Unlike a pool's, its threads are daemons and its size is not fixed: a rollout that hangs for ever holds up
    neither the tasks after it nor the end of the process.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` in a new thread, in a copy of the caller's context."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        threading.Thread(
            target=_settle, args=(future, context, fn, args, kwargs), name="dspy_gepa", daemon=True
        ).start()
        return future


class AsyncExecutor(Executor):
    """Runs coroutines on one event loop in a thread of its own: thousands in flight without a thread each.

    Programs with `aforward` are awaited; other programs, and metrics, run in the loop's helper threads.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dspy_gepa loop", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run the coroutine function `fn` on the loop, in a copy of the caller's context."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        coroutine = cast("Coroutine[Any, Any, T]", context.run(fn, *args, **kwargs))

        def start() -> None:
            task = context.run(self._loop.create_task, coroutine)
            task.add_done_callback(lambda done: _copy_result(done, future))

        self._loop.call_soon_threadsafe(start)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the loop; what still runs on it is dropped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        if wait:
            self._thread.join()
            self._loop.close()


class RayExecutor(Executor):
    """Runs tasks on the Ray cluster this process is connected to (`ray.init` first).

    Args:
        options: Options of the remote function, e.g. ``num_cpus=0.1``; see `ray.remote`. A worker that dies
            is not retried by Ray: the run's own retries count it.

    Raises:
        ConfigurationError: Ray is not installed, or there is no cluster.
    """

    def __init__(self, **options: Any) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError("RayExecutor needs Ray: pip install 'dspy-gepa[ray]'.") from error
        if not ray.is_initialized():
            raise ConfigurationError(
                "There is no Ray cluster. Call ray.init(address='auto') or ray.init() first."
            )
        self._call = ray.remote(max_retries=0, **options)(_call)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` somewhere on the cluster."""
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
    except BaseException as error:  # whatever it is, the one who waits must learn of it
        future.set_exception(error)
    else:
        future.set_result(result)


def _copy_result(task: asyncio.Task[T], future: Future[T]) -> None:
    if task.cancelled():
        future.cancel()
    elif error := task.exception():
        future.set_exception(error)
    else:
        future.set_result(task.result())
