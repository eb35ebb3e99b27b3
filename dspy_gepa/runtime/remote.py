"""Running effects in other processes: the work travels to each once, results come back as JSON text.

An effect is sent alone first. A worker process that does not have the work yet says so and is sent it with
the effect; it keeps it for all that follow. Work is pickled (`dspy_gepa.runtime.pickling`) on its way to
workers that the user has chosen to trust; what comes back is text.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from uuid import uuid4

from dspy_gepa.runtime.codec import decode, decode_fault, encode, encode_fault
from dspy_gepa.runtime.pickling import AbsentModuleError, can_travel, pack, unpack
from dspy_gepa.types import Effect, Fault, Result

Work = Callable[[Effect], "Result | Fault"]
Answer = Future["Result | Fault"]

_MISSING = "missing"
_ABSENT = "absent "
_KEPT = 4

_works: dict[str, Work] = {}
_lock = threading.Lock()


class RemoteWork:
    """Submits effects to an executor whose workers share no memory with this process.

    Args:
        work: What to run.
        executor: Where to run it.
        on_result: Told of every result that arrives, on whatever thread it arrives.

    Raises:
        ConfigurationError: The work cannot be pickled.
    """

    def __init__(
        self, work: Work, executor: Executor, on_result: Callable[[Result], None] = lambda result: None
    ) -> None:
        self._work = work
        self._executor = executor
        self._on_result = on_result
        self._parcel = Parcel(work)
        self._lock = threading.Lock()
        # Dask takes equal tasks for one task and answers the second from the first: no two may be equal.
        self._tickets = (f"{uuid4().hex}-{number}" for number in itertools.count())

    def __call__(self, effect: Effect) -> Answer:
        """The future result of `effect`."""
        answer: Answer = Future()
        try:
            self._send(effect, answer)
        except Exception as error:
            _fail(answer, error, _REFUSED)
        return answer

    def _send(self, effect: Effect, answer: Answer, *, with_work: bool = False) -> None:
        with self._lock:
            parcel, ticket = self._parcel, next(self._tickets)
        payload = parcel.payload if with_work else None
        sent = self._executor.submit(execute_remotely, parcel.digest, payload, effect, ticket)
        sent.add_done_callback(lambda done: self._receive(effect, parcel, done, answer))

    def _receive(self, effect: Effect, parcel: Parcel, done: Future[str], answer: Answer) -> None:
        try:
            text = done.result()
            if text.startswith(_ABSENT):
                self._take_along(text.removeprefix(_ABSENT), parcel)
            if text == _MISSING or text.startswith(_ABSENT):
                self._send(effect, answer, with_work=True)
                return
            result = decode_answer(text)
            if not isinstance(result, Fault):
                self._on_result(result)
            answer.set_result(result)
        except BaseException as error:  # a lost worker is the dispatcher's business
            _fail(answer, error)

    def _take_along(self, module: str, parcel: Parcel) -> None:
        """From now on send the code of a module that workers cannot import."""
        with self._lock:
            if self._parcel is parcel:  # else another effect has seen to it already
                self._parcel = Parcel(self._work, (*parcel.modules, module))


class Parcel:
    """Work made ready to be sent.

    Args:
        work: The work.
        modules: Modules whose code is sent along.

    Raises:
        ImportError: The last of the modules is an installed package, or sending it along is no help.
    """

    def __init__(self, work: Work, modules: tuple[str, ...] = ()) -> None:
        if modules and (modules[-1] in modules[:-1] or not can_travel(modules[-1])):
            raise ImportError(f"No module named {modules[-1]!r} on the workers", name=modules[-1])
        self.modules = modules
        self.payload = pack(work, modules)
        self.digest = hashlib.sha256(self.payload).hexdigest()


def execute_remotely(digest: str, payload: bytes | None, effect: Effect, ticket: str) -> str:
    """Runs in the worker: the result as JSON, or a request for what is missing here."""
    try:
        work = _work_of(digest, payload)
    except AbsentModuleError as error:
        return _ABSENT + (error.name or "")
    return _MISSING if work is None else encode_answer(work(effect))


def _work_of(digest: str, payload: bytes | None) -> Work | None:
    """The work of that digest, unpacked when it is new here. The few used last are kept."""
    with _lock:
        work: Work | None = _works.pop(digest, None)
        if work is None and payload is not None:
            work = unpack(payload)
        if work is not None:
            _works[digest] = work
        if len(_works) > _KEPT:
            del _works[next(iter(_works))]
        return work


def encode_answer(answer: Result | Fault) -> str:
    """A result or a fault as text."""
    if isinstance(answer, Fault):
        return "fault " + encode_fault(answer)
    return encode(answer)


def decode_answer(text: str) -> Result | Fault:
    """The result or fault that `encode_answer` wrote."""
    if text.startswith("fault "):
        return decode_fault(text.removeprefix("fault "))
    return decode(text)


_REFUSED = "the executor takes no more work"
_BROKEN = (
    "the executor lost a worker process and is broken for good. A pool such as ProcessPoolExecutor cannot "
    "replace a process that dies: make a new one for the next compile. On Dask and Ray it costs a retry only"
)
_NOT_THERE = (
    "the workers cannot import what the program needs. Install the same packages there as here, dspy_gepa "
    "among them"
)


def _fail(answer: Answer, error: BaseException, why: str | None = None) -> None:
    """Trying again helps against a lost worker, but not against these."""
    if isinstance(error, BrokenExecutor):
        why = _BROKEN
    elif isinstance(error, ImportError):
        why = _NOT_THERE
    if why is None:
        answer.set_exception(error)
    else:
        answer.set_result(Fault(type(error).__name__, f"{why}: {error}", fatal=True))
