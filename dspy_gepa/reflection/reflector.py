"""Asks the reflection language model for a new text, through DSPy, so that any adapter and LM works."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import dspy

from dspy_gepa.program.dspy_api import read_key
from dspy_gepa.program.faults import fault_of, is_infrastructure, is_refusal, is_too_long
from dspy_gepa.program.media import elide, with_media
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.reflection.prompts import build_prompt
from dspy_gepa.types import MEDIA_START, Fault, Reflect, Reflection

SHORTEST_EVIDENCE = 1_000  # characters; shorter evidence is not halved

_log = logging.getLogger("dspy_gepa")


class ReflectionRunner:
    """Runs `Reflect` effects on a language model. Safe to use from many threads.

    Args:
        lm: The reflection LM.
        adapter: A DSPy adapter for its prompts; None for the configured one.
    """

    def __init__(self, lm: Any, adapter: Any = None) -> None:
        self._lm = lm
        self._adapter = adapter
        self._warns = True

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask, and ask with less evidence if the model refuses the prompt; never raises.

        An answer that cannot be parsed gives a `Reflection` with an error.
        """
        meter = UsageMeter()
        adapter = self._adapter or _adapter()
        with dspy.context(lm=self._lm, adapter=adapter, trace=[], **meter.settings()):
            while True:
                try:
                    return meter.with_usage(_ask(request))
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


def _adapter() -> Any:
    """Return the configured adapter, but ChatAdapter in place of TwoStepAdapter.

    The latter has a second model extract texts from the answer. It is chosen for short values, and would have
    to copy a long text word for word.
    """
    configured = dspy.settings.adapter
    return dspy.ChatAdapter() if isinstance(configured, dspy.TwoStepAdapter) else configured


def _ask(request: Reflect) -> Reflection:
    signature, fields = build_prompt(request)
    predictor = dspy.Predict(signature)
    return _read_answer(predictor, predictor(**fields))


def _read_answer(predictor: dspy.Predict, answer: dspy.Prediction) -> Reflection:
    """Return the new text, as it stands in the answer; `rules.clean_text` and `objection_to` judge it."""
    (output,) = predictor.signature.output_fields
    return Reflection(text=str(answer[output] or ""), truncated=_was_truncated(predictor))


def _was_truncated(predictor: dspy.Predict) -> bool:
    """Return True if the provider reports it, in any of the forms of its answers."""
    if not predictor.history:
        return False
    response = predictor.history[-1]["response"]
    ends = [read_key(part, "finish_reason") for part in (response, *(read_key(response, "choices") or []))]
    return "length" in ends or read_key(response, "status") == "incomplete"


def _with_less(request: Reflect, error: Exception) -> Reflect | None:
    """Return the request without media if they were refused, or with half the evidence if it was too long."""
    evidence = request.evidence
    if is_refusal(error) and MEDIA_START in evidence:
        return replace(request, evidence=with_media(evidence, 0))
    if is_too_long(error) and len(evidence) > SHORTEST_EVIDENCE:
        return replace(request, evidence=elide(evidence, len(evidence) // 2))
    return None
