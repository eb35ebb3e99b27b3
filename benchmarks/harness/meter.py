"""Counts of a run, taken from outside: rollouts by the metric, calls and tokens of language models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import dspy
from dspy.utils.callback import BaseCallback

from benchmarks.harness.files import read_json, write_json
from dspy_gepa.program.faults import is_infrastructure
from dspy_gepa.texts import counted

FLUSH_EVERY = 25  # calls; a killed process loses count of fewer


class CountingMetric:
    """A metric in GEPA's form that counts the rollouts it scores; calls for feedback do not count.

    told: called with the count after every rollout, from the thread that scored it.
    """

    def __init__(
        self, metric: Callable[..., dspy.Prediction], told: Callable[[int], None] | None = None
    ) -> None:
        self._metric = metric
        self._told = told
        self._lock = threading.Lock()
        self.calls = 0

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """Score or give feedback as the task's metric does."""
        if pred_name is None:
            with self._lock:
                self.calls += 1
                calls = self.calls
            if self._told is not None:
                self._told(calls)
        return self._metric(gold, pred, trace, pred_name, pred_trace)

    def number(self, gold: dspy.Example, pred: Any, trace: Any = None) -> float:
        """Return the score alone, for optimizers that expect a number."""
        return float(self(gold, pred, trace).score)


@dataclass(frozen=True)
class Price:
    """US dollars per token of the prompt and of the answer."""

    prompt: float
    completion: float

    def of(self, prompt: int, completion: int) -> float:
        """Return the dollars for these numbers of tokens."""
        return prompt * self.prompt + completion * self.completion


Prices: TypeAlias = Callable[[str], "Price | None"]


@dataclass(frozen=True)
class Usage:
    """Calls, tokens of prompts and answers, and dollars of the models with a known price."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    dollars: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.dollars + other.dollars,
        )


@dataclass
class Meter:
    """Counts every model call made inside a `dspy.context` with its settings, in any thread.

    Attributes:
        prices: Price of each model; without one the provider's own figure counts.
        folder: Directory for the count, a file per session, or None.
        heard: Called with the model and the usage of every call.
        by_model: The count of this session.
    """

    prices: Prices = lambda model: None
    folder: Path | None = None
    heard: Callable[[str, Usage], None] = lambda model, usage: None
    by_model: dict[str, Usage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _session: int = field(default_factory=time.time_ns)

    def settings(self) -> dict[str, Any]:
        """Return overrides for `dspy.context`: DSPy reports each call to the modules on its caller stack."""
        collector = dspy.Module()
        collector.history = _Sink(self._add)
        return {
            "caller_modules": [*(dspy.settings.caller_modules or []), collector],
            "disable_history": False,
        }

    @property
    def total(self) -> Usage:
        """The count of this session over all models."""
        return total(self.by_model)

    def flush(self) -> None:
        """Write the count to its file."""
        if self.folder is not None and self.by_model:
            counts = {model: asdict(usage) for model, usage in self.by_model.items()}
            write_json(counts, self.folder / f"{self._session}.json")

    def _add(self, entry: Mapping[str, Any]) -> None:
        model, used = str(entry["model"]), entry["usage"] or {}
        prompt, completion = (int(used.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
        price = self.prices(model)
        dollars = price.of(prompt, completion) if price else float(entry["cost"] or 0.0)
        usage = Usage(1, prompt, completion, dollars)
        with self._lock:
            self.by_model[model] = self.by_model.get(model, Usage()).plus(usage)
            if self.total.calls % FLUSH_EVERY == 0:
                self.flush()
        self.heard(model, usage)


@dataclass
class Reflections:
    """The answers of the reflection model, in order; `heard` listens to a `Meter`.

    model: name of the model.
    rollouts: returns the number of rollouts scored so far.
    entries: for every answer, the rollouts scored before it, and its tokens of prompt and completion.
    """

    model: str
    rollouts: Callable[[], int]
    entries: list[tuple[int, int]] = field(default_factory=list)

    def heard(self, model: str, usage: Usage) -> None:
        """Note a call, if it is one of this model."""
        if model == self.model:
            self.entries.append((self.rollouts(), usage.prompt + usage.completion))

    def until(self, rollouts: int | None = None) -> tuple[int, int]:
        """Return answers and tokens up to this number of rollouts; without one, of the whole run."""
        tokens = [spent for at, spent in self.entries if rollouts is None or at <= rollouts]
        return len(tokens), sum(tokens)


class UnansweredError(RuntimeError):
    """A model's server gave no answer, so that the figures are those of an outage."""


class Outages(BaseCallback):
    """Notes the prompts that a server never answered: an optimizer may go on without an answer."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}
        self._open: dict[str, Exception] = {}
        self._lock = threading.Lock()

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Note the prompt of a call."""
        prompt = repr((instance.model, inputs.get("prompt"), inputs.get("messages")))
        with self._lock:
            self._asked[call_id] = prompt

    def on_lm_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
        """Note what became of it; a prompt that is answered later is no outage."""
        with self._lock:
            prompt = self._asked.pop(call_id)
            if exception is None:
                self._open.pop(prompt, None)
            elif is_infrastructure(exception):
                self._open[prompt] = exception

    def refuse(self) -> None:
        """Raise UnansweredError if any prompt is without an answer."""
        if self._open:
            *_, last = self._open.values()
            left = counted(len(self._open), "prompt")
            raise UnansweredError(f"{left} got no answer, the last one because: {last}. Run the cell again.")


class _Sink(list[Any]):
    """A history that counts and stores nothing: prompts of a long run would fill the memory."""

    def __init__(self, add: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._add_entry = add

    def append(self, entry: Any) -> None:
        """Count a call."""
        self._add_entry(entry)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Sink:
        return self


def total(by_model: Mapping[str, Usage]) -> Usage:
    """Return the sum over all models."""
    everything = Usage()
    for usage in by_model.values():
        everything = everything.plus(usage)
    return everything


def sessions(folder: Path) -> dict[str, Usage]:
    """Return the usage of all sessions with a file in `folder`, by model."""
    found: dict[str, Usage] = {}
    for file in sorted(folder.glob("*.json")):
        for model, counts in read_json(file).items():
            found[model] = found.get(model, Usage()).plus(Usage(**counts))
    return found


def scaled(usage: Usage, calls: float, *, longer: float = 1.0) -> Usage:
    """Return `usage` multiplied by `calls`, with prompts longer by the factor `longer`."""
    return replace(
        usage,
        calls=round(usage.calls * calls),
        prompt=round(usage.prompt * calls * longer),
        completion=round(usage.completion * calls),
        dollars=0.0,
    )
