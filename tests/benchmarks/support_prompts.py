"""Requests as DSPy itself writes them, for tests that read or answer prompts."""

from __future__ import annotations

from typing import Any

import dspy
from dspy.lm15 import Request, Response

from benchmarks.simulated import SimulatedEngine
from benchmarks.simulated.knobs import AnswerKey, Knobs
from benchmarks.simulated.worlds.multihop.reader import MultiHopReader

ADAPTERS = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}
CALM = Knobs(noise=0.0, restless=0.0, difficulty=0.0)


class Recorder:
    """An engine that keeps the requests and lets another engine answer."""

    def __init__(self, engine: SimulatedEngine) -> None:
        self.engine = engine
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Response:
        """Keep and pass on."""
        self.requests.append(request)
        return self.engine.complete(request)


def reader(answers: AnswerKey | None = None, knobs: Knobs = CALM, seed: int = 0) -> SimulatedEngine:
    """A task engine without noise."""
    return SimulatedEngine(MultiHopReader(answers or AnswerKey(), knobs), seed, knobs.garbage_rate)


def ask(
    engine: SimulatedEngine,
    signature: Any,
    style: str = "chat",
    demos: tuple[dspy.Example, ...] = (),
    **inputs: Any,
) -> tuple[Request, dspy.Prediction]:
    """The request DSPy sent for `signature` in one of `ADAPTERS`, and the parsed answer."""
    recorder = Recorder(engine)
    predict = dspy.Predict(signature)
    predict.demos = list(demos)
    lm = dspy.LM("simulated/test", engine=recorder, cache=False, num_retries=0)
    with dspy.context(lm=lm, adapter=ADAPTERS[style]()):
        prediction = predict(**inputs)
    return recorder.requests[-1], prediction
