"""The reflection role: rewrites texts after reading examples with feedback, in any world.

It reads the current text and the examples out of whatever prompt it gets, and leaves to its `Curriculum` what
they teach. Curricula are imperfect: they see some of the lessons, forget sentences, pad, and make mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.simulated.curriculum import AdvisingCurriculum, Assignment, Curriculum
from benchmarks.simulated.evidence import Evidence, loaded
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import sentences

DEFAULT_LIMIT = 500

_FENCE = re.compile(r"```[^\n`]*\n(.*?)\n?```", re.DOTALL)
_TEXT_NAME = re.compile(r"instruction|text|prompt|description")
_OLD_NAME = re.compile(r"current|previous|existing|original|basic|initial|base|old")
_SIDE_NAME = re.compile(
    r"additional|attempted|history|previous_instructions|limit|skill|module|program|dataset|tip"
)


@dataclass(frozen=True)
class Reflector:
    """The reflection role; `curriculum` is its knowledge of the world whose programs it improves."""

    curriculum: Curriculum

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Return the output fields of a reflection prompt; nothing for prompts of another kind."""
        asked = [field.name for field in prompt.outputs]
        adviser = self.curriculum if isinstance(self.curriculum, AdvisingCurriculum) else None
        if adviser and "module_advice" in asked:
            return _advice(adviser, prompt, seed)
        if adviser and "shortened_instruction" in asked:
            return {"shortened_instruction": shorten(prompt.inputs)}
        targets = wanted_texts(asked)
        if not targets:
            return {}
        task = read_assignment(prompt)
        if adviser and "proposed_instruction" in asked:
            return {"proposed_instruction": adviser.guess(task, seed)}
        new = self.curriculum.rewrite(task, seed)
        return {} if new is None else dict.fromkeys(targets, new)

    def to_json(self) -> dict[str, Any]:
        """Return the role as JSON data."""
        knobs = dict(vars(self.curriculum.knobs))
        return {"role": "reflection", "curriculum": self.curriculum.name, "knobs": knobs}


# The prompt -----------------------------------------------------------------------------------------------


def wanted_texts(outputs: Sequence[str]) -> list[str]:
    """Return those output fields that ask for a new text."""
    return [name for name in outputs if _TEXT_NAME.search(name) and "description" not in name]


def read_assignment(prompt: Prompt) -> Assignment:
    """Return the text that `prompt` asks to rewrite, and everything that stands beside it."""
    current, rest = _read_fenced(prompt) if prompt.format == "plain" else _read_fields(prompt.inputs)
    return Assignment(current, rest, prompt.text, prompt.inputs)


def _read_fenced(prompt: Prompt) -> tuple[str, str]:
    text = prompt.inputs["prompt"]
    match = _FENCE.search(text)
    return (match[1].strip(), text[match.end() :]) if match else ("", text)


def _read_fields(inputs: Mapping[str, str]) -> tuple[str, str]:
    named = [name for name in inputs if _TEXT_NAME.search(name) and not _SIDE_NAME.search(name)]
    named.sort(key=lambda name: _OLD_NAME.search(name) is None)
    if not named:
        return _last_attempt(inputs.get("attempted_instructions", "")), "\n".join(inputs.values())
    rest = {name: text for name, text in inputs.items() if name != named[0]}
    examples = [
        text for name, text in rest.items() if re.search(r"example|feedback|evidence|rows|cases", name)
    ]
    return inputs[named[0]], "\n".join(examples or rest.values())


def _last_attempt(attempts: str) -> str:
    found = re.findall(r"Instruction #?\d*:\s*(.*)", attempts)
    return str(found[-1]).strip("«» ") if found else attempts.strip("«» ")[-600:]


# Advice for modules, and shorter texts --------------------------------------------------------------------


def _advice(curriculum: AdvisingCurriculum, prompt: Prompt, seed: str) -> dict[str, Value]:
    """Return a discussion, and one piece of advice for each module named in the prompt."""
    modules = loaded(prompt.inputs.get("module_names", "[]"))
    steps = loaded(prompt.inputs.get("worse_program_trajectory", "[]"))
    feedback = curriculum.feedback_in(prompt.inputs)
    advice = {}
    for module in map(str, modules) if isinstance(modules, list) else ():
        examples = [
            Evidence({**_texts(step.get("inputs")), **_texts(step.get("outputs"))}, feedback)
            for step in (steps if isinstance(steps, list) else [])
            if isinstance(step, dict) and step.get("module_name") == module
        ]
        advice[module] = curriculum.advise(module, examples, prompt.text, seed)
    return {"discussion": curriculum.discussion, "module_advice": advice}


def _texts(values: Any) -> dict[str, str]:
    """Return the fields of one step as text; none when `values` is no mapping."""
    if not isinstance(values, dict):
        return {}
    return {str(k): "\n".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in values.items()}


def shorten(inputs: Mapping[str, str]) -> str:
    """Return the whole sentences of the input `instruction` that fit its `length_limit`, or a part."""
    numbers = re.findall(r"\d+", inputs.get("length_limit", ""))
    limit = int(numbers[0]) if numbers else DEFAULT_LIMIT
    text = inputs.get("instruction", "")
    kept = ""
    for line in sentences(text):
        if len(kept) + len(line) + 1 > limit:
            break
        kept = f"{kept}\n{line}" if kept else line
    return kept or text[:limit].strip() or "Do the task."
