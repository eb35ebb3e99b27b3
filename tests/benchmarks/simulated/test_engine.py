"""The engine: pure, picklable, savable, with believable usage."""

from __future__ import annotations

import asyncio
import json

import cloudpickle
import dspy
import pytest
from dspy.lm15 import Config, Message, Request, StreamDeltaEvent
from dspy.utils.exceptions import AdapterParseError

from benchmarks.simulated import (
    AnswerKey,
    AsyncSimulatedEngine,
    Knobs,
    SimulatedEngine,
    reflection_lm,
    task_lm,
)
from tests.benchmarks.support_prompts import CALM, ask, reader

KEY = AnswerKey.of([("Who built Ostmere Mill?", "Jana Dunek", ["Ostmere Mill"])])
QUERY = dspy.Signature("question, summary_1 -> reasoning, query", "Write a query.")
ROW = {"question": "Who built Ostmere Mill?", "summary_1": "Ostmere Mill was built by Jana Dunek."}


def test_equal_requests_get_equal_responses() -> None:
    request, _ = ask(reader(KEY), QUERY, **ROW)
    assert reader(KEY).complete(request) == reader(KEY).complete(request)


def test_another_seed_is_another_model() -> None:
    requests = [
        ask(reader(), QUERY, question=f"Who built mill {i}?", summary_1="Jana Dunek did.")[0]
        for i in range(40)
    ]
    texts = {seed: [reader(seed=seed).complete(r).text for r in requests] for seed in (0, 1)}
    assert texts[0] != texts[1]


def test_the_seed_of_the_request_draws_another_sample() -> None:
    requests = [
        ask(reader(), QUERY, question=f"Who built mill {i}?", summary_1="Jana Dunek did.")[0]
        for i in range(40)
    ]
    seeded = [Request(r.model, r.messages, r.system, config=Config(seed=7)) for r in requests]
    assert [reader().complete(r).text for r in requests] != [reader().complete(r).text for r in seeded]


def test_a_rollout_id_is_sent_as_the_seed_unless_temperature_is_zero() -> None:
    lm = task_lm(KEY)
    assert lm.copy(rollout_id=3, temperature=1.0).kwargs["seed"] == 3
    assert "seed" not in lm.copy(rollout_id=3).kwargs


def test_the_asynchronous_engine_says_the_same() -> None:
    request, _ = ask(reader(KEY), QUERY, **ROW)
    assert asyncio.run(AsyncSimulatedEngine(reader(KEY)).complete(request)) == reader(KEY).complete(request)


def test_a_stream_carries_the_whole_text() -> None:
    request, _ = ask(reader(KEY), QUERY, **ROW)
    deltas = [
        event.delta.text for event in reader(KEY).stream(request) if isinstance(event, StreamDeltaEvent)
    ]
    assert "".join(deltas) == reader(KEY).complete(request).text


def test_an_engine_survives_cloudpickle() -> None:
    engine = cloudpickle.loads(cloudpickle.dumps(reader(KEY)))
    request, _ = ask(reader(KEY), QUERY, **ROW)
    assert engine.complete(request) == reader(KEY).complete(request)


@pytest.mark.parametrize("lm", [task_lm(KEY, knobs=Knobs(noise=0.2), seed=4), reflection_lm(seed=2)])
def test_an_engine_is_rebuilt_from_its_dumped_state(lm: dspy.LM) -> None:
    state = json.loads(json.dumps(lm.engine.dump_state()))
    assert SimulatedEngine.load_state(state) == lm.engine
    assert lm.dump_state()["engine"]["state"] == state


def test_a_state_of_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="'poet'"):
        SimulatedEngine.load_state({"role": {"role": "poet"}, "seed": 0, "garbage_rate": 0.0})


def test_usage_counts_a_token_for_four_characters() -> None:
    text = "x" * 4000
    usage = reader().complete(Request(model="m", messages=(Message.user(text),))).usage
    assert usage.input_tokens == pytest.approx(1000, rel=0.02)
    assert usage.output_tokens is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_garbage_cannot_be_parsed_in_any_format() -> None:
    engine = reader(KEY, Knobs(garbage_rate=1.0))
    with pytest.raises(AdapterParseError):
        ask(engine, QUERY, **ROW)


def test_the_garbage_rate_is_a_share_of_rows() -> None:
    engine = reader(knobs=Knobs(garbage_rate=0.3))
    broken = 0
    for i in range(200):
        request, _ = ask(reader(), QUERY, question=f"Who built mill {i}?", summary_1="Jana did.")
        broken += "[[ ## query ## ]]" not in (engine.complete(request).text or "")
    assert 40 <= broken <= 80


def test_a_knob_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noise.*1\.5"):
        Knobs(noise=1.5)


def test_a_calm_model_has_no_noise() -> None:
    assert CALM.noise == 0.0
