"""Follows the calls of predictors during a rollout, for what DSPy's own trace leaves out."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback

from dspy_gepa.program.build import component_of
from dspy_gepa.program.faults import expected_format, is_infrastructure
from dspy_gepa.program.plain import to_plain
from dspy_gepa.types import TraceStep

# Arguments of a call that are no inputs.
_NO_INPUTS = frozenset({"config", "demos", "lm", "signature"})


class CallLog(BaseCallback):
    """Notes which predictor's call raised, with what inputs, and what successful calls were given.

    Args:
        keeps_inputs: Whether to note what successful calls were given, which only traces need.

    Attributes:
        failed: Steps that failed by the candidate's fault, each with its place in the trace.
        unanswered: By predictor and inputs the provider's error, unless the call was made up for. A program
            may catch such an error and go on with an empty answer; what it scores then says nothing about
            the candidate.
        side_by_side: Whether calls ran beside each other, so that the order in which they ended means
            nothing and may be another the next time.
    """

    def __init__(self, *, keeps_inputs: bool) -> None:
        self.failed: list[tuple[int, TraceStep]] = []
        self.unanswered: dict[tuple[str | int, str], Exception] = {}
        self.side_by_side = False
        self._keeps_inputs = keeps_inputs
        self._thread: int | None = None
        self._open: dict[str, tuple[dspy.Predict, Mapping[str, Any]]] = {}
        self._given: dict[int, tuple[Any, Mapping[str, Any]]] = {}

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """The first call is that of the program, in whose thread the others belong."""
        self._thread = self._thread or threading.get_ident()
        if not isinstance(instance, dspy.Predict):
            return
        self.side_by_side |= bool(self._open) or threading.get_ident() != self._thread
        given = {name: value for name, value in inputs.get("kwargs", {}).items() if name not in _NO_INPUTS}
        # As it is now: an agent's history goes on growing, and the trace holds the very same object.
        self._open[call_id] = (instance, to_plain(given) if self._keeps_inputs else given)

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """Sort the call among the answered, the failed and the unanswered ones."""
        predictor, given = self._open.pop(call_id, (None, {}))
        if predictor is None:
            return
        provider_failed = isinstance(exception, Exception) and is_infrastructure(exception)
        if provider_failed or self.unanswered:
            self._settle(predictor, given, exception if provider_failed else None)
        if exception is None and self._keeps_inputs:
            self._given[id(outputs)] = (outputs, given)  # kept, so that no other object gets its id
        elif exception is not None and not provider_failed:
            failure = expected_format(exception, predictor.signature)
            step = TraceStep(component_of(predictor), to_plain(given), {}, failure)
            self.failed.append((len(dspy.settings.trace or ()), step))

    def _settle(self, predictor: dspy.Predict, given: Mapping[str, Any], error: Any) -> None:
        """A later call of a predictor makes up for one that its provider failed.

        Where calls run side by side, only one with the same inputs does: others are not in its place.
        """
        caller, inputs = component_of(predictor) or id(predictor), json.dumps(to_plain(given), sort_keys=True)
        for call in list(self.unanswered):
            if call[0] == caller and (call[1] == inputs or not self.side_by_side):
                self.unanswered.pop(call, None)
        if error is not None:
            self.unanswered[caller, inputs] = error

    def inputs_of(self, inputs: Mapping[str, Any], output: Any) -> dict[str, Any]:
        """The inputs of a call that DSPy traced, as they were when it was made."""
        _, given = self._given.get(id(output), (None, {}))
        return {name: given[name] if name in given else to_plain(value) for name, value in inputs.items()}
