"""Asks the reflection language model for a new text, through DSPy, so that any adapter and LM works."""

from __future__ import annotations

from typing import Any

import dspy

from dspy_gepa.failures import describe, fault_of, is_infrastructure
from dspy_gepa.ledger import Ledger
from dspy_gepa.types import Fault, Reflect, Reflection


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


class ReflectionRunner:
    """Runs `Reflect` effects on a language model. Safe to use from many threads.

    Args:
        lm: The reflection LM.
        adapter: A DSPy adapter for its prompts; None uses the one that is configured.
    """

    def __init__(self, lm: Any, adapter: Any = None) -> None:
        self._lm = lm
        self._adapter = adapter

    def __call__(self, request: Reflect) -> Reflection | Fault:
        """Ask once; never raises. An answer that cannot be parsed is a reflection that says so."""
        ledger = Ledger()
        predictor = dspy.Predict(_signature(request))
        adapter = self._adapter or dspy.settings.adapter
        with dspy.context(lm=self._lm, adapter=adapter, trace=[], **ledger.settings()):
            try:
                answer = predictor(**_fields(request))
            except Exception as error:
                if is_infrastructure(error):
                    return fault_of(error)
                return ledger.sign(Reflection(error=describe(error), cause=type(error).__name__))
        text = answer.new_instruction
        return ledger.sign(Reflection(text=str(text or ""), truncated=_was_truncated(predictor)))


def _fields(request: Reflect) -> dict[str, str]:
    fields = {
        "program": request.program,
        "component": request.component,
        "current_instruction": request.current_text,
        "examples_with_feedback": request.evidence,
        "earlier_edits": request.history,
        "objection": request.objection,
    }
    return {name: value for name, value in fields.items() if value or name == "current_instruction"}


def _signature(request: Reflect) -> Any:
    # An empty field would make the model wonder what is missing.
    signature: Any = RewriteInstruction
    for name in RewriteInstruction.input_fields:
        if name not in _fields(request):
            signature = signature.delete(name)
    return signature


def _was_truncated(predictor: dspy.Predict) -> bool:
    if not predictor.history:
        return False
    response = predictor.history[-1]["response"]
    if isinstance(response, dspy.lm15.Response):
        return bool(response.finish_reason == "length")
    choices = response.choices if hasattr(response, "choices") else []
    return any(choice.finish_reason == "length" for choice in choices)
