"""Makes any engine as slow as a real model: log-normal latency with stragglers, by really sleeping.

How long an answer takes depends on the prompt, on the request's seed and on the seed of the latency, and on
nothing else, so that every optimizer that asks the same question waits as long for the answer.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Protocol

import dspy
from dspy.lm15 import Message, Request, Response, TextPart

from benchmarks.simulated.engine import SimulatedLM
from benchmarks.simulated.text import unit


class Engine(Protocol):
    """What answers: a `dspy.LM` engine."""

    def complete(self, request: Request) -> Response:
        """Answer one request."""
        ...


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long answers take.

    median: seconds of the typical answer.
    sigma: spread; the logarithm of the seconds is normal with this standard deviation.
    straggler_rate: share of answers that take `straggler_factor` times as long.
    seed: another seed, other answers are slow.
    Raises ValueError when a value makes no sense.
    """

    median: float
    sigma: float = 0.3
    straggler_rate: float = 0.0
    straggler_factor: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.median < 0 or self.sigma < 0 or self.straggler_factor < 1:
            raise ValueError(f"median and sigma must not be negative, straggler_factor not below 1: {self}")
        if not 0 <= self.straggler_rate <= 1:
            raise ValueError(f"straggler_rate is a share between 0 and 1, got {self.straggler_rate}")

    def scaled(self, scale: float) -> Latency:
        """The same model, faster or slower."""
        return replace(self, median=self.median * scale)

    def seconds(self, *prompt: object) -> float:
        """Seconds until the answer to a prompt; any parts that tell prompts apart will do."""
        u = unit(self.seed, "latency", *prompt)
        typical = self.median * math.exp(self.sigma * NormalDist().inv_cdf(min(max(u, 1e-9), 1 - 1e-9)))
        straggles = unit(self.seed, "straggler", *prompt) < self.straggler_rate
        return typical * self.straggler_factor if straggles else typical


@dataclass
class Meter:
    """What engines did so far; one may serve several of them, from any thread.

    calls: Answers that were begun.
    busy: Seconds they took by their latencies, waiting for a busy machine not counted.
    active: Answers on their way.
    peak: Most answers on their way at a time.
    gaps: Seconds of each time without any answer on its way, from the end of the last to the next request.
    """

    calls: int = 0
    busy: float = 0.0
    active: int = 0
    peak: int = 0
    gaps: list[float] = field(default_factory=list)
    _idle_since: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, seconds: float) -> None:
        with self._lock:
            self.calls += 1
            self.busy += seconds
            if self._idle_since is not None:
                self.gaps.append(time.monotonic() - self._idle_since)
                self._idle_since = None
            self.active += 1
            self.peak = max(self.peak, self.active)

    def end(self) -> None:
        with self._lock:
            self.active -= 1
            if not self.active:
                self._idle_since = time.monotonic()


class DelayedEngine:
    """An engine that answers what another one answers, but later. Copies are the same engine.

    The other engine's own computing counts towards the latency.
    """

    def __init__(self, engine: Engine, latency: Latency, meter: Meter | None = None) -> None:
        self._engine = engine
        self._latency = latency
        self._meter = meter or Meter()

    def complete(self, request: Request) -> Response:
        """Answer one request; returns when its latency has passed."""
        due = self._begin(request)
        try:
            response = self._engine.complete(request)
            time.sleep(max(0.0, due - time.monotonic()))
            return response
        finally:
            self._meter.end()

    async def acomplete(self, request: Request) -> Response:
        """The same without holding a thread."""
        due = self._begin(request)
        try:
            response = self._engine.complete(request)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            return response
        finally:
            self._meter.end()

    def close(self) -> None:
        """Nothing to release."""

    def __deepcopy__(self, memo: dict[int, Any]) -> DelayedEngine:
        return self  # the meter counts for all copies of an LM

    def _begin(self, request: Request) -> float:
        seconds = self._latency.seconds(*_texts(request), request.config.seed)
        self._meter.begin(seconds)
        return time.monotonic() + seconds


@dataclass(frozen=True)
class AsyncDelayedEngine:
    """The same delayed engine behind DSPy's asynchronous interface."""

    engine: DelayedEngine

    async def complete(self, request: Request) -> Response:
        """Answer one request; returns when its latency has passed."""
        return await self.engine.acomplete(request)

    async def aclose(self) -> None:
        """Nothing to release."""


def delayed_lm(name: str, engine: Engine, latency: Latency, meter: Meter | None = None) -> dspy.LM:
    """A `dspy.LM` (cache off) for `engine` with a latency; `meter` counts what it does."""
    delayed = DelayedEngine(engine, latency, meter)
    return SimulatedLM(
        name, engine=delayed, async_engine=AsyncDelayedEngine(delayed), cache=False, num_retries=0
    )


def _texts(request: Request) -> list[str]:
    system = request.system or ""
    head = system if isinstance(system, str) else "\n".join(p.text for p in system if isinstance(p, TextPart))
    return [head, *(_text(message) for message in request.messages)]


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
