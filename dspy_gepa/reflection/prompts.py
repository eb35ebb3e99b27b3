"""What the reflection model is told about writing each sort of text but instructions."""

from __future__ import annotations

from dspy_gepa.types import TextKind

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

GUIDES: dict[TextKind, str] = {
    "field": _FIELD,
    "tool": _TOOL,
    "argument": _ARGUMENT,
    "text": _TEXT,
    "code": _CODE,
    "module": _MODULE,
}
