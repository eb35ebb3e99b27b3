"""Custom proposers of the user, in the form of `dspy.GEPA`'s `instruction_proposer`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import dspy

from dspy_gepa.program.faults import fault_of, is_infrastructure
from dspy_gepa.program.plain import medium_of
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.types import Fault, Reflect, Reflection

ProposalFn = Callable[[dict[str, str], Mapping[str, list[dict[str, Any]]], list[str]], Mapping[str, str]]
"""Receives the parent's texts, the evidence by component (dicts with ``Inputs``, ``Generated Outputs`` and
``Feedback``, with images, audio and files as DSPy's types) and the components to update; returns new texts by
component. As in `dspy.GEPA` the arguments are passed by the names ``candidate``, ``reflective_dataset`` and
``components_to_update`` if the function has them, else in this order. A function with a parameter
``guidance`` also receives the guidance for the component, or "", by this name."""


CodeProposalFn = Callable[
    [dict[str, str], Mapping[str, list[dict[str, Any]]], list[str], dict[str, str], dict[str, str]],
    Mapping[str, str],
]
"""The same for sources of `dspy.Flex`; also receives the purpose of each source and notes for its author, by
component: ``task_descriptions`` and ``context_blurbs``."""


class ProposerRunner:
    """Runs `Reflect` effects through the user's functions. As thread-safe as they are.

    A function is called once per component, with that one in ``components_to_update``, so that the components
    of a step are rewritten in parallel; and under the reflection LM, if there is one.

    Args:
        lm: The reflection LM, or None. It answers requests that no function is given for.
        propose: Proposes texts of all kinds but sources of `dspy.Flex`.
        propose_code: Proposes sources of `dspy.Flex`.
    """

    def __init__(
        self, lm: Any, propose: ProposalFn | None = None, propose_code: CodeProposalFn | None = None
    ) -> None:
        self._lm = lm
        self._propose = propose
        self._propose_code = propose_code
        self._default = ReflectionRunner(lm)

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask once; never raises. A function that raises gives a `Reflection` with an error."""
        propose = self._propose_code if request.kind == "module" else self._propose
        is_first = not (request.evidence or request.current_text)  # there is nothing to rewrite yet
        if propose is None or is_first:
            return self._default(request)
        meter = UsageMeter()
        own = {} if self._lm is None else {"lm": self._lm}
        with dspy.context(trace=[], **own, **meter.settings()):
            given = arguments_of(request)
            try:
                texts = self._ask(request, given)
            except Exception as error:
                if is_infrastructure(error):
                    return meter.with_usage(fault_of(error))
                return meter.with_usage(Reflection(error=describe(error), cause=type(error).__name__))
            return meter.with_usage(_reflection(texts, request.component))

    def _ask(self, request: Reflect, given: Mapping[str, Any]) -> Any:
        propose = self._propose_code if request.kind == "module" else self._propose
        assert propose is not None
        return call_proposer(propose, given, request.guidance)


def arguments_of(request: Reflect) -> dict[str, Any]:
    """Return a proposer's arguments by name, in the order of `ProposalFn`; new objects each time."""
    name = request.component
    given: dict[str, Any] = {
        "candidate": dict(request.texts or {}),
        "reflective_dataset": {name: _with_types(json.loads(request.records))},
        "components_to_update": [name],
    }
    if request.kind == "module":
        given["task_descriptions"] = {name: request.subject}
        given["context_blurbs"] = {name: request.context}
    return given


def takes_guidance(propose: Callable[..., Any]) -> bool:
    """Return True if a proposer has a parameter for the guidance, which those of `dspy.GEPA` have not."""
    try:
        return "guidance" in inspect.signature(propose).parameters
    except (TypeError, ValueError):  # written in C, without a signature
        return False


def call_proposer(propose: Callable[..., Any], given: Mapping[str, Any], guidance: str = "") -> Any:
    """Call a proposer as `dspy.GEPA` does, by name; or by position if its parameters have other names.

    The guidance is passed by name, to a function that takes it.
    """
    rules = {"guidance": guidance} if takes_guidance(propose) else {}
    try:
        inspect.signature(propose).bind(**given, **rules)
    except (TypeError, ValueError):  # other names; or written in C, without a signature
        return propose(*given.values(), **rules)
    return propose(**given, **rules)


def _with_types(data: Any) -> Any:
    """Return evidence with media as DSPy's types, as `dspy.GEPA` passes them to proposers."""
    if isinstance(data, dict):
        return {name: _with_types(part) for name, part in data.items()}
    if isinstance(data, list):
        return [_with_types(part) for part in data]
    return medium_of(data)


def _reflection(texts: Any, name: str) -> Reflection:
    if not isinstance(texts, Mapping):
        return Reflection(error=f"the proposer gave {type(texts).__name__}, not a mapping of texts")
    if not isinstance(texts.get(name), str):
        return Reflection(error=f"the proposer gave no text for {name!r}")
    return Reflection(text=texts[name])


def reflections_of(
    lm: Any, propose: ProposalFn | None, propose_code: CodeProposalFn | None
) -> ReflectionRunner | ProposerRunner:
    """Return the runner of `Reflect` effects: the reflection LM, or the user's own proposers."""
    if propose is None and propose_code is None:
        return ReflectionRunner(lm)
    return ProposerRunner(lm, propose, propose_code)
