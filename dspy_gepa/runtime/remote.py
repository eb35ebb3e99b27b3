"""Run effects in other processes: the work is sent to each once, results come back as JSON text.

An effect is sent alone first. A worker process that lacks the work replies so, and is sent it with the
effect; it keeps it for later effects. Work is pickled (`dspy_gepa.runtime.pickling`) on its way to workers
that the user has chosen to trust; results come back as text, never as pickles.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from uuid import uuid4

from dspy_gepa.runtime.codec import decode, decode_fault, encode, encode_fault
from dspy_gepa.runtime.pickling import is_users_own, pack, unpack
from dspy_gepa.types import Effect, Fault, Result

Execute = Callable[[Effect], "Result | Fault"]

# Replies of a worker in place of a result: it lacks the work, or a module that the work needs.
_NO_WORK = "missing"
_NO_MODULE = "absent "
_KEPT = 4

_works: dict[str, Execute] = {}
_lock = threading.Lock()


class RemoteWork:
    """Submits effects to an executor whose workers share no memory with this process.

    Args:
        execute: Executes an effect.
        executor: Runs it elsewhere.
        on_result: Called with every result that arrives, on whatever thread it arrives.

    Raises:
        ConfigurationError: `execute` cannot be pickled.
    """

    def __init__(
        self, execute: Execute, executor: Executor, on_result: Callable[[Result], None] = lambda result: None
    ) -> None:
        self._execute = execute
        self._executor = executor
        self._on_result = on_result
        self._packed = _Packed(pack(execute))
        self._lock = threading.Lock()
        # Dask takes equal tasks for one task and answers the second from the first: no two may be equal.
        self._tickets = (f"{uuid4().hex}-{number}" for number in itertools.count())

    def __call__(self, effect: Effect) -> Future[Result | Fault]:
        """Return the future result of `effect`."""
        answer: Future[Result | Fault] = Future()
        try:
            self._send(effect, answer)
        except Exception as error:
            _fail(answer, error, _REFUSED)
        return answer

    def _send(self, effect: Effect, answer: Future[Result | Fault], *, with_work: bool = False) -> None:
        with self._lock:
            packed, ticket = self._packed, next(self._tickets)
        payload = packed.payload if with_work else None
        sent = self._executor.submit(execute_remotely, packed.digest, payload, effect, ticket)
        sent.add_done_callback(lambda done: self._receive(effect, packed, done, answer))

    def _receive(
        self, effect: Effect, packed: _Packed, done: Future[str], answer: Future[Result | Fault]
    ) -> None:
        try:
            text = done.result()
            if text.startswith(_NO_MODULE):
                self._include(text.removeprefix(_NO_MODULE), packed)
            if text == _NO_WORK or text.startswith(_NO_MODULE):
                self._send(effect, answer, with_work=True)
                return
            result = decode_answer(text)
            if not isinstance(result, Fault):
                self._on_result(result)
            answer.set_result(result)
        except BaseException as error:  # a lost worker is the dispatcher's business
            _fail(answer, error)

    def _include(self, module: str, packed: _Packed) -> None:
        """Send the code of a module along from now on, since workers cannot import it."""
        if module in packed.modules or not is_users_own(module):
            raise ImportError(f"No module named {module!r} on the workers", name=module)
        with self._lock:
            if self._packed is packed:  # else another effect's reply has led to it already
                modules = (*packed.modules, module)
                self._packed = _Packed(pack(self._execute, modules), modules)


@dataclass(frozen=True)
class _Packed:
    """Pickled work, and the modules whose code it includes."""

    payload: bytes
    modules: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.payload).hexdigest()


def execute_remotely(digest: str, payload: bytes | None, effect: Effect, ticket: str) -> str:
    """Execute an effect in the worker: return its result as text, or a request for what is missing."""
    try:
        execute = _work_of(digest, payload)
    except ImportError as error:
        return _NO_MODULE + (error.name or "")
    return _NO_WORK if execute is None else encode_answer(execute(effect))


def _work_of(digest: str, payload: bytes | None) -> Execute | None:
    """Return the work of that digest, unpacked if it is new here. The last few used are kept."""
    with _lock:
        work = _works.pop(digest, None)
        if work is None and payload is not None:
            work = unpack(payload)
        if work is not None:
            _works[digest] = work
        if len(_works) > _KEPT:
            del _works[next(iter(_works))]
        return work


def encode_answer(answer: Result | Fault) -> str:
    """Return a result or a fault as text."""
    return "fault " + encode_fault(answer) if isinstance(answer, Fault) else encode(answer)


def decode_answer(text: str) -> Result | Fault:
    """Return the result or fault that `encode_answer` encoded."""
    return decode_fault(text.removeprefix("fault ")) if text.startswith("fault ") else decode(text)


_REFUSED = "the executor takes no more work"
_BROKEN = (
    "the executor lost a worker process and is broken for good. A pool such as ProcessPoolExecutor cannot "
    "replace a process that dies: make a new one for the next compile. On Dask and Ray it costs a retry only"
)
_NOT_THERE = (
    "the workers cannot import what the program needs. Install the same packages there as here, dspy_gepa "
    "among them"
)


def _fail(answer: Future[Result | Fault], error: BaseException, why: str | None = None) -> None:
    """Fail in a way that is retried, as for a lost worker, or, where a retry cannot help, for good."""
    if isinstance(error, BrokenExecutor):
        why = _BROKEN
    elif isinstance(error, ImportError):
        why = _NOT_THERE
    if why is None:
        answer.set_exception(error)
    else:
        answer.set_result(Fault(type(error).__name__, f"{why}: {error}", fatal=True))
