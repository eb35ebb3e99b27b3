"""Rollouts as evidence: the calls of a component with inputs, outputs, score and feedback, as text and data.

Everything here is pure. Asking the language model is an effect (`Reflect`), which `reflector` runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dspy_gepa.program.media import elide, with_media
from dspy_gepa.types import PROGRAM, Component, Outcome, TraceStep

# Maximum characters of one output of a later step.
LATER_FIELD_CHARS = 400
_EXAMPLE = re.compile(r"^(?=# Example \d+$)", re.MULTILINE)


@dataclass(frozen=True)
class EvidenceLimits:
    """Limits on the evidence of one reflection.

    Attributes:
        field_chars: Maximum characters of one field's value; the middle of longer ones is left out.
        feedback_chars: Maximum characters of the feedback on one rollout, which is served before fields.
        total_chars: Maximum characters in all, about four per token; shared by feedback and fields.
        calls: Maximum number of calls of one predictor per rollout, the failed and the last ones first.
        media: Maximum number of images and other media.
        later_chars: Maximum characters of what followed a component's calls in one rollout; 0 shows nothing.
    """

    field_chars: int = 6_000
    feedback_chars: int = 12_000
    total_chars: int = 120_000
    calls: int = 8
    media: int = 8
    later_chars: int = 0


def has_evidence(component: Component, outcomes: Sequence[Outcome]) -> bool:
    """Return True if any rollout shows the effect of the component's text, so that it can be reflected on."""
    return any(calls_of(component, outcome) for outcome in outcomes)


def render_evidence(component: Component, outcomes: Sequence[Outcome], limits: EvidenceLimits) -> str:
    """Return the rollouts of one component as Markdown: inputs, outputs or the failure, score and feedback.

    Args:
        component: The component to rewrite. Rollouts that never called or read it are left out.
        outcomes: Outcomes with traces, in the order to show them.
        limits: Limits on fields and the whole.
    """
    shown = [o for o in outcomes if has_evidence(component, [o])]
    calls = [call for outcome in shown for call in _shown_calls(component, outcome, limits)]
    # Feedback is served first: the model learns from it, and an agent's many calls must not crowd it out.
    feedback_chars = min(limits.feedback_chars, limits.total_chars // (2 * max(1, len(shown))))
    left = limits.total_chars - sum(min(feedback_chars, len(feedback_on(component, o))) for o in shown)
    left -= limits.later_chars * len(shown)
    fields = sum(len(call.inputs) + len(call.outputs) for call in calls)
    field_chars = min(limits.field_chars, max(200, left // max(1, fields)))
    parts = [
        f"# Example {number}\n" + _render_rollout(component, outcome, limits, field_chars, feedback_chars)
        for number, outcome in enumerate(shown, start=1)
    ]
    return with_media("\n\n".join(parts), limits.media)


def split_examples(evidence: str) -> list[str]:
    """Return the examples of rendered evidence, in order; joined they are the evidence."""
    return [part for part in _EXAMPLE.split(evidence) if part.strip()]


def halve_evidence(evidence: str) -> list[str]:
    """Return the two halves of the examples; none if there is only one."""
    examples = split_examples(evidence)
    middle = len(examples) // 2
    return ["".join(examples[:middle]).strip(), "".join(examples[middle:]).strip()] if middle else []


def evidence_records(component: Component, outcomes: Sequence[Outcome]) -> str:
    """Return the calls of one component as JSON, with the keys that `dspy.GEPA` passes to proposers."""
    records = [
        {
            "Inputs": dict(step.inputs),
            "Generated Outputs": dict(step.outputs) if step.failure is None else step.failure,
            "Feedback": feedback_for(component.name, outcome),
        }
        for outcome in outcomes
        for step in calls_of(component, outcome)
    ]
    return json.dumps(records, ensure_ascii=False, default=str)


def without_failures(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes without the calls that failed."""
    return tuple(replace(o, trace=tuple(s for s in o.trace if s.failure is None)) for o in outcomes)


def _callers(component: Component) -> tuple[str, ...]:
    return component.callers or ((component.name,) if component.kind == "instructions" else ())


def calls_of(component: Component, outcome: Outcome) -> list[TraceStep]:
    """Return the calls that show the text's effect: those of its predictors, or all if it has none.

    A rollout that read other texts, but not this one, shows nothing of it.
    """
    callers = _callers(component)
    read = {name for step in outcome.trace for name in step.texts}
    if component.kind in ("text", "code") and read and component.name not in read:
        return []
    return [step for step in outcome.trace if not callers or step.component in callers]


def later_steps(component: Component, outcome: Outcome) -> str:
    """Return what other predictors gave after the component's first call, one output a line; "" if none did.

    A text that the whole program reads is shown with all calls, so that none of them is later.
    """
    callers = _callers(component)
    own = [place for place, step in enumerate(outcome.trace) if step.component in callers]
    if not own:
        return ""
    later = [step for step in outcome.trace[own[0] + 1 :] if step.component not in (*callers, PROGRAM)]
    return "\n".join(line for step in later for line in _output_lines(step))


def _output_lines(step: TraceStep) -> list[str]:
    who = step.component or "a step that is not rewritten"
    if step.failure is not None:
        return [f"- {who} failed: {elide(' '.join(step.failure.split()), LATER_FIELD_CHARS)}"]
    outputs = {name: with_media(as_text(value), 0) for name, value in step.outputs.items()}
    return [
        f"- {who} gave {name}: {elide(' '.join(text.split()), LATER_FIELD_CHARS)}"
        for name, text in outputs.items()
    ]


def feedback_for(component: str, outcome: Outcome) -> str:
    """Return the component's own feedback if the metric gave one, else that of the whole rollout."""
    return outcome.component_feedback.get(component) or outcome.feedback


def training_texts(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the input values of all calls as text."""
    return [as_text(v) for outcome in outcomes for step in outcome.trace for v in step.inputs.values()]


def as_text(value: Any) -> str:
    """Return a field value as the reflection model reads it: strings unchanged, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)


def _shown_calls(component: Component, outcome: Outcome, limits: EvidenceLimits) -> list[TraceStep]:
    return _most_informative(calls_of(component, outcome), limits.calls, component.tool)


def feedback_on(component: Component, outcome: Outcome) -> str:
    """Return the feedback on a rollout for whoever rewrites the component."""
    own = next((name for name in _callers(component) if name in outcome.component_feedback), component.name)
    return feedback_for(own, outcome)


def _render_rollout(
    component: Component, outcome: Outcome, limits: EvidenceLimits, chars: int, feedback_chars: int
) -> str:
    calls = _shown_calls(component, outcome, limits)
    several = len(calls) > 1
    lines = []
    before: dict[str | None, Mapping[str, Any]] = {}
    for number, call in enumerate(calls, start=1):
        label = _label(call, f"call {number}" if several else "", component)
        lines.append(_render_call(call, label, before.get(call.component, {}), chars))
        before[call.component] = call.inputs
    if limits.later_chars and (later := later_steps(component, outcome)):
        lines.append(f"## What followed in the program\n{elide(later, limits.later_chars)}")
    lines.append(f"## Score\n{outcome.score:g}")
    lines.append(f"## Feedback\n{elide(feedback_on(component, outcome), feedback_chars)}")
    return "\n".join(lines)


def _label(call: TraceStep, number: str, component: Component) -> str:
    callers = _callers(component)
    who = f"of {call.component}" if call.component and len(callers) != 1 else ""
    if call.component == PROGRAM:
        number, who = "", "of the whole program"
    asks = "asks for this tool" if component.tool and _asks_for(call, component.tool) else ""
    words = ", ".join(word for word in (number, who, asks) if word)
    return f" ({words})" if words else ""


def _asks_for(call: TraceStep, tool: str) -> bool:
    """Return True if the outputs, in the form of DSPy's agents and adapters, ask for the tool."""
    named = [call.outputs.get("next_tool_name")]
    for value in call.outputs.values():
        asked = value.get("tool_calls") if isinstance(value, Mapping) else None
        named += [one.get("name") for one in asked or () if isinstance(one, Mapping)]
    return tool in named


def _most_informative(calls: list[TraceStep], most: int, tool: str = "") -> list[TraceStep]:
    """Return up to `most` calls: the whole run, then failed calls, those that ask for the tool, the last."""

    def weight(i: int) -> tuple[bool, bool, bool, int]:
        asks = bool(tool) and _asks_for(calls[i], tool)
        return calls[i].component != PROGRAM, calls[i].failure is None, not asks, -i

    return [calls[i] for i in sorted(sorted(range(len(calls)), key=weight)[:most])]


def _render_call(call: TraceStep, label: str, seen: Mapping[str, Any], chars: int) -> str:
    """Return one call; of inputs that continue the call before, such as trajectories, only the new part."""
    fresh = {name: _without_prefix(value, seen.get(name)) for name, value in call.inputs.items()}
    inputs = _render_fields(fresh, chars)
    if call.failure is not None:
        return f"## Inputs{label}\n{inputs}\n## Failed output{label}\n{elide(call.failure, chars)}"
    return f"## Inputs{label}\n{inputs}\n## Generated outputs{label}\n{_render_fields(call.outputs, chars)}"


def _without_prefix(value: Any, before: Any) -> str:
    rest = _rest(value, before)
    if rest is None:
        return as_text(value)
    return f"(as in the call before, then) {as_text(rest)}" if rest else "(as in the call before)"


def _rest(value: Any, before: Any) -> Any:
    """Return the part that a text, list or mapping adds to that of the call before; None if it adds none."""
    if before in (None, "", [], {}):
        return None
    if value == before:
        return ""
    if isinstance(value, str) and isinstance(before, str) and value.startswith(before):
        return value.removeprefix(before)
    if isinstance(value, list) and isinstance(before, list) and value[: len(before)] == before:
        return value[len(before) :]
    if isinstance(value, dict) and isinstance(before, dict):
        items = list(value.items())
        if items[: len(before)] == list(before.items()):
            return dict(items[len(before) :])
    return None


def _render_fields(fields: Mapping[str, Any], chars: int) -> str:
    return "\n".join(f"### {name}\n{elide(as_text(value), chars)}" for name, value in fields.items())
