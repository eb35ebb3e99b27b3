"""The task role of the privacy world: writes the request for the outside model, and finishes its answer.

What is real: the request is the user's own text with strings taken out or left in, and what is left in is
there for a judge to find; the answer is the outside model's own text, in which placeholders are filled or
not.

What is played: which strings are private comes from a key, as a model would recognise them; whether each sort
of them is taken out (names, longer names of organisations and places, other details), all its mentions or the
first one, by a numbered placeholder or by nothing, hangs on habits that the instructions ask for. Now and
then one is overlooked all the same, unless the model was told to check.

All randomness is a hash of query, rule and wording. It says nothing about any real model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.prompt import Demo, Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import obeyed_rules
from benchmarks.simulated.text import normalise, sentences, unit, words
from benchmarks.simulated.worlds.privacy.key import Case, PrivacyKey, mentions, placeholder
from benchmarks.simulated.worlds.privacy.skills import REDACT, SKILLS, stage_of_fields

OVERLOOKS = 0.12
SHOWN_BY_ONE_DEMO = 0.3
NAME_WORDS = 2
PREAMBLE = "Going by the redacted request, here is what I was told."


@dataclass(frozen=True)
class Delegate:
    """The task role. `key` is what it recognises, `knobs` its weaknesses."""

    key: PrivacyKey
    knobs: Knobs = field(default_factory=Knobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The request or the response that a privacy prompt asks for; nothing for other prompts."""
        stage = stage_of_fields({*prompt.inputs, *(output.name for output in prompt.outputs)})
        if stage is None:
            return {}
        query = prompt.inputs.get("user_query", "")
        case = self.key.find(query) or Case(query, (), "")
        row = normalise(query)
        shown = shown_by_demos(stage, prompt.demos)
        obeyed = obeyed_rules(SKILLS[stage], prompt.instructions, shown, f"{stage}/{row}", self.knobs, seed)
        if unit(seed, "slip", prompt.text) < self.knobs.noise:
            obeyed = frozenset()
        if stage == REDACT:
            reasoning = f"I look for what is private and for what is asked, and write the {REDACT}ed request."
            return {"reasoning": reasoning, "llm_request": request(query, case, obeyed, seed)}
        return {"response": respond(query, case, prompt.inputs.get("related_llm_response", ""), obeyed)}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data, key and all."""
        return {"role": "delegate", "key": self.key.to_json(), "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Delegate:
        """The role that `to_json` wrote."""
        return cls(PrivacyKey.from_json(data["key"]), Knobs(**data["knobs"]))


def request(query: str, case: Case, obeyed: frozenset[str], seed: str) -> str:
    """The request for the outside model: `query` without the private strings that the habits take out."""
    if "verbatim" in obeyed:
        return query
    if "vague" in obeyed:
        return f"Give general advice on {' and '.join(sorted(words(query))[:3])}."
    text = query
    # Longer strings first, so that a part of one is not taken out before the whole.
    for number, private in sorted(enumerate(case.units, start=1), key=lambda pair: -len(pair[1])):
        seen = "recheck" in obeyed or unit(seed, "overlook", normalise(query), private) >= OVERLOOKS
        if seen and sort_of(private, query) in obeyed:
            text = _without(text, private, placeholder(number), obeyed)
    if "whole" in obeyed:
        return text
    parts = sentences(text)
    return "\n".join(parts[: math.ceil(len(parts) / 2)]) or text


def sort_of(private: str, query: str) -> str:
    """The habit that takes `private` out: "names", "places" (longer names) or "details" (all else)."""
    spans = mentions(query, private)
    if not spans or not query[spans[0][0]].isupper():
        return "details"
    return "names" if len(private.split()) <= NAME_WORDS else "places"


def _without(text: str, private: str, label: str, obeyed: frozenset[str]) -> str:
    spans = mentions(text, private)
    replacement = label if "placeholder" in obeyed else "someone"
    for start, end in reversed(spans if "every" in obeyed else spans[:1]):
        text = text[:start] + replacement + text[end:]
    return text


def respond(query: str, case: Case, outside: str, obeyed: frozenset[str]) -> str:
    """The answer to the user, made of the outside model's."""
    if "short" in obeyed:
        return (sentences(outside) or ("",))[0]
    text = outside
    if "complete" not in obeyed:
        parts = sentences(text)
        text = "\n".join(parts[: math.ceil(0.6 * len(parts))])
    if "restore" in obeyed:
        for number, private in enumerate(case.units, start=1):
            text = text.replace(placeholder(number), _as_written(private, query))
    return text if "plain" in obeyed else f"{PREAMBLE}\n{text}"


def _as_written(private: str, query: str) -> str:
    spans = mentions(query, private)
    return query[slice(*spans[0])] if spans else private


def shown_by_demos(stage: str, demos: tuple[Demo, ...]) -> dict[str, float]:
    """How strongly (0 to 1) demonstrations show habits that can be seen in them."""
    missed: dict[str, float] = {}
    for demo in demos:
        for name in _shown(stage, demo):
            missed[name] = missed.get(name, 1.0) * (1 - SHOWN_BY_ONE_DEMO)
    return {name: 1 - rest for name, rest in missed.items()}


def _shown(stage: str, demo: Demo) -> list[str]:
    if stage == REDACT:
        query, text = demo.inputs.get("user_query", ""), demo.outputs.get("llm_request", "")
        marked = placeholder(1).partition(" ")[0] in text
        seen = {"placeholder": marked, "names": marked, "whole": len(text) > 0.8 * len(query) > 0}
    else:
        told, text = demo.inputs.get("related_llm_response", ""), demo.outputs.get("response", "")
        marked = placeholder(1).partition(" ")[0] in text
        seen = {
            "complete": len(text) > 0.8 * len(told) > 0,
            "plain": PREAMBLE not in text,
            "restore": not marked,
        }
    return [name for name, holds in seen.items() if holds]
