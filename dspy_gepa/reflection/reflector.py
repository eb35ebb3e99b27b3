"""Asks the reflection language model for a new text, through DSPy, so that any adapter and LM works."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import dspy

from dspy_gepa.program.build import bypass_cache
from dspy_gepa.program.dspy_api import OneMessage, adapter_in_use
from dspy_gepa.program.faults import (
    fault_of,
    is_filtered,
    is_infrastructure,
    is_refusal,
    is_too_long,
    is_wrong_parameter,
)
from dspy_gepa.program.media import elide, with_media
from dspy_gepa.program.redaction import describe, hide_keys_of
from dspy_gepa.program.usage import FilteredAnswerError, UsageMeter
from dspy_gepa.reflection.answer import EMPTY, Answer, read_answer
from dspy_gepa.reflection.evidence import halve_evidence
from dspy_gepa.reflection.prompts import RewriteInstruction, build_prompt
from dspy_gepa.reflection.published import published_prompt, read_published
from dspy_gepa.types import MEDIA_START, Fault, Reflect, Reflection

SHORTEST_EVIDENCE = 1_000  # characters; shorter evidence is not halved

_log = logging.getLogger("dspy_gepa")


@dataclass(frozen=True)
class _Question:
    """A prompt for the reflection LM.

    Attributes:
        signature: Its signature, with one output field.
        fields: Values of the input fields.
        adapter: Lays it out; None for the adapter in use.
        read: Reads the completion.
        past_cache: True to ask the provider, whatever DSPy's cache holds.
    """

    signature: Any
    fields: Mapping[str, Any]
    adapter: Any
    read: Callable[[str], Answer]
    past_cache: bool

    def ask(self) -> str:
        """Return the completion."""
        (output,) = self.signature.output_fields
        predict = dspy.Predict(self.signature)
        if self.past_cache:
            bypass_cache(predict)
        with dspy.context(adapter=self.adapter or dspy.settings.adapter):
            return str(predict(**self.fields)[output] or "")


class ReflectionRunner:
    """Runs `Reflect` effects on a language model. Safe to use from many threads.

    Args:
        lm: The reflection LM.
        adapter: A DSPy adapter for its prompts; None for the one in use.
        rewrite: Signature that asks for instructions.
    """

    def __init__(self, lm: Any, adapter: Any = None, rewrite: Any = RewriteInstruction) -> None:
        self._lm = lm
        self._adapter = adapter
        self._rewrite = rewrite
        self._warned: set[str] = set()

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask, and ask with less evidence if the model refuses the prompt; never raises.

        An answer that holds no text gives a `Reflection` with an error.
        """
        meter = UsageMeter()
        hide_keys_of(self._lm)
        adapter = _without_grammar(self._adapter or adapter_in_use())
        with dspy.context(lm=self._lm, adapter=adapter, trace=[], **meter.settings()):
            return self._ask(request, meter)

    def _ask(self, request: Reflect, meter: UsageMeter) -> Reflection | Fault:
        prompts, error = [request], None
        while prompts:
            asked = prompts.pop()
            question = _question(asked, self._rewrite)
            try:
                completion = _complete(question, meter)
            except dspy.AdapterParseError as empty:
                return meter.with_usage(Reflection(error=EMPTY.objection, cause=type(empty).__name__))
            except Exception as refusal:
                error = refusal
                why, smaller = _smaller(asked, error)
                if is_infrastructure(error) and not why:
                    break
                self._warn(why, error)
                prompts += reversed(smaller)
            else:
                answer = question.read(completion)
                cut_off = any(call.cut_off for call in meter.calls()[-1:])
                found = Reflection(text=answer.text, error=answer.objection, truncated=cut_off)
                return meter.with_usage(found)
        assert error is not None  # nothing else ends the loop
        if is_infrastructure(error):
            return meter.with_usage(fault_of(error))
        if is_wrong_parameter(error):  # no evidence and no text changes what this provider objects to
            return meter.with_usage(replace(fault_of(error), fatal=True))
        return meter.with_usage(Reflection(error=describe(error), cause=type(error).__name__))

    def _warn(self, why: str, error: Exception) -> None:
        """Warn once for each reason why less is shown than there is."""
        if why and why not in self._warned:
            self._warned.add(why)
            _log.warning("%s The reflection LM said: %s", why, describe(error, 300))


def _complete(question: _Question, meter: UsageMeter) -> str:
    """Return the completion.

    Raises:
        FilteredAnswerError: A content filter ended it, or took its place.
        Exception: Whatever else the model's provider or DSPy raises.
    """
    asked = len(meter.calls())
    try:
        completion, error = question.ask(), None
    except dspy.AdapterParseError as empty:
        completion, error = "", empty
    if any(call.filtered for call in meter.calls()[asked:]):
        raise FilteredAnswerError(meter.calls()[-1].model) from error
    if error is not None:
        raise error
    return completion


class _Verbatim:
    """Makes an adapter hand on the completion as it came, for `read_answer` to read."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the completion as the value of the only output field."""
        return dict.fromkeys(signature.output_fields, completion)


def _without_grammar(adapter: Any) -> Any:
    """Return an adapter that lays out prompts like `adapter` and leaves the answer alone.

    ChatAdapter stands in for adapters of the user's own, which are made for the program's signatures, and for
    TwoStepAdapter, which would have a second model copy the text.
    """
    known = type(adapter) in (dspy.ChatAdapter, dspy.JSONAdapter, dspy.XMLAdapter)
    verbatim: Any = copy.copy(adapter) if known else dspy.ChatAdapter()
    kind = type(verbatim)
    verbatim.__class__ = type(kind.__name__, (_Verbatim, kind), {})
    return verbatim


def _question(request: Reflect, rewrite: Any) -> _Question:
    if request.published:
        fields = {"prompt": published_prompt(request)}
        return _Question(
            dspy.Signature("prompt -> text"), fields, OneMessage(), read_published, request.past_cache
        )
    signature, fields = build_prompt(request, rewrite)
    (output,) = signature.output_fields
    read = partial(read_answer, field=output, echoed=tuple(signature.input_fields))
    return _Question(signature, fields, None, read, request.past_cache)


def _smaller(request: Reflect, error: Exception) -> tuple[str, list[Reflect]]:
    """Return why the model refused a prompt, and the prompts to try in its place, the best first."""
    evidence = request.evidence
    if is_filtered(error):
        why = "The content filter of the reflection LM refused some examples; they are left out of prompts."
        return why, [replace(request, evidence=part) for part in halve_evidence(evidence)]
    if is_refusal(error) and MEDIA_START in evidence:
        why = "The reflection LM refused images or other media; such prompts are sent again without them."
        return why, [replace(request, evidence=with_media(evidence, 0))]
    # Some servers say no more than that the request was bad.
    too_long = is_too_long(error) or (is_refusal(error) and not is_wrong_parameter(error))
    if too_long and not is_infrastructure(error) and len(evidence) > SHORTEST_EVIDENCE:
        why = "The reflection LM refused a prompt; such prompts are sent again with half the evidence."
        return why, [replace(request, evidence=elide(evidence, len(evidence) // 2))]
    return "", []
