"""The prompts of the reflection model: signatures, a guide for each kind of text, and wording of fields.

A prompt consists of a signature's instructions and these fields, in this order:
    program                 `describe_program`, once per run
    guidance                the user's rules, `ReflectionSettings.guidance_for`
    component, current text of the component, as they are in the program
    subject, context        `describe_subject`, `describe_context`
    examples_with_feedback  `evidence.render_evidence`
    earlier_edits           `edit_history.render_edits`
    objection               `rules.objection_to`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dspy

from dspy_gepa.program.media import disarm, elide, mended
from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.types import Component, Reflect, TextKind

GUIDANCE = (
    "Rules of the program's author. They hold for every text that you write, whatever the examples show. "
    "They are for you: the component does not see them. Copy of them only what the component has to know"
)


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

    Where inputs and outputs are short, close with three to five worked examples that you make up: an input
    in the form that inputs have here, then the exact output. Choose them so that each rule is seen at work,
    above all those that were broken. Small models follow an example more surely than a rule.
    """

    program: str = dspy.InputField(desc="The components of the program, each with its inputs and outputs")
    guidance: str = dspy.InputField(desc=GUIDANCE)
    component: str = dspy.InputField(desc="The component whose instruction text you rewrite")
    current_instruction: str = dspy.InputField(desc="Its instruction text today")
    examples_with_feedback: str = dspy.InputField(desc="Calls of this component, scored, with feedback")
    earlier_edits: str = dspy.InputField(desc="What was added (+) and removed (-) before, and what it did")
    objection: str = dspy.InputField(desc="Why your previous answer could not be used")
    new_instruction: str = dspy.OutputField(desc="The complete new instruction text and nothing else")


class RewriteText(dspy.Signature):
    """Rewrite one text of a language model program."""  # what sort of text and how, is in `GUIDES`

    program: str = dspy.InputField(desc="The components of the program, each with its inputs and outputs")
    guidance: str = dspy.InputField(desc=GUIDANCE)
    component: str = dspy.InputField(desc="The name of what you rewrite")
    subject: str = dspy.InputField(desc="What it is")
    context: str = dspy.InputField(desc="What you have to know to write it")
    current_text: str = dspy.InputField(desc="What it is today; it may be empty")
    examples_with_feedback: str = dspy.InputField(desc="What happened with it, scored, with feedback")
    earlier_edits: str = dspy.InputField(desc="What was added (+) and removed (-) before, and what it did")
    objection: str = dspy.InputField(desc="Why your previous answer could not be used")
    new_text: str = dspy.OutputField(desc="All of what takes its place and nothing else")


class DraftText(dspy.Signature):
    """Write the first version of one text.

    `subject` says what it is and what it is for. Nothing was tried yet: it will be measured, and later
    versions will be made by what is seen then. Meet what is asked for in the plainest way that can work, say
    what a reader needs, and invent no facts. Where it is source code, write it complete and valid.
    """

    program: str = dspy.InputField(desc="The texts of the program that it belongs to")
    guidance: str = dspy.InputField(desc=GUIDANCE)
    component: str = dspy.InputField(desc="The name of what you write")
    subject: str = dspy.InputField(desc="What it is")
    context: str = dspy.InputField(desc="What you have to know to write it")
    objection: str = dspy.InputField(desc="Why your previous answer could not be used")
    new_text: str = dspy.OutputField(desc="All of the text and nothing else")


_LEARN = """
Go through the feedback: what do the failures have in common, and which words here would have prevented
them? Learn from earlier edits: do not repeat what did harm, take back what the examples show to be wrong.
Keep what works. Do not mention the examples themselves: the result must help with inputs that nobody has
seen yet."""

_DESCRIPTION = (
    """Rewrite one description that a language model program shows to its model.

The model reads it beside the instructions and the other descriptions, and has nothing else to go by.
Below are the description today and real calls of the component that it belongs to, each with a score and
feedback on what was wrong or right.
{advice}
Keep it short: it is one entry of a list, and general rules belong into the instructions.
"""
    + _LEARN
)

_FIELD = _DESCRIPTION.format(
    advice="""
Say what the field holds, in which form it comes or has to be written, and what must not be in it."""
)
_TOOL = _DESCRIPTION.format(
    advice="""
Say what the tool does and what it gives back, when to use it and when another tool is the right one. Look
at which tools were asked for and which should have been. Promise nothing that the tool does not do."""
)
_ARGUMENT = _DESCRIPTION.format(
    advice="""
Say what the argument means, in which form it has to be given, and what a good value looks like. Look at
the values with which the tool was called and at what it answered."""
)
_TEXT = (
    """Rewrite one text that a language model program makes use of.

The program's code decides how it is used: `subject` says what it is for. Below are the text today and
whole runs of the program, each with a score and feedback on what was wrong or right. Where the text
stands in the inputs of a call, that call shows what it does. Keep the form that the program relies on,
such as placeholders in braces.
"""
    + _LEARN
)
_CODE = (
    """Rewrite Python source code that a language model program makes use of.

The program decides how the code is run: `subject` says what it is for. Below are the code today and whole
runs of the program, each with a score and feedback on what was wrong or right. Find out what the code
gets wrong, and mend the cause; do not write special cases for single examples. Names, arguments and
results that the program relies on must stay as they are. Answer with the complete, valid source code and
no words around it.
"""
    + _LEARN
)
_MODULE = (
    """Rewrite the Python source code of a module of a language model program.

The source is one subclass of dspy.Module: `__init__` makes its predictors, `forward` calls them and
returns a dspy.Prediction with all output fields. It runs in a sandbox; `context` says what the module's
task is, which tools are at hand and what the code may use. Below are the source today and whole runs of
the program, each with a score and feedback on what was wrong or right.

Both its structure and its words can be improved. Leave to plain Python what Python does reliably; leave
to predictors what takes understanding, in as many steps as it needs; and say in the signatures'
instructions what the feedback shows that the model does not know. Do not write special cases for single
examples. Answer with the complete, valid source code and no words around it.
"""
    + _LEARN
)

KEEP_PLACEHOLDERS = (
    "Parts of the text such as {tool name} stand for descriptions of tools, which are rewritten apart "
    "from it. Keep each of them, word for word, where the tools are to be listed."
)
GUIDES: dict[TextKind, str] = {
    "field": _FIELD,
    "tool": _TOOL,
    "argument": _ARGUMENT,
    "text": _TEXT,
    "code": _CODE,
    "module": _MODULE,
}


def build_prompt(request: Reflect, rewrite: Any = RewriteInstruction) -> tuple[Any, dict[str, str]]:
    """Return the signature to ask with and the values of its input fields.

    rewrite: signature for instructions, with the fields of `RewriteInstruction`.
    """
    fields = _fields(request)
    signature = rewrite
    if request.kind == "instructions" and request.context:
        signature = signature.insert(3, "context", RewriteText.input_fields["context"], str)
    elif not request.evidence:
        signature = DraftText
        del fields["current_text"]
    elif request.kind != "instructions":
        signature = RewriteText.with_instructions(GUIDES[request.kind])
    for name in signature.input_fields:
        if name not in fields:
            signature = signature.delete(name)
    return signature, fields


def _fields(request: Reflect) -> dict[str, str]:
    """Return the fields' values, without the empty ones: the model would wonder what is missing.

    Only evidence can hold media; see `dspy_gepa.program.plain.to_plain`.
    """
    current = "current_instruction" if request.kind == "instructions" else "current_text"
    fields = {
        "program": request.program,
        "guidance": request.guidance,
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


def describe_program(
    predictors: Iterable[Component], rewritten: Iterable[Component], competing: Sequence[str] = ()
) -> str:
    """Return the program in words: its predictors, its other optimized texts, and the search's goals.

    Args:
        predictors: All predictors, optimized or not.
        rewritten: All optimized components. Fields and arguments are described with their predictors.
        competing: Names of the ready objectives by which candidates compete.
    """
    components = {c.name: c for c in predictors}
    components |= {c.name: c for c in rewritten if c.kind not in ("field", "argument")}
    overview = describe_components(components.values())
    return f"{overview}\n\n{describe_goals(competing)}" if competing else overview


def describe_components(components: Iterable[Component]) -> str:
    """Return one line per component: its name, inputs, outputs, and its original text."""
    lines = []
    for c in components:
        purpose = elide(" ".join(c.purpose.split()), 300)
        what = (
            describe_subject(replace(c, purpose=purpose))
            or f"{_describe_fields(c.inputs)} -> {_describe_fields(c.outputs)}"
        )
        lines.append(f"- {c.name}: {what}" + (f". {purpose}" if purpose and purpose not in what else ""))
    return "\n".join(lines)


def _describe_fields(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({desc})" if desc else name for name, desc in fields.items())


def describe_subject(component: Component) -> str:
    """Return what a text other than instructions is, and where; "" for instructions."""
    name, part, callers = component.name, component.part, ", ".join(component.callers)
    tool = f"tool `{component.tool}`" + (f" of component {callers}" if callers else "")
    purpose = f": {component.purpose}" if component.purpose else ""
    match component.kind:
        case "instructions":
            return ""
        case "field":
            role = "input" if part in component.inputs else "output"
            return f"the description of {role} field `{part}` of component {callers}"
        case "tool":
            return f"the description of {tool}"
        case "argument":
            return f"the description of argument `{part}` of {tool}"
        case "text":
            return f"the text `{name}` of the program{purpose}"
        case "code":
            return f"the Python source code `{name}` of the program{purpose}"
        case "module":
            return f"the Python source code of the dspy.Flex module `{name}` of the program"


def describe_context(component: Component) -> str:
    """Return what the author of a text has to know besides; "" if there is nothing."""
    return KEEP_PLACEHOLDERS if component.lists_tools else component.context


def describe_goals(names: Sequence[str]) -> str:
    """Return the sentence on the ready objectives by which candidates compete."""
    units = "; ".join(MEASURES[name].unit for name in names)
    return f"Texts are also compared by these; less is better: {units}."
