"""The reflection role: rewrites instructions after reading examples with feedback.

It reads the current text and the examples out of whatever prompt it gets, infers lessons from failures (as
its `Curriculum` has it), and writes an imperfect rewrite: it keeps most sentences and forgets some, adds one
to three lessons in one of several wordings, and now and then adds a mistake, a remark about a single example,
or nothing of use. More failing examples let it see more. Without feedback (as MIPROv2 asks) it can only
guess what might help a step of this kind. A pure function of the prompt and the seed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.simulated import advice
from benchmarks.simulated.curriculum import MULTIHOP, Curriculum
from benchmarks.simulated.diagnosis import failed
from benchmarks.simulated.evidence import Evidence, read_evidence
from benchmarks.simulated.lessons import FILLER, GENERIC
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import Rule, asked_rules
from benchmarks.simulated.skills import Stage
from benchmarks.simulated.text import names, pick, sentences, unit

FORGETS = 0.05
INSIGHT = 0.7
SECOND_LESSON = 0.8
THIRD_LESSON = 0.4
MANY_FAILURES = 5
USELESS = 0.1
MISTAKEN = 0.15
OVERFITS = 0.25
PADS = 0.25
REPEATS_ITSELF = 0.12
LUCKY_GUESS = 0.25

_FENCE = re.compile(r"```[^\n`]*\n(.*?)\n?```", re.DOTALL)
_TEXT_NAME = re.compile(r"instruction|text|prompt|description")
_OLD_NAME = re.compile(r"current|previous|existing|original|basic|initial|base|old")
_SIDE_NAME = re.compile(
    r"additional|attempted|history|previous_instructions|limit|skill|module|program|dataset|tip"
)


@dataclass(frozen=True)
class Reflector:
    """The reflection role. `curriculum` is what it knows of the world whose programs it improves."""

    curriculum: Curriculum = MULTIHOP

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Output fields for a reflection prompt; nothing for prompts of another kind."""
        asked = [field.name for field in prompt.outputs]
        if "module_advice" in asked:
            return advice.give(prompt, seed, self.curriculum)
        if "shortened_instruction" in asked:
            return {"shortened_instruction": advice.shorten(prompt.inputs)}
        targets = wanted_texts(asked)
        if not targets:
            return {}
        current, rest = read_task(prompt)
        if "proposed_instruction" in asked:
            return {"proposed_instruction": propose(current, rest, prompt.text, seed, self.curriculum)}
        new = rewrite(current, read_evidence(rest), prompt.text, seed, self.curriculum)
        return dict.fromkeys(targets, new)

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "reflection", "curriculum": self.curriculum.name}


def wanted_texts(outputs: Sequence[str]) -> list[str]:
    """Those output fields that ask for a new text."""
    return [name for name in outputs if _TEXT_NAME.search(name) and "description" not in name]


def read_task(prompt: Prompt) -> tuple[str, str]:
    """The current text, and everything else that was given, in which the examples stand."""
    if prompt.format == "plain":
        return _read_fenced(prompt.inputs["prompt"])
    named = [name for name in prompt.inputs if _TEXT_NAME.search(name) and not _SIDE_NAME.search(name)]
    named.sort(key=lambda name: _OLD_NAME.search(name) is None)
    if not named:
        attempts = prompt.inputs.get("attempted_instructions", "")
        return _last_attempt(attempts), "\n".join(prompt.inputs.values())
    rest = {name: text for name, text in prompt.inputs.items() if name != named[0]}
    examples = [
        text for name, text in rest.items() if re.search(r"example|feedback|evidence|rows|cases", name)
    ]
    return prompt.inputs[named[0]], "\n".join(examples or rest.values())


def _read_fenced(text: str) -> tuple[str, str]:
    match = _FENCE.search(text)
    return (match[1].strip(), text[match.end() :]) if match else ("", text)


def _last_attempt(attempts: str) -> str:
    found = re.findall(r"Instruction #?\d*:\s*(.*)", attempts)
    return str(found[-1]).strip("«» ") if found else attempts.strip("«» ")[-600:]


def rewrite(
    current: str, examples: Sequence[Evidence], text: str, seed: str, curriculum: Curriculum = MULTIHOP
) -> str:
    """A new version of `current`, with what `examples` teach. `text` feeds the randomness."""
    stage = curriculum.stage_in(current, examples)
    failures = [example for example in examples if failed(example)]
    kept = [line for line in sentences(current) if unit(seed, "forget", text, line) >= FORGETS] or [
        GENERIC[0]
    ]
    added: list[str] = []
    if stage and unit(seed, "useless", text) >= USELESS:
        for name in _chosen(stage, current, failures, text, seed, curriculum):
            kept = _without(curriculum.skills[stage], name, kept)
            added.append(pick(curriculum.lessons[stage][name], seed, "wording", text, name))
    added += _slips(curriculum.mistakes[stage] if stage else (), failures, text, seed)
    if not added:
        added.append(pick(FILLER, seed, "filler", text))
    return "\n".join([*kept, *(line for line in added if line not in kept)])


def _chosen(
    stage: Stage,
    current: str,
    failures: Sequence[Evidence],
    text: str,
    seed: str,
    curriculum: Curriculum,
) -> list[str]:
    """The lessons the model has the insight to see, best supported first, at most three."""
    support = Counter(name for example in failures for name in sorted(curriculum.lessons_in(stage, example)))
    known = asked_rules(curriculum.skills[stage], current)
    seen = []
    for name, count in support.items():
        chance = 1 - (1 - INSIGHT) ** count
        if name in known:
            chance *= REPEATS_ITSELF
        if unit(seed, "see", text, name) < chance:
            seen.append((unit(seed, "order", text, name) / count, name))
    limit = 1 + (unit(seed, "second", text) < SECOND_LESSON)
    limit += len(failures) >= MANY_FAILURES and unit(seed, "third", text) < THIRD_LESSON
    return [name for _, name in sorted(seen)[:limit]]


def _without(skills: Sequence[Rule], name: str, lines: list[str]) -> list[str]:
    """`lines` without the sentence that already said the lesson: the model words it anew."""
    rules = tuple(rule for rule in skills if rule.name == name)
    return [line for line in lines if not asked_rules(rules, line)]


def _slips(mistakes: Sequence[str], failures: Sequence[Evidence], text: str, seed: str) -> list[str]:
    """The sentences a rewrite would be better without."""
    lines = []
    if mistakes and unit(seed, "mistake", text) < MISTAKEN:
        lines.append(pick(mistakes, seed, "which mistake", text))
    subjects = [name for example in failures for name in names(example.feedback)]
    if subjects and unit(seed, "overfit", text) < OVERFITS:
        one, other = (pick(subjects, seed, part, text) for part in ("one", "other"))
        lines.append(f"For instance, when {one} comes up, remember that {other} may belong to it.")
    if unit(seed, "pad", text) < PADS:
        lines.append(pick(FILLER, seed, "filler", text))
    return lines


def propose(current: str, rest: str, text: str, seed: str, curriculum: Curriculum = MULTIHOP) -> str:
    """An instruction without feedback to learn from: the current one, platitudes, a lucky guess."""
    stage = curriculum.stage_in(current + "\n" + rest, ())
    kept = list(sentences(current))
    added = [line for line in GENERIC if unit(seed, "generic", text, line) < LUCKY_GUESS]
    if stage:
        for name, wordings in curriculum.lessons[stage].items():
            if unit(seed, "guess", text, name) < LUCKY_GUESS:
                added.append(pick(wordings, seed, "wording", text, name))
    added += _slips(curriculum.mistakes[stage] if stage else (), (), text, seed)
    return "\n".join([*kept, *added]) if added else "\n".join([*kept, pick(FILLER, seed, "filler", text)])
