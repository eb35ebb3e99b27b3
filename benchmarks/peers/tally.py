"""Counts what a reflection model is asked, and how many rollouts had been scored by then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dspy
from dspy.lm15 import Request, Response

from benchmarks.simulated.engine import SimulatedLM
from benchmarks.simulated.latency import Engine


@dataclass
class Tally:
    """The answers of a model, in order.

    now: tells how many rollouts were scored so far.
    entries: for every answer, the rollouts scored before it and its prompt and completion tokens.
    """

    now: Callable[[], int]
    entries: list[tuple[int, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, tokens: int) -> None:
        with self._lock:
            self.entries.append((self.now(), tokens))

    def until(self, rollouts: int | None = None) -> tuple[int, int]:
        """Answers and tokens up to that many rollouts; of the whole run without a number."""
        tokens = [spent for at, spent in self.entries if rollouts is None or at <= rollouts]
        return len(tokens), sum(tokens)


class TalliedEngine:
    """An engine that answers what another one answers, and counts. Copies are the same engine."""

    def __init__(self, engine: Engine, tally: Tally) -> None:
        self._engine = engine
        self._tally = tally

    def complete(self, request: Request) -> Response:
        response = self._engine.complete(request)
        self._tally.add(response.usage.total_tokens)
        return response

    def close(self) -> None:
        """Nothing to release."""

    def __deepcopy__(self, memo: dict[int, Any]) -> TalliedEngine:
        return self  # optimizers copy LMs, and all copies count in one place


@dataclass(frozen=True)
class AsyncTalliedEngine:
    """The same engine behind DSPy's asynchronous interface."""

    engine: TalliedEngine

    async def complete(self, request: Request) -> Response:
        return self.engine.complete(request)

    async def aclose(self) -> None:
        """Nothing to release."""


def tallied(lm: dspy.LM, tally: Tally) -> dspy.LM:
    """A simulated LM that answers as `lm` does and counts in `tally`."""
    engine = TalliedEngine(lm.engine, tally)
    return SimulatedLM(
        "simulated/reflection",
        engine=engine,
        async_engine=AsyncTalliedEngine(engine),
        cache=False,
        num_retries=0,
    )
