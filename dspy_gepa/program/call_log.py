"""Follows the calls of predictors, language models and tools, for what DSPy's own trace leaves out."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import dspy

from dspy_gepa.program.build import component_of
from dspy_gepa.program.dspy_api import BaseCallback
from dspy_gepa.program.failed_call import describe_failed_call
from dspy_gepa.program.faults import is_infrastructure
from dspy_gepa.program.plain import repr_of, to_plain
from dspy_gepa.program.redaction import hide_keys_of
from dspy_gepa.types import TraceStep

# Arguments of a predictor's call that are not input fields.
_NOT_INPUTS = frozenset({"config", "demos", "lm", "signature"})


# The predictor's call that is under way in this thread or task, or None.
_predicting: ContextVar[str | None] = ContextVar("predicting", default=None)


Handler = TypeVar("Handler", bound=Callable[..., None])


def _kept(handler: Handler) -> Handler:
    """Keep the error that a handler of a `CallLog` raises."""

    @functools.wraps(handler)
    def run(log: CallLog, *args: Any, **kwargs: Any) -> None:
        try:
            handler(log, *args, **kwargs)
        except Exception as error:
            log._own_error = log._own_error or error
            raise

    return cast("Handler", run)


class CallLog(BaseCallback):
    """Records failed calls, calls that a provider failed to answer, and the inputs of the others.

    It hears of every call where it is made: in the program, in tools and sub-agents, and in the metric. Calls
    of a language model inside a predictor are part of the predictor's call; others are followed themselves.

    Args:
        keep_inputs: True to keep the inputs of successful calls, which only traces need.

    Attributes:
        failed: Steps that failed by the candidate's fault, each with its position in the trace.
        unanswered: The provider's error by caller and inputs, unless a later call made up for it. A program
            or a metric may catch such an error and continue with an empty answer, whose score would then say
            nothing about the candidate.
        failed_tools: By tool, the error of a service that it could not reach. An agent reads such an error
            as the tool's answer.
        parallel: True if calls ran at the same time, so that the order in which they ended is arbitrary.
    """

    def __init__(self, *, keep_inputs: bool) -> None:
        self.failed: list[tuple[int, TraceStep]] = []
        self.unanswered: dict[tuple[str | int, str], Exception] = {}
        self.failed_tools: dict[str, Exception] = {}
        self.parallel = False
        self._own_error: Exception | None = None
        self._keep_inputs = keep_inputs
        self._thread: int | None = None
        self._open: dict[str, tuple[dspy.Predict, Mapping[str, Any]]] = {}
        self._inputs: dict[int, tuple[Any, Mapping[str, Any]]] = {}
        self._asked: dict[str, str] = {}
        self._tools: dict[str, str] = {}

    @property
    def unanswered_error(self) -> Exception | None:
        """The first of the provider's errors that no later call made up for, or None."""
        return next(iter(self.unanswered.values()), None)

    def raise_own_error(self) -> None:
        """Raise the error of this class itself, if there was one: DSPy only logs what callbacks raise."""
        if self._own_error is not None:
            raise self._own_error

    @_kept
    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Note the inputs of a predictor's call. The first call is the program's, in the main thread."""
        self._thread = self._thread or threading.get_ident()
        if not isinstance(instance, dspy.Predict):
            return
        self.parallel |= bool(self._open) or threading.get_ident() != self._thread
        given = {name: value for name, value in inputs.get("kwargs", {}).items() if name not in _NOT_INPUTS}
        # A copy: an agent's history keeps growing, and the trace holds the same object.
        self._open[call_id] = (instance, to_plain(given) if self._keep_inputs else given)
        _predicting.set(_predicting.get() or call_id)

    @_kept
    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """Sort the call into answered, failed or unanswered."""
        predictor, given = self._open.pop(call_id, (None, {}))
        if predictor is None:
            return
        if _predicting.get() == call_id:
            _predicting.set(None)
        provider_failed = isinstance(exception, Exception) and is_infrastructure(exception)
        if provider_failed or self.unanswered:
            self._settle(predictor, given, exception if provider_failed else None)
        if exception is None and self._keep_inputs:
            self._inputs[id(outputs)] = (outputs, given)  # the object too, so that its id is not reused
        elif exception is not None and not provider_failed:
            failure = describe_failed_call(exception, predictor.signature)
            step = TraceStep(component_of(predictor), to_plain(given), {}, failure)
            self.failed.append((len(dspy.settings.trace or ()), step))

    def _settle(self, predictor: dspy.Predict, given: Mapping[str, Any], error: Any) -> None:
        """Drop unanswered calls that this call of the same predictor makes up for, and add its own error.

        If calls run in parallel, only a call with the same inputs makes up for another.
        """
        caller, inputs = component_of(predictor) or id(predictor), json.dumps(to_plain(given), sort_keys=True)
        for call in list(self.unanswered):
            if call[0] == caller and (call[1] == inputs or not self.parallel):
                self.unanswered.pop(call, None)
        if error is not None:
            self.unanswered[caller, inputs] = error

    @_kept
    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Hide the model's keys, and note the prompt of a call that is made without a predictor."""
        hide_keys_of(instance)
        if _predicting.get() is None:
            self._asked[call_id] = _digest_prompt(inputs)

    @_kept
    def on_lm_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """Sort the call into answered or unanswered. The same prompt to any model makes up for a failure."""
        prompt = self._asked.pop(call_id, None)
        if prompt is None:
            return
        self.unanswered.pop(("", prompt), None)
        if isinstance(exception, Exception) and is_infrastructure(exception):
            self.unanswered["", prompt] = exception

    @_kept
    def on_tool_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Note the tool's name."""
        self._tools[call_id] = str(getattr(instance, "name", "") or type(instance).__name__)

    @_kept
    def on_tool_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """Note the error of a service that the tool could not reach."""
        name = self._tools.pop(call_id, "")
        if isinstance(exception, Exception) and is_infrastructure(exception):
            self.failed_tools[name] = exception

    def inputs_of(self, inputs: Mapping[str, Any], output: Any) -> dict[str, Any]:
        """Return the inputs of a call in DSPy's trace as they were when it was made."""
        _, given = self._inputs.get(id(output), (None, {}))
        return {name: given[name] if name in given else to_plain(value) for name, value in inputs.items()}


def _digest_prompt(inputs: Mapping[str, Any]) -> str:
    """Return a digest of the prompt, the messages or the request of a call, in whatever form they are."""
    asked = [inputs.get(name) for name in ("prompt", "messages", "request")]
    return hashlib.sha256(repr_of(asked).encode("utf-8", "surrogatepass")).hexdigest()
