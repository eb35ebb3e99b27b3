"""The reflection prompt as published: shown what the artifact shows, in its order, in words of our own.

One message: the current instructions, then the examples, both between fences; then the request, what to learn
from inputs, answers and feedback, and that the new instructions go between fences. An example is one call of
the component with its inputs, outputs and feedback. Neither scores nor the program are shown. The user's
guidance, which the artifact has not, comes before the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from dspy_gepa.program.media import disarm, mended
from dspy_gepa.reflection.answer import EMPTY, UNFINISHED_THOUGHTS, Answer, is_visible, without_thoughts
from dspy_gepa.reflection.evidence import as_text, calls_of, feedback_on
from dspy_gepa.types import Component, Outcome, Reflect, TraceStep

FENCE = "```"
UNREADABLE = "(This answer did not have the fields that were asked for. It was:)"

_OPENING = "I let an assistant work on a task. These are the instructions it has to go by:"
_EXAMPLES = "This is how it fared: what it was given, what it answered, and feedback on each answer."
_GUIDANCE = """These rules of mine hold for whatever you write, whatever the examples show. They are for you:
the assistant does not see them. Copy of them only what it has to know."""
_REQUEST = f"""Please write better instructions for it.

Look at the inputs first. Say how they are laid out, and describe the task that they pose as fully as you
can.

Then go over the answers and the feedback on them. Whatever facts of this special field come to light there,
put them into the instructions: the assistant will not see these examples and may know none of it. If it went
about the task in a way that would serve for other inputs as well, describe that way, too.

Put your new instructions between two lines of {FENCE}."""


def published_prompt(request: Reflect) -> str:
    """Return the message of a request whose evidence was rendered by `render_published`."""
    parts = [
        _OPENING,
        _fenced(disarm(request.current_text)),
        _EXAMPLES,
        _fenced(request.evidence),
        f"{_GUIDANCE}\n\n{disarm(request.guidance)}" if request.guidance else "",
        _REQUEST,
        f"Your answer before this could not be used. {request.objection}" if request.objection else "",
    ]
    return mended("\n\n".join(part for part in parts if part))


def render_published(component: Component, outcomes: Sequence[Outcome], rng: Random) -> str:
    """Return one call of the component for each rollout that has one, drawn at random, failed ones first."""
    shown = [(outcome, calls) for outcome in outcomes if (calls := calls_of(component, outcome))]
    return "\n\n".join(
        f"# Example {number}\n{_example(component, outcome, _drawn(calls, rng))}"
        for number, (outcome, calls) in enumerate(shown, start=1)
    )


def read_published(completion: str) -> Answer:
    """Return what stands between the outer fences; with fewer than two, all but a fence at an end."""
    text, open_thoughts = without_thoughts(completion)
    if open_thoughts:
        return UNFINISHED_THOUGHTS
    first, last = text.find(FENCE), text.rfind(FENCE)
    if first < last:
        text = text[first + len(FENCE) : last]
    else:
        text = text.strip().removeprefix(FENCE).removesuffix(FENCE)
    return Answer(text.strip()) if is_visible(text) else EMPTY


def _fenced(text: str) -> str:
    return f"{FENCE}\n{text}\n{FENCE}"


def _drawn(calls: Sequence[TraceStep], rng: Random) -> TraceStep:
    return rng.choice([call for call in calls if call.failure is not None] or list(calls))


def _example(component: Component, outcome: Outcome, call: TraceStep) -> str:
    histories = {name: value for name, value in call.inputs.items() if _is_history(value)}
    fields = {name: value for name, value in call.inputs.items() if name not in histories}
    inputs = [*map(_history, histories.values()), *_fields(fields)]
    outputs = _fields(call.outputs) if call.failure is None else [UNREADABLE, call.failure]
    sections = {
        "Inputs": inputs,
        "Generated Outputs": outputs,
        "Feedback": [feedback_on(component, outcome)],
    }
    return "\n\n".join("\n".join([f"## {name}", *lines]) for name, lines in sections.items())


def _fields(values: Mapping[str, Any]) -> list[str]:
    return [f"### {name}\n{as_text(value)}" for name, value in values.items()]


def _is_history(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"messages"} and isinstance(value["messages"], list)


def _history(value: Mapping[str, Any]) -> str:
    lines = [f"{number}. {as_text(message)}" for number, message in enumerate(value["messages"], start=1)]
    return "\n".join(["### Earlier messages", *lines])
