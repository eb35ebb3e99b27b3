"""Language model use of one effect: calls, tokens and dollars by model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import dspy

from dspy_gepa.program.dspy_api import UsageTracker, forget_call, model_prices, read_key
from dspy_gepa.program.plain import texts_in
from dspy_gepa.types import Fault, Outcome, Reflection, Usage

# English has about four bytes per token in current vocabularies, Chinese about three.
BYTES_OF_A_TOKEN = 4


class FilteredAnswerError(Exception):
    """A provider's content filter ended an answer, or took its place; the request itself was accepted."""

    def __init__(self, model: str) -> None:
        super().__init__(f"the content filter of {model}'s provider ended its answer")


Used = TypeVar("Used", "Outcome", "Reflection", "Outcome | Fault", "Reflection | Fault", "Fault")


@dataclass(frozen=True)
class Call:
    """One answered call of a language model.

    Attributes:
        tokens: Prompt and completion tokens; for an answer from DSPy's cache those of the original call.
            None if they are not known.
        cost: US dollars, None if no price is known; from the cache as above.
        cached: True if DSPy's cache answered, so that nothing was used.
        cut_off: True if the provider ended the answer at its length limit.
        filtered: True if the provider's content filter ended the answer, or took its place.
        model: Name of the model.
        length: Length of prompt and answer in bytes, for an estimate of tokens that are not reported.
    """

    tokens: int | None
    cost: float | None
    cached: bool
    cut_off: bool = False
    filtered: bool = False
    model: str = ""
    length: tuple[int, int] = (0, 0)

    @property
    def is_unreported(self) -> bool:
        """True if a provider answered and did not say how many tokens this took."""
        return self.tokens is None and not self.cached


class _Tracker(UsageTracker):
    """A tracker that threads share: DSPy deep-copies it for each thread of a `dspy.Parallel`.

    DSPy calls it for each answer of a provider, with or without usage, right before the entry in the history.
    """

    def __init__(self) -> None:
        super().__init__()
        self._notified = threading.local()

    def add_usage(self, lm: str, usage_entry: dict[str, Any]) -> None:
        """Add an answer's usage."""
        self._notified.now = True
        super().add_usage(lm, usage_entry)

    def was_notified(self) -> bool:
        """Return True if the answer that this thread notes now came from a provider, not from a cache."""
        notified = getattr(self._notified, "now", False)
        self._notified.now = False
        return bool(notified)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Tracker:
        return self


class _CallHistory:
    """Stands for the history of a module and keeps the figures of each entry, not its texts.

    Args:
        tracker: Knows which answers came from a provider.
        forgets: True to take each entry out of DSPy's own history again: the user wants none.
    """

    def __init__(self, tracker: _Tracker, *, forgets: bool) -> None:
        self.calls: list[Call] = []
        self._tracker = tracker
        self._forgets = forgets

    def __len__(self) -> int:
        return 0  # DSPy removes the oldest entry of a full history; this one is never full

    def append(self, entry: Mapping[str, Any]) -> None:
        """Read an entry of DSPy's."""
        # DSPy may have called a tracker of the user's instead.
        answered = self._tracker.was_notified() or bool(entry.get("usage"))
        self.calls.append(_call(entry, cached=not answered))
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
        self._tracker = _Tracker()
        self._history = _CallHistory(self._tracker, forgets=disabled)
        self._collector = dspy.Module()
        self._collector.history = self._history
        self._most = 1 if disabled else max(1, dspy.settings.max_history_size)
        self._outer = dspy.settings.usage_tracker

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

    def filtered_answer(self) -> FilteredAnswerError | None:
        """Return the error for the first answer that a content filter ended; None without one."""
        call = next((call for call in self._history.calls if call.filtered), None)
        return None if call is None else FilteredAnswerError(call.model)

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
        estimated: dict[str, int] = {}
        for call in filter(attrgetter("is_unreported"), self._history.calls):
            asked, answered = (-(-size // BYTES_OF_A_TOKEN) for size in call.length)
            estimated[call.model] = estimated.get(call.model, 0) + asked + answered
            prices = model_prices(call.model)
            price = [float(prices.get(f"{kind}_cost_per_token") or 0) for kind in ("input", "output")]
            if call.cost is None and any(price):
                costs[call.model] = costs.get(call.model, 0.0) + asked * price[0] + answered * price[1]
        return Usage(
            calls=max(len(self._history.calls), sum(map(len, entries.values()))),
            tokens=tokens,
            costs=costs,
            unreported=sum(call.is_unreported for call in self._history.calls),
            estimated=estimated,
        )


def _call(entry: Mapping[str, Any], *, cached: bool) -> Call:
    used, response = entry.get("usage") or {}, entry.get("response")
    counts: list[int | None] = [None]
    # LiteLLM reports zeros for a server that reports nothing.
    if used.get("prompt_tokens") or used.get("completion_tokens"):
        counts = [int(used.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    elif typed := [part for part in _parts_of(response) if isinstance(part, dspy.lm15.Response)]:
        # The cache keeps the usage of the original call.
        counts = [count for part in typed for count in (part.usage.input_tokens, part.usage.output_tokens)]
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    return Call(
        total,
        entry.get("cost"),
        cached=cached,
        cut_off=_was_cut_off(response),
        filtered="content_filter" in _ends_of(response),
        model=entry["model"],
        length=(_bytes([entry.get("prompt"), entry.get("messages")]), _bytes(entry.get("outputs")))
        if total is None
        else (0, 0),
    )


def _bytes(value: Any) -> int:
    """Return the length of all texts in prompts or answers; images and other media do not count."""
    return sum(
        len(text.encode("utf-8", "replace")) for text in texts_in(value) if not text.startswith("data:")
    )


def _was_cut_off(response: Any) -> bool:
    """Return True if a provider says so, in any of the forms of its answers."""
    ends = _ends_of(response)
    if "length" in ends:
        return True
    incomplete = any(read_key(part, "status") == "incomplete" for part in _parts_of(response))
    return incomplete and "content_filter" not in ends


def _ends_of(response: Any) -> list[Any]:
    """Return the reasons for the end of an answer, in any of the forms of providers' answers."""
    parts = list(_parts_of(response))
    details = [read_key(part, "incomplete_details") for part in parts]
    return [
        *(read_key(part, "finish_reason") for part in parts),
        *(read_key(detail, "reason") for detail in details if detail is not None),
    ]


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
