"""Two smaller jobs of the reflection role: advice per module (as SIMBA asks for), and shortening a text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from benchmarks.simulated.curriculum import Curriculum
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.lessons import FILLER
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import pick, sentences, unit

INSIGHT = 0.5
MISTAKEN = 0.2
DEFAULT_LIMIT = 500


def give(prompt: Prompt, seed: str, curriculum: Curriculum) -> dict[str, Value]:
    """A discussion, and one piece of advice for each module named in the prompt."""
    modules = loaded(prompt.inputs.get("module_names", "[]"))
    steps = loaded(prompt.inputs.get("worse_program_trajectory", "[]"))
    said = _feedback(prompt.inputs)
    names = [str(name) for name in modules] if isinstance(modules, list) else []
    advice = {name: _for_module(name, steps, said, prompt.text, seed, curriculum) for name in names}
    return {
        "discussion": "The worse run went astray where the advice below applies.",
        "module_advice": advice,
    }


def _for_module(name: str, steps: Any, said: str, text: str, seed: str, curriculum: Curriculum) -> str:
    examples = [
        Evidence({**texts(step.get("inputs")), **texts(step.get("outputs"))}, said)
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and step.get("module_name") == name
    ]
    stage = curriculum.stage_in("", examples)
    if stage is None:
        return pick(FILLER, seed, "filler", text, name)
    if unit(seed, "mistake", text, name) < MISTAKEN:
        return pick(curriculum.mistakes[stage], seed, "which mistake", text, name)
    found = sorted(lesson for example in examples for lesson in curriculum.lessons_in(stage, example))
    if not found or unit(seed, "see", text, name) >= INSIGHT:
        return pick(FILLER, seed, "filler", text, name)
    return pick(
        curriculum.lessons[stage][pick(found, seed, "lesson", text, name)], seed, "wording", text, name
    )


def _feedback(inputs: Mapping[str, str]) -> str:
    hidden = loaded(inputs.get("oracle_metadata", "{}"))
    answer = hidden.get("answer") if isinstance(hidden, dict) else None
    told = inputs.get("worse_reward_info", "")
    return f"Wrong. {told}" + (f"\nThe expected answer is '{answer}'." if answer else "")


def texts(values: Any) -> dict[str, str]:
    """The fields of one step as text; none when `values` is no mapping."""
    if not isinstance(values, dict):
        return {}
    return {str(k): "\n".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in values.items()}


def loaded(text: str) -> Any:
    """The JSON value that `text` is; None when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def shorten(inputs: Mapping[str, str]) -> str:
    """The whole sentences of the input `instruction` that fit the number in `length_limit`, or a part."""
    numbers = re.findall(r"\d+", inputs.get("length_limit", ""))
    limit = int(numbers[0]) if numbers else DEFAULT_LIMIT
    text = inputs.get("instruction", "")
    kept = ""
    for line in sentences(text):
        if len(kept) + len(line) + 1 > limit:
            break
        kept = f"{kept}\n{line}" if kept else line
    return kept or text[:limit].strip() or "Do the task."
