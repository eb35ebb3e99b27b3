"""What goes wrong at a simulated provider, and when: rules that look at a request and name a fault.

A rule is a small callable; a `FaultPlan` asks its rules in order and takes the first answer. No rule draws
from a clock or from shared randomness, so a plan does the same to the same requests in every run:
`Randomly` decides by the prompt and by how often it was sent, whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from benchmarks.simulated.latency import Latency
from benchmarks.simulated.text import unit

FaultKind: TypeAlias = Literal[
    "429",
    "500",
    "503",
    "reset",
    "timeout",
    "truncated",
    "invalid_json",
    "content_type",
    "401",
    "404",
    "context_length",
    "empty",
]

# What an honest provider does now and then. A time-out belongs here too, but costs the client its patience.
TRANSIENT: tuple[FaultKind, ...] = (
    "429",
    "500",
    "503",
    "reset",
    "truncated",
    "invalid_json",
    "content_type",
)


@dataclass(frozen=True)
class Call:
    """A request as a rule sees it.

    Attributes:
        number: Its number among all requests of its model, from 1.
        model: The model that is asked.
        prompt: A hash of all messages.
        attempt: How often this prompt has been sent to this model, from 1.
    """

    number: int
    model: str
    prompt: str
    attempt: int


Rule: TypeAlias = Callable[[Call], FaultKind | None]


@dataclass(frozen=True)
class Randomly:
    """A share of all requests fails, with one of `kinds`; sending a prompt again draws again."""

    rate: float
    kinds: tuple[FaultKind, ...] = TRANSIENT
    seed: int = 0

    def __call__(self, call: Call) -> FaultKind | None:
        return self._draw(call.prompt, call.attempt)

    def _draw(self, *subject: object) -> FaultKind | None:
        if unit(self.seed, "fails", *subject) >= self.rate:
            return None
        return self.kinds[int(unit(self.seed, "kind", *subject) * len(self.kinds))]


@dataclass(frozen=True)
class ByPrompt(Randomly):
    """A share of all prompts fails, each of them every time it is sent."""

    def __call__(self, call: Call) -> FaultKind | None:
        return self._draw(call.prompt)


@dataclass(frozen=True)
class Between:
    """The requests number `first` to `last` of a model fail; without `last` all that follow too."""

    kind: FaultKind
    first: int = 1
    last: float = math.inf

    def __call__(self, call: Call) -> FaultKind | None:
        return self.kind if self.first <= call.number <= self.last else None


@dataclass(frozen=True)
class OfModel:
    """A rule for one model only."""

    model: str
    rule: Rule

    def __call__(self, call: Call) -> FaultKind | None:
        return self.rule(call) if call.model == self.model else None


@dataclass(frozen=True)
class FaultPlan:
    """All that goes wrong at a server.

    Attributes:
        rules: The first one that names a fault decides.
        latency: How long answers take; None for as fast as can be.
        retry_after: Seconds that a 429 and a 503 ask to wait; None sends no such header.
    """

    rules: tuple[Rule, ...] = ()
    latency: Latency | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, *rules: Rule, retry_after: float | None = None) -> FaultPlan:
        """A plan with these rules and no latency."""
        return cls(rules, retry_after=retry_after)

    def fault(self, call: Call) -> FaultKind | None:
        """What goes wrong with a request, or None."""
        return next((kind for rule in self.rules if (kind := rule(call)) is not None), None)

    def seconds(self, call: Call) -> float:
        """How long the answer to a request takes, right or wrong."""
        return 0.0 if self.latency is None else self.latency.seconds(call.model, call.prompt, call.attempt)
