"""Proposers of the user's own, in the form that `dspy.GEPA` calls `instruction_proposer`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import dspy

from dspy_gepa.failures import describe, fault_of, is_infrastructure
from dspy_gepa.ledger import Ledger
from dspy_gepa.reflector import ReflectionRunner
from dspy_gepa.types import Fault, Reflect, Reflection

ProposalFn = Callable[[dict[str, str], Mapping[str, list[dict[str, Any]]], list[str]], Mapping[str, str]]
"""Called with the parent's texts, the evidence by component (dicts with ``Inputs``, ``Generated Outputs`` and
``Feedback``) and the components to update; gives new texts by component."""


class ProposerRunner:
    """Runs `Reflect` effects through a user's function. Safe to use from many threads if the function is.

    The function is called once for each component, with that one in ``components_to_update``, so that the
    components of a step are rewritten side by side; and under the reflection LM, where there is one.

    Args:
        propose: The function.
        lm: The reflection LM, or None.
    """

    def __init__(self, propose: ProposalFn, lm: Any = None) -> None:
        self._propose = propose
        self._lm = lm

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask once; never raises. A function that raises gives a reflection that says so."""
        ledger = Ledger()
        name = request.component
        own = {} if self._lm is None else {"lm": self._lm}
        with dspy.context(trace=[], **own, **ledger.settings()):
            try:
                records = {name: json.loads(request.records)}
                texts = self._propose(dict(request.texts or {}), records, [name])
                return ledger.sign(_reflection(texts, name))
            except Exception as error:
                if is_infrastructure(error):
                    return fault_of(error)
                return ledger.sign(Reflection(error=describe(error), cause=type(error).__name__))


def _reflection(texts: Any, name: str) -> Reflection:
    if not isinstance(texts, Mapping):
        return Reflection(error=f"instruction_proposer gave {type(texts).__name__}, not a mapping of texts")
    if not isinstance(texts.get(name), str):
        return Reflection(error=f"instruction_proposer gave no text for {name!r}")
    return Reflection(text=texts[name])


def reflections_of(lm: Any, propose: ProposalFn | None) -> ReflectionRunner | ProposerRunner:
    """What answers `Reflect` effects: the reflection LM, or the user's own proposer."""
    return ReflectionRunner(lm) if propose is None else ProposerRunner(propose, lm)
