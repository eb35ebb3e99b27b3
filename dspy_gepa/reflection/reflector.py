"""Asks the reflection language model for a new text, through DSPy, so that any adapter and LM works."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import dspy
from dspy.clients.legacy_outputs import value

from dspy_gepa.program.faults import describe, fault_of, is_infrastructure, is_refusal, is_too_long
from dspy_gepa.program.media import disarm, elide, mended, with_media
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.reflection.prompts import GUIDES
from dspy_gepa.types import MEDIA_START, Fault, Reflect, Reflection

SHORTEST_EVIDENCE = 1_000  # characters that are not worth halving

_log = logging.getLogger("dspy_gepa")


class RewriteInstruction(dspy.Signature):
    """Rewrite the instruction text of one component of a language model program.

    The component gets nothing but this text and its inputs. Below are its text today and real calls of it,
    each with a score and feedback on what was wrong or right.

    Write a better text. First find out from the examples what the component's task really is, in which
    format its inputs come and what a good output looks like. Then go through the feedback: what does each
    failure have in common with the others, and which rule would have prevented it? State such rules
    plainly. Learn from earlier edits: do not repeat what did harm, take back what the examples show to be
    wrong. Put in facts about the domain that the feedback reveals and that the component cannot know by
    itself. Keep what already works in the current text, and keep what the good examples show to work. Do not
    mention the examples themselves: the text must help with inputs that nobody has seen yet.
    """

    program: str = dspy.InputField(desc="The components of the program, each with its inputs and outputs")
    component: str = dspy.InputField(desc="The component whose instruction text you rewrite")
    current_instruction: str = dspy.InputField(desc="Its instruction text today")
    examples_with_feedback: str = dspy.InputField(desc="Calls of this component, scored, with feedback")
    earlier_edits: str = dspy.InputField(desc="What was added (+) and removed (-) before, and what it did")
    objection: str = dspy.InputField(desc="Why your previous answer could not be used")
    new_instruction: str = dspy.OutputField(desc="The complete new instruction text and nothing else")


class RewriteText(dspy.Signature):
    """Rewrite one text of a language model program."""  # what sort of text and how, is in `GUIDES`

    program: str = dspy.InputField(desc="The components of the program, each with its inputs and outputs")
    component: str = dspy.InputField(desc="The name of what you rewrite")
    subject: str = dspy.InputField(desc="What it is")
    context: str = dspy.InputField(desc="What you have to know to write it")
    current_text: str = dspy.InputField(desc="What it is today; it may be empty")
    examples_with_feedback: str = dspy.InputField(desc="What happened with it, scored, with feedback")
    earlier_edits: str = dspy.InputField(desc="What was added (+) and removed (-) before, and what it did")
    objection: str = dspy.InputField(desc="Why your previous answer could not be used")
    new_text: str = dspy.OutputField(desc="All of what takes its place and nothing else")


class ReflectionRunner:
    """Runs `Reflect` effects on a language model. Safe to use from many threads.

    Args:
        lm: The reflection LM.
        adapter: A DSPy adapter for its prompts; None uses the one that is configured.
    """

    def __init__(self, lm: Any, adapter: Any = None) -> None:
        self._lm = lm
        self._adapter = adapter
        self._warns = True

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask, and with less where the model refuses that much; never raises.

        An answer that cannot be parsed is a reflection that says so.
        """
        ledger = UsageMeter()
        adapter = self._adapter or _adapter()
        with dspy.context(lm=self._lm, adapter=adapter, trace=[], **ledger.settings()):
            while True:
                try:
                    return ledger.sign(_ask(request))
                except Exception as error:
                    less = _with_less(request, error)
                    if less is not None:
                        self._warn(request, less, error)
                        request = less
                    elif is_infrastructure(error):
                        return fault_of(error)
                    else:
                        return ledger.sign(Reflection(error=describe(error), cause=type(error).__name__))

    def _warn(self, asked: Reflect, less: Reflect, error: Exception) -> None:
        """Once: a reflection LM that sees no images may well be the wrong one for the program."""
        if self._warns and MEDIA_START in asked.evidence and MEDIA_START not in less.evidence:
            self._warns = False
            _log.warning(
                "the reflection LM refused a prompt with images or other media; such prompts are sent again "
                "without them. It said: %s",
                describe(error, 300),
            )


def _adapter() -> Any:
    """The configured adapter, but for one that has another model read texts out of this one's answers.

    That model is chosen for short values, and would have to copy a long text word for word.
    """
    configured = dspy.settings.adapter
    return dspy.ChatAdapter() if isinstance(configured, dspy.TwoStepAdapter) else configured


def _ask(request: Reflect) -> Reflection:
    fields = _fields(request)
    signature = _signature(request, fields)
    predictor = dspy.Predict(signature)
    answer = predictor(**fields)
    (output,) = signature.output_fields
    return Reflection(text=str(answer[output] or ""), truncated=_was_truncated(predictor))


def _with_less(request: Reflect, error: Exception) -> Reflect | None:
    """What to ask instead of what was refused: the same without media, or with half of the evidence."""
    evidence = request.evidence
    if is_refusal(error) and MEDIA_START in evidence:
        return replace(request, evidence=with_media(evidence, 0))
    if is_too_long(error) and len(evidence) > SHORTEST_EVIDENCE:
        return replace(request, evidence=elide(evidence, len(evidence) // 2))
    return None


def _fields(request: Reflect) -> dict[str, str]:
    """The values of the prompt's fields. An empty one would make the model wonder what is missing.

    Only evidence can hold media; see `values.to_plain`.
    """
    current = "current_instruction" if request.kind == "instructions" else "current_text"
    fields = {
        "program": request.program,
        "component": request.component,
        "subject": request.subject,
        "context": request.context,
        current: request.current_text,
        "examples_with_feedback": request.evidence,
        "earlier_edits": request.history,
        "objection": request.objection,
    }
    return {
        name: mended(text if name == "examples_with_feedback" else disarm(text))
        for name, text in fields.items()
        if text or name == current
    }


def _signature(request: Reflect, fields: dict[str, str]) -> Any:
    signature: Any = RewriteInstruction
    if request.kind == "instructions" and request.context:
        signature = signature.insert(2, "context", RewriteText.input_fields["context"], str)
    elif request.kind != "instructions":
        signature = RewriteText.with_instructions(GUIDES[request.kind])
    for name in signature.input_fields:
        if name not in fields:
            signature = signature.delete(name)
    return signature


def _was_truncated(predictor: dspy.Predict) -> bool:
    """Whether the provider says so, in any of the shapes that its answers come in."""
    if not predictor.history:
        return False
    response = predictor.history[-1]["response"]
    ends = [value(part, "finish_reason") for part in (response, *(value(response, "choices") or []))]
    return "length" in ends or value(response, "status") == "incomplete"
