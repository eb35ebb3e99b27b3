"""What one effect used of language models: calls, tokens, dollars, by model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import dspy
from dspy.clients.model_metadata import model_info
from dspy.utils.usage_tracker import UsageTracker

from dspy_gepa.types import Outcome, Reflection, Usage

Signed = TypeVar("Signed", "Outcome", "Reflection")


@dataclass(frozen=True)
class Call:
    """One language model call.

    Attributes:
        tokens: Prompt and completion tokens; for an answer from DSPy's cache those it took when it was asked
            for. None where they are not known.
        cost: US dollars, or None where no price is known; from the cache as above.
        cached: Whether DSPy's cache answered, which brings no usage along. A model that reports none looks
            the same.
    """

    tokens: int | None
    cost: float | None
    cached: bool


class _Tracker(UsageTracker):
    """DSPy gives every thread of a `dspy.Parallel` a copy of the tracker, whose counts would be lost."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Tracker:
        return self


class UsageMeter:
    """Collects DSPy's records of every LM call made inside a `dspy.context` with its settings.

    DSPy appends each call to the `history` of every module on its stack of callers. The ledger puts a
    module of its own at the bottom of that stack, so that it sees the calls of the program, of the metric
    and of judges alike, and no one else's.
    """

    def __init__(self) -> None:
        self._collector = dspy.Module()
        self._outer = dspy.settings.usage_tracker
        self._tracker = _Tracker()

    def settings(self) -> dict[str, Any]:
        """Overrides for `dspy.context`.

        They also keep what is spent here out of a stream that is open around the run: no one who listens to
        it waits for the tokens of an optimizer's rollouts.
        """
        return {
            "caller_modules": [*(dspy.settings.caller_modules or []), self._collector],
            "usage_tracker": self._tracker,
            "send_stream": None,
            "stream_listeners": [],
        }

    def stamp(self, prediction: Any) -> None:
        """Give the prediction its usage, as DSPy does under `track_usage=True`; the metric may read it."""
        if dspy.settings.track_usage and isinstance(prediction, dspy.Prediction):
            prediction.set_lm_usage(self._tracker.get_total_tokens())

    def sign(self, result: Signed) -> Signed:
        """`result` with the usage recorded so far; a tracker around the whole run gets it too."""
        if self._outer is not None:
            for lm, entries in self._tracker.usage_data.items():
                self._outer.usage_data[lm].extend(entries)
        return replace(result, usage=self.usage())

    def calls(self) -> tuple[Call, ...] | None:
        """Every call so far, in order; None where the user has histories switched off or cut short."""
        history = self._collector.history
        if dspy.settings.disable_history or len(history) < sum(map(len, self._tracker.usage_data.values())):
            return None
        return tuple(map(_call, history))

    def usage(self) -> Usage:
        """Calls, and per model tokens and known cost, so far."""
        # Tokens are tracked even when the user has switched histories off; calls and cost are not.
        entries = self._tracker.usage_data
        tokens = {
            lm: (_sum(used, "prompt_tokens"), _sum(used, "completion_tokens")) for lm, used in entries.items()
        }
        costs: dict[str, float] = {}
        for entry in self._collector.history:
            if entry["usage"] and entry["cost"] is not None:  # what the cache answered had its price before
                costs[entry["model"]] = costs.get(entry["model"], 0.0) + entry["cost"]
        return Usage(
            calls=max(len(self._collector.history), sum(map(len, entries.values()))),
            tokens=tokens,
            costs=costs,
        )


def _call(entry: Mapping[str, Any]) -> Call:
    used, response = entry.get("usage"), entry.get("response")
    counts: list[int | None] = [None]
    if used:
        counts = [int(used.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    elif isinstance(response, dspy.lm15.Response):  # the cache keeps what the answer took at first
        counts = [response.usage.input_tokens, response.usage.output_tokens]
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    return Call(total, entry.get("cost"), cached=not used)


def _sum(entries: list[dict[str, Any]], name: str) -> int:
    return sum(int(entry.get(name) or 0) for entry in entries)


def price_per_token(lm: Any) -> float | None:
    """US dollars per prompt token of a language model, by the price list in DSPy; None if it is not there."""
    if not isinstance(lm, dspy.BaseLM):
        return None
    provider, _, model = str(lm.model).rpartition("/")
    prices = model_info(provider or "openai", model) or {}
    price = prices.get("input_cost_per_token")
    return None if price is None else float(price)
