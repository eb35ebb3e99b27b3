"""The `dspy.LM` engine behind every simulated model.

`task_lm` and `reflection_lm` give a ready `dspy.LM` (cache off). A reply depends on the prompt's text, on the
`seed` of the engine and on the LM's own `seed` parameter, and on nothing else. Asking a copy of the LM with a
`rollout_id` at a non-zero temperature draws another sample, as it would with a real model, because the
rollout id is then sent as the seed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import dspy
from dspy.lm15 import (
    Message,
    Request,
    Response,
    StreamDeltaEvent,
    StreamEndEvent,
    StreamStartEvent,
    TextDelta,
    TextPart,
    Usage,
)

from benchmarks.simulated.curricula import curriculum_named
from benchmarks.simulated.knobs import AnswerKey, Knobs
from benchmarks.simulated.prompt import Prompt, read_prompt
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.reply import GARBAGE, Value, write_reply
from benchmarks.simulated.text import unit
from benchmarks.simulated.worlds.agent import AgentWorker
from benchmarks.simulated.worlds.coder import CodeWriter
from benchmarks.simulated.worlds.maths import Solver
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.multihop.reader import MultiHopReader
from benchmarks.simulated.worlds.privacy import Delegate, Outside, PrivacyJudge
from benchmarks.simulated.worlds.records import Clerk, RecordJudge
from benchmarks.simulated.worlds.writing import Writer

CHARS_PER_TOKEN = 4

StreamEvent: TypeAlias = StreamStartEvent | StreamDeltaEvent | StreamEndEvent


class Role(Protocol):
    """What a simulated model is good at: output field values for a prompt."""

    def answer(self, prompt: Prompt, seed: str) -> Mapping[str, Value]:
        """Values of the fields it knows about; `seed` names the random stream."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data; the key "role" names its kind."""
        ...


_ROLES: Mapping[str, Callable[[Mapping[str, Any]], Role]] = {
    "task": MultiHopReader.from_json,
    "solver": Solver.from_json,
    "delegate": Delegate.from_json,
    "outside": Outside.from_json,
    "privacy judge": PrivacyJudge.from_json,
    "writer": Writer.from_json,
    "reflection": lambda state: Reflector(curriculum_named(state["curriculum"], state.get("knobs", {}))),
    "clerk": Clerk.from_json,
    "judge": RecordJudge.from_json,
    "agent": AgentWorker.from_json,
    "code writer": CodeWriter.from_json,
}


def load_role(state: Mapping[str, Any]) -> Role:
    """The role that `to_json` wrote. Raises ValueError for an unknown kind."""
    kind = state["role"]
    if kind not in _ROLES:
        known = ", ".join(map(repr, _ROLES))
        raise ValueError(f"Unknown simulated role {kind!r}; expected one of {known}.")
    return _ROLES[kind](state)


@dataclass(frozen=True)
class SimulatedEngine:
    """One simulated model: reads the prompt, lets its role answer, writes the reply in the asked format."""

    role: Role
    seed: int = 0
    garbage_rate: float = 0.0

    def complete(self, request: Request) -> Response:
        """Answer one request. Pure: equal requests get equal responses."""
        prompt = read_prompt(request)
        text = self._reply(prompt, f"{self.seed}/{request.config.seed}")
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=_usage(prompt.text, text),
        )

    def _reply(self, prompt: Prompt, seed: str) -> str:
        # By inputs and instructions, not by the whole text, so that asking again in another format
        # (DSPy's JSON fallback) meets the same confusion.
        subject = (seed, "garbage", prompt.instructions, sorted(prompt.inputs.items()))
        if self.garbage_rate and unit(*subject) < self.garbage_rate:
            return GARBAGE
        return write_reply(prompt, self.role.answer(prompt, seed))

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """The same answer as events: start, one text delta, end."""
        yield from _events(self.complete(request))

    def close(self) -> None:
        """Nothing to release."""

    def dump_state(self) -> dict[str, Any]:
        """JSON data from which `load_state` rebuilds the engine; holds the answer key."""
        return {"role": self.role.to_json(), "seed": self.seed, "garbage_rate": self.garbage_rate}

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> SimulatedEngine:
        """The engine that `dump_state` described."""
        return cls(load_role(state["role"]), state["seed"], state["garbage_rate"])


@dataclass(frozen=True)
class AsyncSimulatedEngine:
    """The same model behind DSPy's asynchronous interface."""

    engine: SimulatedEngine

    async def complete(self, request: Request) -> Response:
        """Answer one request, exactly as the synchronous engine does."""
        return self.engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        """The same answer as events."""
        for event in _events(self.engine.complete(request)):
            yield event

    async def aclose(self) -> None:
        """Nothing to release."""

    def dump_state(self) -> dict[str, Any]:
        """JSON data from which `load_state` rebuilds the engine."""
        return self.engine.dump_state()

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> AsyncSimulatedEngine:
        """The engine that `dump_state` described."""
        return cls(SimulatedEngine.load_state(state))


class SimulatedLM(dspy.LM):
    """A `dspy.LM` for which a rollout id means another sample, though no cache sits in front of it."""

    def copy(self, **kwargs: Any) -> SimulatedLM:
        """As `dspy.LM.copy`; a rollout id at a non-zero temperature is sent to the engine as the seed."""
        temperature = kwargs.get("temperature", self.kwargs.get("temperature"))
        if kwargs.get("rollout_id") is not None and temperature:
            kwargs.setdefault("seed", kwargs["rollout_id"])
        copied: SimulatedLM = super().copy(**kwargs)
        return copied


def task_lm(answers: AnswerKey, *, knobs: Knobs | None = None, seed: int = 0) -> dspy.LM:
    """A simulated model that runs multi-hop programs; see `benchmarks.simulated.worlds.multihop.reader`."""
    chosen = knobs or Knobs()
    return simulated_lm(
        "simulated/task", MultiHopReader(answers, chosen), seed=seed, garbage_rate=chosen.garbage_rate
    )


def reflection_lm(*, seed: int = 0, garbage_rate: float = 0.0) -> dspy.LM:
    """A simulated model that rewrites instructions; see `benchmarks.simulated.reflector`."""
    return simulated_lm("simulated/reflection", Reflector(MULTIHOP), seed=seed, garbage_rate=garbage_rate)


def simulated_lm(name: str, role: Role, *, seed: int = 0, garbage_rate: float = 0.0) -> dspy.LM:
    """A simulated model that plays `role`, under the model name `name`."""
    engine = SimulatedEngine(role, seed, garbage_rate)
    return SimulatedLM(
        name, engine=engine, async_engine=AsyncSimulatedEngine(engine), cache=False, num_retries=0
    )


def _usage(prompt: str, reply: str) -> Usage:
    asked, given = len(prompt) // CHARS_PER_TOKEN + 1, len(reply) // CHARS_PER_TOKEN + 1
    return Usage(input_tokens=asked, output_tokens=given, total_tokens=asked + given)


def _events(response: Response) -> Iterator[StreamEvent]:
    yield StreamStartEvent(model=response.model)
    for part in response.message.parts:
        if isinstance(part, TextPart):
            yield StreamDeltaEvent(TextDelta(part.text))
    yield StreamEndEvent(finish_reason=response.finish_reason, usage=response.usage)
