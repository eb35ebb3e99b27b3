"""Running effects in other processes: the work travels there once, results come back as JSON.

Programs, metrics and examples are pickled by value (cloudpickle) on their way to workers that the user has
chosen to trust. What comes back is text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor, Future

import cloudpickle

from dspy_gepa.runtime.codec import decode, decode_fault, encode, encode_fault
from dspy_gepa.types import Effect, Fault, Result

Work = Callable[[Effect], "Result | Fault"]

_MISSING = "missing"
_works: dict[str, Work] = {}


class RemoteWork:
    """Submits effects to an executor whose workers share no memory with this process.

    Args:
        work: What to run; it is sent to a worker the first time that worker gets an effect.
        executor: Where to run it.
    """

    def __init__(self, work: Work, executor: Executor) -> None:
        self._payload: bytes = cloudpickle.dumps(work)
        self._digest = hashlib.sha256(self._payload).hexdigest()
        self._executor = executor

    def __call__(self, effect: Effect) -> Future[Result | Fault]:
        """The future result of `effect`."""
        answer: Future[Result | Fault] = Future()
        self._send(effect, None, answer)
        return answer

    def _send(self, effect: Effect, payload: bytes | None, answer: Future[Result | Fault]) -> None:
        sent = self._executor.submit(execute_remotely, self._digest, payload, effect)
        sent.add_done_callback(lambda done: self._receive(effect, done, answer))

    def _receive(self, effect: Effect, done: Future[str], answer: Future[Result | Fault]) -> None:
        try:
            text = done.result()
            if text == _MISSING:
                self._send(effect, self._payload, answer)
            else:
                answer.set_result(decode_answer(text))
        except BaseException as error:  # a lost worker is the dispatcher's business
            answer.set_exception(error)


def execute_remotely(digest: str, payload: bytes | None, effect: Effect) -> str:
    """Runs in the worker: the result as JSON, or a request to send the work along."""
    if payload is not None:
        _works[digest] = cloudpickle.loads(payload)
    if digest not in _works:
        return _MISSING
    return encode_answer(_works[digest](effect))


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
