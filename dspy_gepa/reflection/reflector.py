"""Asks the reflection language model for a new text, through DSPy, so that any adapter and LM works."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from functools import cache
from typing import Any

import dspy

from dspy_gepa.program.dspy_api import adapter_in_use
from dspy_gepa.program.faults import fault_of, is_infrastructure, is_refusal, is_too_long
from dspy_gepa.program.media import elide, with_media
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.reflection.answer import read_answer
from dspy_gepa.reflection.prompts import build_prompt
from dspy_gepa.types import MEDIA_START, Fault, Reflect, Reflection

SHORTEST_EVIDENCE = 1_000  # characters; shorter evidence is not halved

_log = logging.getLogger("dspy_gepa")


class ReflectionRunner:
    """Runs `Reflect` effects on a language model. Safe to use from many threads.

    Args:
        lm: The reflection LM.
        adapter: A DSPy adapter for its prompts; None for the one in use.
    """

    def __init__(self, lm: Any, adapter: Any = None) -> None:
        self._lm = lm
        self._adapter = adapter
        self._warns = True

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask, and ask with less evidence if the model refuses the prompt; never raises.

        An answer that holds no text gives a `Reflection` with an error.
        """
        meter = UsageMeter()
        adapter = _without_grammar(self._adapter or adapter_in_use())
        with dspy.context(lm=self._lm, adapter=adapter, trace=[], **meter.settings()):
            while True:
                try:
                    answer = _ask(request)
                    cut_off = any(call.cut_off for call in meter.calls())
                    return meter.with_usage(replace(answer, truncated=cut_off))
                except Exception as error:
                    less = _with_less(request, error)
                    if less is not None:
                        self._warn(request, less, error)
                        request = less
                    elif is_infrastructure(error):
                        return fault_of(error)
                    else:
                        failed = Reflection(error=describe(error), cause=type(error).__name__)
                        return meter.with_usage(failed)

    def _warn(self, asked: Reflect, less: Reflect, error: Exception) -> None:
        """Warn once that media are left out: an LM without images may be the wrong one for the program."""
        if self._warns and MEDIA_START in asked.evidence and MEDIA_START not in less.evidence:
            self._warns = False
            _log.warning(
                "the reflection LM refused a prompt with images or other media; such prompts are sent again "
                "without them. It said: %s",
                describe(error, 300),
            )


class _Verbatim:
    """Makes an adapter hand on the completion as it came, for `read_answer` to read."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the completion as the value of the only output field."""
        return dict.fromkeys(signature.output_fields, completion)


@cache
def _verbatim(kind: Any) -> Any:
    return type(kind.__name__, (_Verbatim, kind), {})


def _without_grammar(adapter: Any) -> Any:
    """Return an adapter that lays out prompts like `adapter` and leaves the answer alone.

    ChatAdapter stands in for adapters of the user's own, which are made for the program's signatures, and for
    TwoStepAdapter, which would have a second model copy the text.
    """
    kind = type(adapter)
    if kind not in (dspy.ChatAdapter, dspy.JSONAdapter, dspy.XMLAdapter):
        return _verbatim(dspy.ChatAdapter)()
    verbatim = copy.copy(adapter)
    verbatim.__class__ = _verbatim(kind)
    return verbatim


def _ask(request: Reflect) -> Reflection:
    signature, fields = build_prompt(request)
    (output,) = signature.output_fields
    completion = dspy.Predict(signature)(**fields)[output]
    answer = read_answer(str(completion or ""), output, tuple(signature.input_fields))
    return Reflection(text=answer.text, error=answer.objection)


def _with_less(request: Reflect, error: Exception) -> Reflect | None:
    """Return the request without media if they were refused, or with half the evidence if it was too long."""
    evidence = request.evidence
    if is_refusal(error) and MEDIA_START in evidence:
        return replace(request, evidence=with_media(evidence, 0))
    if is_too_long(error) and len(evidence) > SHORTEST_EVIDENCE:
        return replace(request, evidence=elide(evidence, len(evidence) // 2))
    return None
