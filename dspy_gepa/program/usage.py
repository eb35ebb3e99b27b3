"""Language model use of one effect: calls, tokens and dollars by model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import dspy

from dspy_gepa.program.dspy_api import UsageTracker, forget_call, model_prices, read_key
from dspy_gepa.types import Fault, Outcome, Reflection, Usage

Used = TypeVar("Used", "Outcome", "Reflection", "Outcome | Fault", "Reflection | Fault", "Fault")


@dataclass(frozen=True)
class Call:
    """One answered call of a language model.

    Attributes:
        tokens: Prompt and completion tokens; for an answer from DSPy's cache those of the original call.
            None if they are not known.
        cost: US dollars, None if no price is known; from the cache as above.
        cached: True if DSPy's cache answered, which reports no usage. A model that reports none looks the
            same.
        cut_off: True if the provider ended the answer at its length limit.
        model: Name of the model.
    """

    tokens: int | None
    cost: float | None
    cached: bool
    cut_off: bool = False
    model: str = ""


class _Tracker(UsageTracker):
    """A tracker that threads share: DSPy deep-copies it for each thread of a `dspy.Parallel`."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Tracker:
        return self


class _CallHistory:
    """Stands for the history of a module and keeps the figures of each entry, not its texts.

    Args:
        forgets: True to take each entry out of DSPy's own history again: the user wants none.
    """

    def __init__(self, *, forgets: bool) -> None:
        self.calls: list[Call] = []
        self._forgets = forgets

    def __len__(self) -> int:
        return 0  # DSPy removes the oldest entry of a full history; this one is never full

    def append(self, entry: Mapping[str, Any]) -> None:
        """Read an entry of DSPy's."""
        self.calls.append(_call(entry))
        if self._forgets:
            forget_call(entry)


class UsageMeter:
    """Collects DSPy's records of all LM calls made inside a `dspy.context` with its settings.

    DSPy appends each call to the `history` of every module on its stack of callers. The meter puts a module
    of its own at the bottom of that stack, so that it sees the calls of the program, the metric and judges,
    and no others. It does so if the user has histories disabled or limited, too: then DSPy keeps one entry.
    """

    def __init__(self) -> None:
        disabled = bool(dspy.settings.disable_history)
        self._history = _CallHistory(forgets=disabled)
        self._collector = dspy.Module()
        self._collector.history = self._history
        self._most = 1 if disabled else max(1, dspy.settings.max_history_size)
        self._outer = dspy.settings.usage_tracker
        self._tracker = _Tracker()

    def settings(self) -> dict[str, Any]:
        """Return overrides for `dspy.context`.

        They also keep the tokens of rollouts out of a stream that is open around the run.
        """
        return {
            "caller_modules": [*(dspy.settings.caller_modules or []), self._collector],
            "disable_history": False,
            "max_history_size": self._most,
            "usage_tracker": self._tracker,
            "send_stream": None,
            "stream_listeners": [],
        }

    def attach(self, prediction: Any) -> None:
        """Give the prediction its usage, as DSPy does under `track_usage=True`; the metric may read it."""
        if dspy.settings.track_usage and isinstance(prediction, dspy.Prediction):
            prediction.set_lm_usage(self._tracker.get_total_tokens())

    def with_usage(self, result: Used) -> Used:
        """Return `result` with the usage recorded so far, and add it to a tracker around the whole run."""
        if self._outer is not None:
            for lm, entries in self._tracker.usage_data.items():
                self._outer.usage_data[lm].extend(entries)
        return replace(result, usage=self.usage())

    def calls(self) -> tuple[Call, ...]:
        """Return every answered call so far, in order."""
        return tuple(self._history.calls)

    def usage(self) -> Usage:
        """Return the calls, tokens and known costs so far."""
        # The tracker also knows the tokens of calls that failed after an answer came.
        entries = self._tracker.usage_data
        tokens = {
            lm: (_sum(used, "prompt_tokens"), _sum(used, "completion_tokens")) for lm, used in entries.items()
        }
        costs: dict[str, float] = {}
        for call in self._history.calls:
            if not call.cached and call.cost is not None:  # cached answers were paid for before
                costs[call.model] = costs.get(call.model, 0.0) + call.cost
        return Usage(
            calls=max(len(self._history.calls), sum(map(len, entries.values()))),
            tokens=tokens,
            costs=costs,
            unreported=sum(call.tokens is None for call in self._history.calls),
        )


def _call(entry: Mapping[str, Any]) -> Call:
    used, response = entry.get("usage"), entry.get("response")
    counts: list[int | None] = [None]
    if used:
        counts = [int(used.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    elif typed := [part for part in _parts_of(response) if isinstance(part, dspy.lm15.Response)]:
        # The cache keeps the usage of the original call.
        counts = [count for part in typed for count in (part.usage.input_tokens, part.usage.output_tokens)]
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    return Call(
        total, entry.get("cost"), cached=not used, cut_off=_was_cut_off(response), model=entry["model"]
    )


def _was_cut_off(response: Any) -> bool:
    """Return True if a provider says so, in any of the forms of its answers."""
    parts = list(_parts_of(response))
    ends = [read_key(part, "finish_reason") for part in parts]
    return "length" in ends or any(read_key(part, "status") == "incomplete" for part in parts)


def _parts_of(response: Any) -> Iterator[Any]:
    for one in response if isinstance(response, (list, tuple)) else (response,):
        yield one
        yield from read_key(one, "choices") or ()


def _sum(entries: list[dict[str, Any]], name: str) -> int:
    return sum(int(entry.get(name) or 0) for entry in entries)


def price_per_token(lm: Any) -> float | None:
    """Return US dollars per prompt token of a language model by DSPy's price list; None if it has none."""
    if not isinstance(lm, dspy.BaseLM):
        return None
    price = model_prices(str(lm.model)).get("input_cost_per_token")
    return None if price is None else float(price)
