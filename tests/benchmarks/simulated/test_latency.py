"""Simulated latency: real seconds that depend on the prompt alone, and the answers of the engine behind."""

from __future__ import annotations

import asyncio
import copy
import statistics
import threading

import dspy
import pytest
from dspy.lm15 import Config, Request, Response

from benchmarks.simulated.latency import AsyncDelayedEngine, DelayedEngine, Latency, Meter, delayed_lm
from tests.benchmarks.support_prompts import ask, reader

SIGNATURE = dspy.Signature("question, summary_1 -> reasoning, query", "Write a query.")
ROW = {"question": "Who built Ostmere Mill?", "summary_1": "Ostmere Mill was built by Jana Dunek."}
QUICK = Latency(median=0.001)


def request_of(**row: str) -> Request:
    request, _ = ask(reader(), SIGNATURE, **{**ROW, **row})
    return request


def test_a_delayed_engine_answers_what_the_engine_behind_it_answers() -> None:
    assert DelayedEngine(reader(), QUICK).complete(request_of()) == reader().complete(request_of())


def test_the_asynchronous_engine_completes_alike() -> None:
    twin = AsyncDelayedEngine(DelayedEngine(reader(), QUICK))
    assert asyncio.run(twin.complete(request_of())) == reader().complete(request_of())


def test_equal_prompts_take_equally_long() -> None:
    meters = Meter(), Meter()
    for meter in meters:
        DelayedEngine(reader(), QUICK, meter).complete(request_of())
    assert meters[0].busy == meters[1].busy > 0


def test_the_twins_take_equally_long() -> None:
    meters = Meter(), Meter()
    DelayedEngine(reader(), QUICK, meters[0]).complete(request_of())
    asyncio.run(AsyncDelayedEngine(DelayedEngine(reader(), QUICK, meters[1])).complete(request_of()))
    assert meters[0].busy == meters[1].busy


def test_another_prompt_another_sample_and_another_seed_take_their_own_time() -> None:
    def seconds(request: Request, latency: Latency = QUICK) -> float:
        meter = Meter()
        DelayedEngine(reader(), latency, meter).complete(request)
        return meter.busy

    asked = request_of()
    resampled = Request(asked.model, asked.messages, asked.system, config=Config(seed=7))
    other = request_of(question="Who built Vell Bridge?")
    found = {
        seconds(asked),
        seconds(resampled),
        seconds(other),
        seconds(asked, Latency(median=0.001, seed=1)),
    }
    assert len(found) == 4


def test_latencies_have_the_asked_median_spread_and_share_of_stragglers() -> None:
    latency = Latency(median=0.1, sigma=0.3, straggler_rate=0.02, straggler_factor=10)
    drawn = [latency.seconds(f"prompt {i}") for i in range(10_000)]
    steady = [Latency(median=0.1, sigma=0.3).seconds(f"prompt {i}") for i in range(10_000)]
    assert statistics.median(steady) == pytest.approx(0.1, rel=0.02)
    assert statistics.quantiles(steady, n=100)[83] == pytest.approx(0.1 * 2.718 ** (0.3 * 0.994), rel=0.03)
    stragglers = [i for i in range(10_000) if drawn[i] != steady[i]]
    assert len(stragglers) / 10_000 == pytest.approx(0.02, rel=0.3)
    assert all(drawn[i] == pytest.approx(10 * steady[i]) for i in stragglers)


def test_no_spread_and_no_stragglers_is_a_constant() -> None:
    assert {Latency(median=0.2, sigma=0).seconds(i) for i in range(50)} == {0.2}


def test_a_scaled_latency_keeps_its_shape() -> None:
    latency = Latency(median=0.1, straggler_rate=0.5)
    assert latency.scaled(0.25).seconds("a") == pytest.approx(latency.seconds("a") / 4)


@pytest.mark.parametrize(
    "wrong",
    [{"median": -1.0}, {"sigma": -0.1}, {"straggler_rate": 1.5}, {"straggler_factor": 0.5}],
    ids=["median", "sigma", "rate", "factor"],
)
def test_a_latency_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Latency(**{"median": 0.1, **wrong})


def test_a_meter_counts_the_calls_that_are_under_way_together() -> None:
    meeting = threading.Barrier(3)

    class Patient:
        def complete(self, request: Request) -> Response:
            meeting.wait(timeout=10)
            return reader().complete(request)

    meter, request = Meter(), request_of()
    engine = DelayedEngine(Patient(), QUICK, meter)
    threads = [threading.Thread(target=engine.complete, args=(request,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (meter.calls, meter.peak, meter.active) == (3, 3, 0)


def test_a_call_that_fails_is_over_too() -> None:
    class Broken:
        def complete(self, request: Request) -> Response:
            raise ConnectionError

    meter = Meter()
    with pytest.raises(ConnectionError):
        DelayedEngine(Broken(), QUICK, meter).complete(request_of())
    assert (meter.calls, meter.active) == (1, 0)


def test_a_delayed_lm_works_in_a_program_and_its_copies_share_the_meter() -> None:
    meter = Meter()
    lm = delayed_lm("simulated/task", reader(), QUICK, meter)
    with dspy.context(lm=copy.deepcopy(lm)):
        assert dspy.Predict(SIGNATURE)(**ROW).query
        assert asyncio.run(dspy.Predict(SIGNATURE).acall(**ROW)).query
    assert meter.calls == 2
