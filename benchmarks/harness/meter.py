"""What language models were really asked in a cell: calls, tokens and dollars, whoever asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import dspy

from benchmarks.harness.files import read_json, write_json
from benchmarks.paper.prices import Prices

FLUSH_EVERY = 25  # calls; a killed process loses count of fewer


@dataclass(frozen=True)
class Usage:
    """Calls, tokens of prompts and answers, and dollars, which are those of models with a known price."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    dollars: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.dollars + other.dollars,
        )


@dataclass
class Meter:
    """Counts every call made inside a `dspy.context` with its settings, in any thread.

    Attributes:
        prices: What models cost.
        folder: Where the count is kept, a file for each session, or None.
        spent: Called with this session's dollars after every call.
        by_model: The count of this session.
    """

    prices: Prices
    folder: Path | None = None
    spent: Callable[[float], None] | None = None
    by_model: dict[str, Usage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _session: int = field(default_factory=time.time_ns)

    def settings(self) -> dict[str, Any]:
        """Overrides for `dspy.context`: DSPy reports each call to the modules on its stack of callers."""
        collector = dspy.Module()
        collector.history = _Sink(self._add)
        return {
            "caller_modules": [*(dspy.settings.caller_modules or []), collector],
            "disable_history": False,
        }

    @property
    def total(self) -> Usage:
        """This session's count over all models."""
        return total(self.by_model)

    def flush(self) -> None:
        """Write the count down."""
        if self.folder is not None and self.by_model:
            counts = {model: asdict(usage) for model, usage in self.by_model.items()}
            write_json(counts, self.folder / f"{self._session}.json")

    def _add(self, entry: Mapping[str, Any]) -> None:
        model, used = str(entry["model"]), entry["usage"] or {}
        prompt, completion = (int(used.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
        price = self.prices(model)
        dollars = price.of(prompt, completion) if price else float(entry["cost"] or 0.0)
        with self._lock:
            used_now = Usage(1, prompt, completion, dollars)
            self.by_model[model] = self.by_model.get(model, Usage()).plus(used_now)
            everything = self.total
            if everything.calls % FLUSH_EVERY == 0:
                self.flush()
        if self.spent is not None:
            self.spent(everything.dollars)


class _Sink(list[Any]):
    """A history that counts and keeps nothing: prompts of a long run would fill the memory."""

    def __init__(self, add: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._tell = add

    def append(self, entry: Any) -> None:
        """Count a call."""
        self._tell(entry)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Sink:
        return self


def total(by_model: Mapping[str, Usage]) -> Usage:
    """Over all models."""
    everything = Usage()
    for usage in by_model.values():
        everything = everything.plus(usage)
    return everything


def sessions(folder: Path) -> dict[str, Usage]:
    """What all sessions that kept their count in `folder` used, by model."""
    found: dict[str, Usage] = {}
    for file in sorted(folder.glob("*.json")):
        for model, counts in read_json(file).items():
            found[model] = found.get(model, Usage()).plus(Usage(**counts))
    return found


def scaled(usage: Usage, calls: float, *, longer: float = 1.0) -> Usage:
    """`usage` so many times, with prompts `longer` by that factor."""
    return replace(
        usage,
        calls=round(usage.calls * calls),
        prompt=round(usage.prompt * calls * longer),
        completion=round(usage.completion * calls),
        dollars=0.0,
    )
