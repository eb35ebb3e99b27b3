"""What the reflector is shown: rollouts as evidence, and the program's components in words.

Everything here is pure. Asking the language model is an effect (`Reflect`); turning the request into a
prompt is the business of `dspy_gepa.reflection.reflector`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dspy_gepa.program.media import elide, with_media
from dspy_gepa.types import PROGRAM, Component, Outcome, TraceStep


@dataclass(frozen=True)
class EvidenceLimits:
    """How much of the rollouts a reflection may show.

    Attributes:
        field_chars: Longest value of one field; more is elided in the middle.
        total_chars: Longest evidence as a whole, about four characters a token; the fields share it.
        calls: Most calls of one predictor shown per rollout, the failed and the last ones first.
        media: Most images and other media shown.
    """

    field_chars: int = 6_000
    total_chars: int = 120_000
    calls: int = 8
    media: int = 8


def has_evidence(component: Component, outcomes: Sequence[Outcome]) -> bool:
    """Whether any rollout shows what the component's text does, so that there is something to reflect on."""
    return any(_calls(component, outcome) for outcome in outcomes)


def render_evidence(component: Component, outcomes: Sequence[Outcome], limits: EvidenceLimits) -> str:
    """The rollouts of one component as Markdown: inputs, outputs or the failure, score and feedback.

    Args:
        component: The component that is rewritten. Rollouts that never called, or read, it are left out.
        outcomes: Outcomes with traces, in the order in which they are shown.
        limits: How long fields and the whole may be.
    """
    shown = [o for o in outcomes if has_evidence(component, [o])]
    calls = [call for outcome in shown for call in _calls(component, outcome)]
    fields = sum(len(call.inputs) + len(call.outputs) + 1 for call in calls)
    field_chars = min(limits.field_chars, max(200, limits.total_chars // max(1, fields)))
    parts = [
        f"# Example {number}\n" + _render_rollout(component, outcome, field_chars, limits.calls)
        for number, outcome in enumerate(shown, start=1)
    ]
    return with_media("\n\n".join(parts), limits.media)


def evidence_records(component: Component, outcomes: Sequence[Outcome]) -> str:
    """The calls of one component as JSON data, under the names that `dspy.GEPA` gives to proposers."""
    records = [
        {
            "Inputs": dict(step.inputs),
            "Generated Outputs": dict(step.outputs) if step.failure is None else step.failure,
            "Feedback": feedback_for(component.name, outcome),
        }
        for outcome in outcomes
        for step in _calls(component, outcome)
    ]
    return json.dumps(records, ensure_ascii=False, default=str)


def without_failures(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes without the calls that failed."""
    return tuple(replace(o, trace=tuple(s for s in o.trace if s.failure is None)) for o in outcomes)


def _callers(component: Component) -> tuple[str, ...]:
    return component.callers or ((component.name,) if component.kind == "instructions" else ())


def _calls(component: Component, outcome: Outcome) -> list[TraceStep]:
    """The calls that show what the text does: its predictors' own; where it has none, the whole rollout.

    A rollout that read other texts, but not this one, shows nothing of it.
    """
    callers = _callers(component)
    read = {name for step in outcome.trace for name in step.texts}
    if component.kind in ("text", "code") and read and component.name not in read:
        return []
    return [step for step in outcome.trace if not callers or step.component in callers]


def feedback_for(component: str, outcome: Outcome) -> str:
    """The component's own feedback where the metric gave one, else that of the whole rollout."""
    return outcome.component_feedback.get(component) or outcome.feedback


def render_program(components: Sequence[Component]) -> str:
    """One line per component: its name, what goes in, what comes out, and what it was first told to do."""
    lines = []
    for c in components:
        purpose = elide(" ".join(c.purpose.split()), 300)
        what = c.subject or f"{_fields(c.inputs)} -> {_fields(c.outputs)}"
        lines.append(f"- {c.name}: {what}" + (f". {purpose}" if purpose and purpose not in what else ""))
    return "\n".join(lines)


def training_texts(outcomes: Sequence[Outcome]) -> list[str]:
    """Input values of all shown calls, as text."""
    return [as_text(v) for outcome in outcomes for step in outcome.trace for v in step.inputs.values()]


def as_text(value: Any) -> str:
    """A field value as the reflector reads it: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)


def _render_rollout(component: Component, outcome: Outcome, chars: int, most_calls: int) -> str:
    calls = _most_telling(_calls(component, outcome), most_calls, component.tool)
    several = len(calls) > 1
    lines = []
    before: dict[str | None, Mapping[str, Any]] = {}
    for number, call in enumerate(calls, start=1):
        label = _label(call, f"call {number}" if several else "", component)
        lines.append(_render_call(call, label, before.get(call.component, {}), chars))
        before[call.component] = call.inputs
    lines.append(f"## Score\n{outcome.score:g}")
    own = next((name for name in _callers(component) if name in outcome.component_feedback), component.name)
    lines.append(f"## Feedback\n{elide(feedback_for(own, outcome), chars)}")
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
    """Whether the outputs, as DSPy's agents and adapters give them, ask for the tool."""
    named = [call.outputs.get("next_tool_name")]
    for value in call.outputs.values():
        asked = value.get("tool_calls") if isinstance(value, Mapping) else None
        named += [one.get("name") for one in asked or () if isinstance(one, Mapping)]
    return tool in named


def _most_telling(calls: list[TraceStep], most: int, tool: str = "") -> list[TraceStep]:
    """The whole program's run, then failed calls, those that ask for the tool in question, and the last."""

    def weight(i: int) -> tuple[bool, bool, bool, int]:
        asks = bool(tool) and _asks_for(calls[i], tool)
        return calls[i].component != PROGRAM, calls[i].failure is None, not asks, -i

    return [calls[i] for i in sorted(sorted(range(len(calls)), key=weight)[:most])]


def _render_call(call: TraceStep, label: str, seen: Mapping[str, Any], chars: int) -> str:
    """One call. Of inputs that go on from the call before, as agents' trajectories do, only what is new."""
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
    """What a text, a list or a mapping adds to that of the call before; None if it does not go on from it."""
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


def _fields(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({desc})" if desc else name for name, desc in fields.items())
