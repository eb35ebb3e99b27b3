"""What may be switched on around a run: streaming, usage tracking, histories, an event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError
from dspy_gepa.runtime.executors import AsyncExecutor
from tests.support import TOKENS_IN, TOKENS_OUT, prompts_of
from tests.support_study import Study, answers, is_yes, rows_of, study, teaches

YES, NO = {"answer": "yes"}, {"answer": "no"}
ROWS = rows_of()


class Answers(dspy.Module):
    """One predictor, synchronous."""

    def __init__(self) -> None:
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.predict(question=question)


class Awaits(dspy.Module):
    """Two predictors side by side, with nothing but an async form."""

    def __init__(self) -> None:
        super().__init__()
        self.first = dspy.Predict("question -> answer")
        self.second = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        both = await asyncio.gather(*(p.acall(question=question) for p in (self.first, self.second)))
        return dspy.Prediction(answer=min(pred.answer for pred in both))


async def streamed(program: Any, **inputs: Any) -> list[Any]:
    return [value async for value in program(**inputs)]


# Streaming --------------------------------------------------------------------------------------------------


class Compiles(dspy.Module):
    """A program that compiles another, as a server might that streams whatever it does."""

    def forward(self) -> dspy.Prediction:
        return dspy.Prediction(study=study(Answers(), ROWS, is_yes, answers(YES, NO)))


@pytest.mark.parametrize("listening", [True, False])
def test_nothing_of_a_run_gets_into_a_stream_around_it(listening: bool) -> None:
    settings: dict[str, Any] = {"send_stream": Deaf()}
    if listening:
        settings["stream_listeners"] = [dspy.streaming.StreamListener("answer")]
    run = study(Answers(), ROWS, is_yes, answers(YES, NO), settings=settings)
    assert run.improved == {"predict"}


class Deaf:
    """A stream that nobody reads, which would block whoever sends."""

    async def send(self, message: Any) -> None:
        raise AssertionError(f"{message} was streamed")


def test_a_run_within_a_streamed_program_streams_its_result_alone() -> None:
    (last,) = asyncio.run(streamed(dspy.streamify(Compiles())))
    assert last.study.improved == {"predict"}


@pytest.mark.slow
def test_what_was_compiled_can_be_streamed() -> None:
    run = study(Answers(), ROWS, is_yes, answers(YES, NO))
    with dspy.context(lm=answers(YES, NO)):
        *chunks, last = asyncio.run(streamed(dspy.streamify(run.program), question="is it?"))
    assert last.answer == "yes"
    assert "yes" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.mark.parametrize("wrap", [dspy.streamify, dspy.asyncify])
def test_a_wrapped_program_is_refused_with_what_to_do(wrap: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"dspy.Module.*streamify"):
        study(wrap(Answers()), ROWS, is_yes, answers(YES, NO))


# Usage and histories ----------------------------------------------------------------------------------------


def tokens(run: Study) -> tuple[int, int]:
    calls = len(prompts_of(run.task)), len(prompts_of(run.reflection))
    return sum(calls) * TOKENS_IN, sum(calls) * TOKENS_OUT


@pytest.mark.parametrize("tracking", [True, False])
def test_usage_is_counted_whole_whatever_is_tracked(tracking: bool) -> None:
    with dspy.track_usage() as tracker:
        run = study(Answers(), ROWS, is_yes, answers(YES, NO), settings={"track_usage": tracking})
    totals = tracker.get_total_tokens().values()
    asked, answered = tokens(run)
    assert run.improved == {"predict"}
    assert run.result.total_tokens == asked + answered
    assert sum(total["prompt_tokens"] for total in totals) == asked


def test_the_compiled_program_reports_its_usage() -> None:
    run = study(Answers(), ROWS, is_yes, answers(YES, NO), settings={"track_usage": True})
    with dspy.context(lm=answers(YES, NO), track_usage=True):
        used = run.program(question="is it?").get_lm_usage()
    assert used["scripted/task"]["prompt_tokens"] == TOKENS_IN


def test_histories_may_be_switched_off() -> None:
    run = study(Answers(), ROWS, is_yes, answers(YES, NO), settings={"disable_history": True})
    assert run.improved == {"predict"}
    assert run.result.total_tokens == sum(tokens(run))


class Maps(dspy.Module):
    """Three calls in threads of DSPy's own."""

    def __init__(self) -> None:
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        pairs = [(self.predict, {"question": f"{part}: {question}"}) for part in range(3)]
        parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
        return dspy.Prediction(answer=min(pred.answer for pred in parallel(pairs)))


def test_usage_of_calls_in_dspys_own_threads_is_counted() -> None:
    run = study(Maps(), ROWS[:4], is_yes, answers(YES, NO), max_metric_calls=16)
    assert run.improved == {"predict"}
    assert run.result.total_tokens == sum(tokens(run))


# Event loops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_a_loop", [True, False])
def test_async_programs_are_compiled(on_a_loop: bool) -> None:
    executor = AsyncExecutor() if on_a_loop else None
    run = study(Awaits(), ROWS, is_yes, answers(YES, NO), executor=executor)
    assert run.improved == {"first", "second"}


def test_compile_works_where_an_event_loop_runs() -> None:
    """As in a notebook."""

    async def cell() -> Study:
        return study(Awaits(), ROWS, is_yes, answers(YES, NO))

    assert asyncio.run(cell()).improved == {"first", "second"}


def test_so_does_plan() -> None:
    def plan() -> Any:
        with dspy.context(lm=answers(YES, NO)):
            optimizer = GEPA(is_yes, reflection_lm=teaches(), max_metric_calls=40)
            return optimizer.plan(Awaits(), trainset=ROWS)

    async def cell() -> Any:
        return plan()

    assert asyncio.run(cell()).tokens == plan().tokens


def test_an_async_metric_is_awaited() -> None:
    async def metric(gold: dspy.Example, pred: dspy.Prediction) -> float:
        await asyncio.sleep(0)
        return is_yes(gold, pred)

    assert study(Awaits(), ROWS, metric, answers(YES, NO)).improved == {"first", "second"}
