"""`await GEPA(...).acompile(...)`: rollouts on the caller's event loop, the search in a thread."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, AsyncExecutor, ConfigurationError, InfrastructureError, RunInterrupted
from dspy_gepa.runtime.policy import RetryPolicy
from tests.support import OneHop, forgets_words, is_right, knows_words, scripted_lm, word_rows

ROWS = {"trainset": word_rows(6, components="b"), "valset": word_rows(6, components="b", start=100)}


def gepa_of(**options: Any) -> GEPA:
    reflection_lm = scripted_lm(forgets_words, "scripted/reflection")
    return GEPA(is_right, **{"reflection_lm": reflection_lm, "max_metric_calls": 40, "seed": 1} | options)


class Awaited(OneHop):
    """Calls a function of the test in each rollout."""

    def __init__(self, visit: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.visit = visit

    async def aforward(self, question: str) -> dspy.Prediction:
        await asyncio.sleep(0)
        self.visit()
        return await self.b.acall(question=question)


async def acompile(program: dspy.Module, **options: Any) -> dspy.Module:
    with dspy.context(lm=scripted_lm(knows_words)):
        return await gepa_of(**options).acompile(program, **ROWS)


def test_rollouts_run_on_the_callers_loop_and_the_result_is_that_of_compile() -> None:
    loops = set()

    async def main() -> dspy.Module:
        return await acompile(Awaited(lambda: loops.add(asyncio.get_running_loop())), track_stats=True)

    found = asyncio.run(main())
    assert len(loops) == 1
    with dspy.context(lm=scripted_lm(knows_words)):
        compiled = gepa_of(track_stats=True).compile(OneHop(), **ROWS)
    for name in ("candidates", "val_aggregate_scores", "parents"):
        mine, other = (getattr(program.detailed_results, name) for program in (found, compiled))
        assert list(map(str, mine)) == list(map(str, other))


def test_the_loop_stays_free_for_other_tasks() -> None:
    async def main() -> int:
        ticks, done = 0, asyncio.ensure_future(acompile(Awaited()))
        while not done.done():
            ticks += 1
            await asyncio.sleep(0)
        return ticks

    assert asyncio.run(main()) > 40


def test_a_program_that_cannot_be_awaited_runs_in_threads() -> None:
    assert isinstance(asyncio.run(acompile(OneHop())), OneHop)


def test_errors_are_those_of_compile() -> None:
    def refuse() -> None:
        raise ConnectionError("nobody there")

    retry = RetryPolicy(attempts=2, first_delay=0.0)
    with pytest.raises(InfrastructureError, match="nobody there"):
        asyncio.run(acompile(Awaited(refuse), retry=retry))


def test_an_executor_beside_the_loop_is_refused() -> None:
    with AsyncExecutor() as executor, pytest.raises(ConfigurationError, match="executor"):
        asyncio.run(acompile(Awaited(), executor=executor))


def test_a_cancelled_call_ends_the_run_in_order_and_can_be_resumed(tmp_path: Path) -> None:
    visits: list[int] = []

    async def main() -> None:
        task: Any = None

        def visit() -> None:
            visits.append(1)
            if len(visits) == 5:
                task.cancel()

        task = asyncio.ensure_future(acompile(Awaited(visit), log_dir=tmp_path, num_threads=1))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert 5 <= len(visits) < 10
    asyncio.run(acompile(Awaited(lambda: visits.append(1)), log_dir=tmp_path, num_threads=1))
    assert len(visits) <= 41  # one more than the budget: a rollout that was running may have been lost


def test_ctrl_c_ends_the_run_in_order() -> None:
    visits: list[int] = []

    def visit() -> None:
        visits.append(1)
        if len(visits) == 9:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(RunInterrupted) as raised:
        asyncio.run(acompile(Awaited(visit), num_threads=1))
    assert len(visits) < 15
    assert isinstance(raised.value.program, OneHop)
