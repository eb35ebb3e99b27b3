"""From evidence to a new text: what the reflector is shown, and what its answer must pass.

Everything here is pure. Asking the language model is an effect (`Reflect`); turning the request into a
prompt is the business of `dspy_gepa.reflector`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dspy_gepa.types import MEDIA_END, MEDIA_START, Component, Outcome, TraceStep

TextCheck = Callable[[str], str | None]

_THINK = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THINK = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)
_MEDIUM = re.compile(f"({re.escape(MEDIA_START)}.*?{re.escape(MEDIA_END)})", re.DOTALL)
_FENCED = re.compile(r"\A```[\w-]*\n(.*?)\n?```\Z", re.DOTALL)


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


@dataclass(frozen=True)
class TextRules:
    """What a proposed text must respect.

    Attributes:
        max_chars: Longest allowed text, or None.
        keep: Placeholders and sentences that must survive if the current text has them.
        max_copied_words: Longest run of words that may be copied from a training row's inputs.
    """

    max_chars: int | None = None
    keep: tuple[str, ...] = ()
    max_copied_words: int | None = 40


def has_evidence(component: str, outcomes: Sequence[Outcome]) -> bool:
    """Whether any rollout called the component, so that there is something to reflect on."""
    return any(step.component == component for outcome in outcomes for step in outcome.trace)


def render_evidence(component: str, outcomes: Sequence[Outcome], limits: EvidenceLimits) -> str:
    """The rollouts of one component as Markdown: inputs, outputs or the failure, score and feedback.

    Args:
        component: The component that is rewritten. Rollouts that never called it are left out.
        outcomes: Outcomes with traces, in the order in which they are shown.
        limits: How long fields and the whole may be.
    """
    shown = [o for o in outcomes if has_evidence(component, [o])]
    field_chars = min(
        limits.field_chars, max(200, limits.total_chars // max(1, _count_fields(component, shown)))
    )
    parts = [
        f"# Example {number}\n" + _render_rollout(component, outcome, field_chars, limits.calls)
        for number, outcome in enumerate(shown, start=1)
    ]
    return _with_media("\n\n".join(parts), limits.media)


def evidence_records(component: str, outcomes: Sequence[Outcome]) -> str:
    """The calls of one component as JSON data, under the names that `dspy.GEPA` gives to proposers."""
    records = [
        {
            "Inputs": dict(step.inputs),
            "Generated Outputs": dict(step.outputs) if step.failure is None else step.failure,
            "Feedback": feedback_for(component, outcome),
        }
        for outcome in outcomes
        for step in outcome.trace
        if step.component == component
    ]
    return json.dumps(records, ensure_ascii=False, default=str)


def without_failures(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes without the calls that failed."""
    return tuple(replace(o, trace=tuple(s for s in o.trace if s.failure is None)) for o in outcomes)


def feedback_for(component: str, outcome: Outcome) -> str:
    """The component's own feedback where the metric gave one, else that of the whole rollout."""
    return outcome.component_feedback.get(component) or outcome.feedback


def render_program(components: Sequence[Component]) -> str:
    """One line per component: its name, what goes in, what comes out, and what it was first told to do."""
    lines = []
    for c in components:
        purpose = elide(" ".join(c.purpose.split()), 300)
        lines.append(
            f"- {c.name}: {_fields(c.inputs)} -> {_fields(c.outputs)}" + (f". {purpose}" if purpose else "")
        )
    return "\n".join(lines)


def elide(text: str, chars: int) -> str:
    """`text`, or at most `chars` characters of it: beginning and end around a note of how much is missing.

    Images and other media are whole or nothing, and do not count.
    """
    if MEDIA_START in text:
        return "".join(
            part if part.startswith(MEDIA_START) else elide(part, chars) for part in _MEDIUM.split(text)
        )
    if len(text) <= chars:
        return text
    note = " [... {} characters left out ...] "
    room = chars - len(note.format(len(text)))
    if room < 2:
        return text[:chars]
    head = room * 2 // 3
    tail = room - head
    return text[:head] + note.format(len(text) - room) + text[-tail:]


def _with_media(text: str, most: int) -> str:
    """The text with its first media, and a note in place of each of the others."""
    shown = 0

    def judge(medium: re.Match[str]) -> str:
        nonlocal shown
        shown += 1
        return medium[0] if shown <= most else "[an image or other medium, left out]"

    return _MEDIUM.sub(judge, text)


def clean_text(text: str) -> str:
    """The proposed text without closed think blocks and without a fence around the whole of it."""
    stripped = _THINK.sub("", text).strip()
    fenced = _FENCED.match(stripped)
    return (fenced.group(1) if fenced and "```" not in fenced.group(1) else stripped).strip()


def objection_to(
    text: str, *, current: str, truncated: bool, rules: TextRules, training_texts: Sequence[str]
) -> str | None:
    """Why a cleaned text cannot be tried, as a sentence that the reflector can act on; None if it can.

    Args:
        text: The proposed text after `clean_text`.
        current: The component's text today.
        truncated: Whether the provider cut the answer off.
        rules: What the user demands of texts.
        training_texts: Inputs of the rows shown as evidence, against verbatim copying.
    """
    if truncated:
        return "The answer was cut off at the model's length limit. Write a shorter text."
    if not text:
        return "The answer was empty. Write the full text."
    if _OPEN_THINK.search(text):
        return "The answer holds an unfinished thinking block. Give the text alone."
    if text == current.strip():
        return "The answer equals the current text. Change what the feedback shows to be wrong."
    if rules.max_chars is not None and len(text) > rules.max_chars:
        return f"The text has {len(text)} characters; at most {rules.max_chars} are allowed. Shorten it."
    lost = [kept for kept in rules.keep if kept in current and kept not in text]
    if lost:
        return f"These parts must be kept word for word and are missing: {lost!r}."
    return _copied_run(text, training_texts, rules.max_copied_words)


def _copied_run(text: str, sources: Sequence[str], most: int | None) -> str | None:
    if most is None:
        return None
    words = text.split()
    runs = {tuple(words[i : i + most + 1]) for i in range(len(words) - most)}
    for source in sources if runs else ():
        theirs = source.split()
        for i in range(len(theirs) - most):
            if tuple(theirs[i : i + most + 1]) in runs:
                start = " ".join(theirs[i : i + 8])
                return (
                    f"The text copies more than {most} words in a row from one example, beginning {start!r}. "
                    "State what is general instead."
                )
    return None


def training_texts(outcomes: Sequence[Outcome]) -> list[str]:
    """Input values of all shown calls, as text."""
    return [as_text(v) for outcome in outcomes for step in outcome.trace for v in step.inputs.values()]


def as_text(value: Any) -> str:
    """A field value as the reflector reads it: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)


def _render_rollout(component: str, outcome: Outcome, chars: int, most_calls: int) -> str:
    calls = _most_telling([s for s in outcome.trace if s.component == component], most_calls)
    lines = []
    for number, call in enumerate(calls, start=1):
        label = f" (call {number})" if len(calls) > 1 else ""
        seen = calls[number - 2].inputs if number > 1 else {}
        lines.append(_render_call(call, label, seen, chars))
    lines.append(f"## Score\n{outcome.score:g}")
    lines.append(f"## Feedback\n{elide(feedback_for(component, outcome), chars)}")
    return "\n".join(lines)


def _most_telling(calls: list[TraceStep], most: int) -> list[TraceStep]:
    by_weight = sorted(range(len(calls)), key=lambda i: (calls[i].failure is None, -i))
    return [calls[i] for i in sorted(by_weight[:most])]


def _render_call(call: TraceStep, label: str, seen: Mapping[str, Any], chars: int) -> str:
    """One call. Of inputs that go on from the call before, as agents' trajectories do, only what is new."""
    fresh = {name: _without_prefix(as_text(value), seen.get(name)) for name, value in call.inputs.items()}
    inputs = _render_fields(fresh, chars)
    if call.failure is not None:
        return f"## Inputs{label}\n{inputs}\n## Failed output{label}\n{elide(call.failure, chars)}"
    return f"## Inputs{label}\n{inputs}\n## Generated outputs{label}\n{_render_fields(call.outputs, chars)}"


def _without_prefix(text: str, before: Any) -> str:
    prefix = "" if before is None else as_text(before)
    if not prefix or not text.startswith(prefix):
        return text
    rest = text.removeprefix(prefix)
    return f"(as in the call before, then) {rest}" if rest else "(as in the call before)"


def _render_fields(fields: Mapping[str, Any], chars: int) -> str:
    return "\n".join(f"### {name}\n{elide(as_text(value), chars)}" for name, value in fields.items())


def _count_fields(component: str, outcomes: Sequence[Outcome]) -> int:
    calls = [step for outcome in outcomes for step in outcome.trace if step.component == component]
    return sum(len(call.inputs) + len(call.outputs) + 1 for call in calls)


def _fields(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({desc})" if desc else name for name, desc in fields.items())
