"""The task role of the mathematics world: answers contest questions, right or wrong, in good or bad form.

What is real: the question is read from the prompt, its kind from its own words, and the answer is a text that
the benchmark's real scorers judge by its letters: they must find the letter, the digits, the list or the box,
and compare expressions by algebra.

What is played: mathematics. An answer key lends the right answers, which a model that calculates would find.
A question has a hardness, drawn from its text; working habits (plan, check, cases, restate) that the
instructions ask for add to the solver's power, haste takes from it, and it is right where its power exceeds
the hardness. A wrong answer is a near miss: another letter, a list with swaps, an expression that is a little
off. Good form is a habit too. What the key holds never shows in a prompt, so no optimizer sees it.

All randomness is a hash of question, rule and wording. It says nothing about any real model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.simulated.knobs import AnswerKey, Knobs
from benchmarks.simulated.prompt import Demo, Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import obeyed_rules
from benchmarks.simulated.text import normalise, pick, unit
from benchmarks.simulated.worlds.maths.skills import FORM_OF, RULES, STAGE, Kind, kind_of, stage_of_fields

POWER = {"choice": 0.4, "three digits": 0.3, "list": 0.5, "expression": 0.45, "integer": 0.25}
GAINS = {"plan": 0.12, "check": 0.18, "cases": 0.12, "restate": 0.08, "rush": -0.3, "estimate": -0.1}
SHOWN_BY_ONE_DEMO = 0.3
LETTERS = "ABCDE"

_FRACTION = re.compile(r"^(-?)\\frac\{(\d+)\}\{(\d+)\}$")


@dataclass(frozen=True)
class Solver:
    """The task role. `answers` is the answer key, `knobs` the model's weaknesses."""

    answers: AnswerKey
    knobs: Knobs = field(default_factory=Knobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Reasoning and answer for a mathematics prompt; nothing for prompts of another kind."""
        names = {*prompt.inputs, *(output.name for output in prompt.outputs)}
        if stage_of_fields(names) is None:
            return {}
        question = prompt.inputs.get("problem") or prompt.inputs.get("question", "")
        row, kind = normalise(question), kind_of(question)
        shown = shown_by_demos(prompt.demos)
        obeyed = obeyed_rules(RULES, prompt.instructions, shown, f"{STAGE}/{row}", self.knobs, seed)
        slip = unit(seed, "slip", prompt.text) < self.knobs.noise
        fact = self.answers.find(question)
        lack = 1.0 if slip or fact is None else shortfall(kind, row, obeyed, seed)
        truth = fact.answer if fact else "0"
        found = truth if lack <= 0 else near_miss(kind, truth, lack, row)
        return {"reasoning": _reasoning(obeyed, row), "answer": in_form(kind, found, obeyed)}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data, answer key and all."""
        return {"role": "solver", "answers": self.answers.to_json(), "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Solver:
        """The role that `to_json` wrote."""
        return cls(AnswerKey.from_json(data["answers"]), Knobs(**data["knobs"]))


def shortfall(kind: Kind, row: str, obeyed: frozenset[str], seed: str) -> float:
    """How far the solver's power falls short of the question's hardness; 0 or less where it is right."""
    # fsum is exact: a plain sum over a set depends on the process's hash seed.
    power = POWER[kind] + math.fsum(GAINS.get(name, 0.0) for name in obeyed)
    return unit(seed, "hardness", row) - power


def near_miss(kind: Kind, truth: str, lack: float, row: str) -> str:
    """A wrong answer like `truth`; a list is the further off the greater `lack` is."""
    if kind == "choice":
        return pick([letter for letter in LETTERS if letter != truth], "miss", row)
    if kind == "list":
        return _shuffled(truth.split(","), lack, row)
    if kind == "expression":
        return f"{truth}+{1 + int(9 * unit('miss', row))}"
    digits = int(re.sub(r"\D", "", truth) or 0)
    return str((digits + 1 + int(400 * unit("miss", row))) % 1000).zfill(len(truth))


def _shuffled(items: list[str], lack: float, row: str) -> str:
    if len(items) == 1:
        return str(int(items[0]) + 1)
    swaps = 1 + int(min(1.0, lack) * len(items))
    for number in range(swaps):
        one = int(unit("swap", row, number) * len(items))
        other = (one + 1) % len(items)
        items[one], items[other] = items[other], items[one]
    return ",".join(items)


def in_form(kind: Kind, found: str, obeyed: frozenset[str]) -> str:
    """`found` as the solver writes it: as the question asks, or wrapped, cut and rounded by bad habits."""
    chatty = "chatty" in obeyed
    if kind == "expression" and ("exact" not in obeyed or "estimate" in obeyed):
        found = _rounded(found)
    if FORM_OF[kind] not in obeyed:
        written = _out_of_form(kind, found)
    elif kind == "choice":
        written = found * 5
    elif kind == "expression":
        written = rf"\boxed{{{found}}}"
    else:
        written = found
    if not chatty:
        return written
    return f"{written}. This follows from the steps above, and I am fairly confident that nothing was missed."


def _out_of_form(kind: Kind, found: str) -> str:
    if kind == "choice":
        return f"Option {found} fits all that is said, so I choose it."
    if kind == "list":
        return "; then ".join(f"expression {number.strip()}" for number in found.split(","))
    if kind == "three digits":
        return str(int(found))
    if kind == "expression":
        return f"This gives {found} once all is worked out."
    return f"The answer is {found}."


def _rounded(found: str) -> str:
    match = _FRACTION.match(found)
    return f"{match[1]}{int(match[2]) / int(match[3]):.2f}" if match else found


def shown_by_demos(demos: tuple[Demo, ...]) -> dict[str, float]:
    """How strongly (0 to 1) demonstrations show the forms; how to work they do not show."""
    missed: dict[str, float] = {}
    for demo in demos:
        kind = kind_of(demo.inputs.get("problem") or demo.inputs.get("question", ""))
        answer = demo.outputs.get("answer", "").strip()
        patterns = {
            "choice": r"([A-E])\1{3,}",
            "three digits": r"\d{3}",
            "list": r"\d+(?:\s*,\s*\d+)*",
            "expression": r".*\\boxed\{.*",
            "integer": r"\d+",
        }
        if re.fullmatch(patterns[kind], answer, re.DOTALL):
            name = FORM_OF[kind]
            missed[name] = missed.get(name, 1.0) * (1 - SHOWN_BY_ONE_DEMO)
    return {name: 1 - rest for name, rest in missed.items()}


def _reasoning(obeyed: frozenset[str], row: str) -> str:
    steps = {
        "plan": "First a plan.",
        "cases": "There are several cases.",
        "check": "Putting the result back confirms it.",
        "restate": "What is asked for is the last quantity.",
        "rush": "This looks familiar.",
    }
    told = [text for name, text in steps.items() if name in obeyed]
    return " ".join(told) or pick(("Working it out.", "A calculation gives the result."), "reasoning", row)
