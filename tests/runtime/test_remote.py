"""Work in other processes: sent once, named when it cannot be sent, and only text comes back."""

from __future__ import annotations

import contextvars
import importlib
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import ConfigurationError
from dspy_gepa.runtime import remote
from dspy_gepa.runtime.remote import RemoteWork, decode_answer, encode_answer
from dspy_gepa.types import Candidate, Effect, Fault, Outcome, Result, Rollout, Row, Usage

PATIENCE = 60.0  # seconds; only a test that fails waits so long
EFFECT = Rollout(Candidate.of({"a": "text"}), Row("val", 0))
OUTCOME = Outcome("scored", score=0.5, usage=Usage(1, {"m": (5, 3)}))


def rollout(position: int) -> Rollout:
    return Rollout(EFFECT.candidate, Row("val", position))


def score_half(effect: Effect) -> Result | Fault:
    return OUTCOME


class Memory(dict[str, Any]):
    """What one worker process remembers."""


@dataclass
class FarAway(Executor):
    """Workers that share no memory with us or each other, drawn by lot; each task is pickled on its way."""

    workers: list[Memory] = field(default_factory=lambda: [Memory()])
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    lot: Random = field(default_factory=lambda: Random(0))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        worker = self.lot.choice(self.workers)
        self.sent.append(args)
        function, arguments = pickle.loads(pickle.dumps((fn, args)))
        future: Future[Any] = Future()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remote, "_works", worker)
            try:
                future.set_result(contextvars.Context().run(function, *arguments))
            except Exception as error:
                future.set_exception(error)
        return future

    @property
    def payloads(self) -> int:
        return sum(args[1] is not None for args in self.sent)


@dataclass
class Says(Executor):
    """Answers every task with the same text or error."""

    answer: str | BaseException
    on_submit: bool = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if not isinstance(self.answer, BaseException):
            future.set_result(self.answer)
        elif self.on_submit:
            raise self.answer
        else:
            future.set_exception(self.answer)
        return future


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """One other process, which has begun."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(os.getpid).result(PATIENCE) != os.getpid()
        yield pool


# The work's journey ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_work_is_sent_to_workers_that_lack_it_and_not_with_every_task(workers: int) -> None:
    far = FarAway([Memory() for _ in range(workers)])
    work = RemoteWork(score_half, far)
    answers = [work(rollout(i)).result(PATIENCE) for i in range(600)]
    assert answers == [OUTCOME] * 600
    assert all(len(worker) == 1 for worker in far.workers)
    # Sent by lot, it may reach a worker that has it: on average (workers * their harmonic number) times.
    assert far.payloads == 1 if workers == 1 else far.payloads < 6 * workers


def test_a_worker_that_is_new_gets_the_work_too() -> None:
    far = FarAway()
    work = RemoteWork(score_half, far)
    work(EFFECT).result(PATIENCE)
    far.workers[0] = Memory()
    assert work(EFFECT).result(PATIENCE) == OUTCOME
    assert far.payloads == 2


def test_no_two_tasks_are_equal_even_when_the_same_effect_is_tried_again() -> None:
    # Dask answers a task that equals an earlier one from that one's result, also when that was a fault.
    far = FarAway()
    for run in (RemoteWork(score_half, far), RemoteWork(score_half, far)):
        for _ in range(3):
            run(EFFECT).result(PATIENCE)
    assert len(set(far.sent)) == len(far.sent)


def test_a_worker_keeps_the_work_of_a_few_runs_only() -> None:
    far = FarAway()
    for i in range(10):
        RemoteWork(lambda effect, i=i: Outcome("scored", score=float(i)), far)(EFFECT).result(PATIENCE)
    assert len(far.workers[0]) == 4


def test_a_process_gets_the_work_once(process: ProcessPoolExecutor) -> None:
    def name_the_process(effect: Effect) -> Outcome:
        return Outcome("scored", score=1.0, feedback=str(os.getpid()))

    work = RemoteWork(name_the_process, process)
    answers = [work(rollout(i)) for i in range(10)]
    there = {answer.result(PATIENCE).feedback for answer in answers}  # type: ignore[union-attr]
    assert there == {str(process.submit(os.getpid).result(PATIENCE))}


# Code that is not there -----------------------------------------------------------------------------------

MODULE = """
from dspy_gepa.types import Outcome

class Judge:
    def score(self):
        return helper()

def helper():
    return 0.25

def work(effect):
    return Outcome("scored", score=Judge().score())
"""


def test_code_of_a_module_that_workers_cannot_import_is_sent_along(
    process: ProcessPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "known_here_only.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("known_here_only")
    work = RemoteWork(module.work, process)
    answers = [work(rollout(i)).result(PATIENCE) for i in range(4)]
    assert answers == [Outcome("scored", score=0.25)] * 4


@pytest.mark.parametrize("module", ["numpy", "json", "no_such_module"])
def test_packages_that_workers_lack_are_named_and_not_sent(module: str) -> None:
    fault = RemoteWork(score_half, Says(f"absent {module}"))(EFFECT).result(PATIENCE)
    assert isinstance(fault, Fault)
    assert fault.fatal
    assert f"No module named {module!r} on the workers" in fault.error
    assert "Install the same packages there" in fault.error


def test_code_that_was_sent_along_in_vain_is_not_sent_for_ever() -> None:
    fault = RemoteWork(score_half, Says(f"absent {__name__}"))(EFFECT).result(PATIENCE)
    assert isinstance(fault, Fault)
    assert fault.fatal


# What cannot travel ---------------------------------------------------------------------------------------


class Holder:
    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)

    def __call__(self, effect: Effect) -> Result:
        return OUTCOME


def closing_over(handle: Any) -> Callable[[Effect], Result]:
    def work(effect: Effect) -> Result:
        assert handle
        return OUTCOME

    return work


class Stubborn:
    def __reduce__(self) -> Any:
        raise RuntimeError("I stay here")


@pytest.mark.parametrize(
    ("work", "named"),
    [
        (Holder(client=threading.Lock()), "work.client cannot be sent to them: lock"),
        (Holder(parts=[1, {"x": threading.Lock()}]), "work.parts[1]['x'] cannot be sent to them: lock"),
        (closing_over(threading.Lock()), "work (its variable handle) cannot be sent to them: lock"),
        (
            Holder(child=Stubborn()),
            "work.child cannot be sent to them: Stubborn cannot be pickled (I stay here)",
        ),
        (Holder(rows=(n for n in "ab")), "work.rows cannot be sent to them: generator"),
    ],
)
def test_what_cannot_be_pickled_is_named_before_anything_is_sent(work: Any, named: str) -> None:
    far = FarAway()
    with pytest.raises(ConfigurationError) as caught:
        RemoteWork(work, far)
    assert named in str(caught.value)
    assert "or use an executor of this process" in str(caught.value)
    assert far.sent == []


# What comes back ------------------------------------------------------------------------------------------


def test_results_are_reported_on_arrival_and_faults_are_not() -> None:
    told: list[Result] = []
    answers: list[Result | Fault] = [OUTCOME, Fault("LMRateLimitError", "slow down", overload=True), OUTCOME]
    for answer in answers:
        came = RemoteWork(score_half, Says(encode_answer(answer)), told.append)(EFFECT).result(PATIENCE)
        assert came == answer
    assert told == [OUTCOME, OUTCOME]


faults = st.builds(
    Fault,
    cause=st.text(),
    error=st.text(),
    retry_after=st.none() | st.floats(0, 1e6),
    overload=st.booleans(),
    fatal=st.booleans(),
)
outcomes = st.builds(
    Outcome,
    status=st.sampled_from(["scored", "program_failed"]),
    score=st.floats(allow_nan=False, allow_infinity=False),
    feedback=st.text(),
    output=st.dictionaries(st.text(), st.text()),
)


@given(st.one_of(faults, outcomes))
def test_every_answer_survives_the_way_back(answer: Result | Fault) -> None:
    assert decode_answer(encode_answer(answer)) == answer


@pytest.mark.parametrize("error", [ValueError("lost"), CancelledError()])
def test_an_executors_own_error_is_the_futures_error(error: BaseException) -> None:
    assert RemoteWork(score_half, Says(error))(EFFECT).exception(PATIENCE) is error


@pytest.mark.parametrize("on_submit", [True, False])
def test_a_module_that_the_workers_lack_altogether_is_no_reason_to_try_again(on_submit: bool) -> None:
    error = ModuleNotFoundError("No module named 'dspy_gepa'")
    fault = RemoteWork(score_half, Says(error, on_submit))(EFFECT).result(PATIENCE)
    assert isinstance(fault, Fault)
    assert fault.fatal


def test_an_executor_that_was_shut_ends_the_run_at_once() -> None:
    pool = ProcessPoolExecutor(1)
    pool.shutdown()
    fault = RemoteWork(score_half, pool)(EFFECT).result(PATIENCE)
    assert isinstance(fault, Fault)
    assert fault.fatal
    assert "takes no more work" in fault.error


def test_a_process_pool_that_lost_a_process_says_how_to_go_on() -> None:
    def die(effect: Effect) -> Result:
        os._exit(1)

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = RemoteWork(die, pool)
        answers = [work(EFFECT).result(PATIENCE) for _ in range(2)]
    for fault in answers:
        assert isinstance(fault, Fault)
        assert fault.fatal
        assert fault.cause == "BrokenProcessPool"
        assert "make a new one for the next compile" in fault.error
