"""What a reflection model can learn and say about solving contest questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.simulated.evidence import Evidence, failed, reference_in
from benchmarks.simulated.worlds.habits import HabitCurriculum
from benchmarks.simulated.worlds.maths.skills import FORM_OF, RULES, STAGE, kind_of, stage_of_fields

LESSONS = {
    "plan": (
        "Outline a plan before you calculate.",
        "Break the problem into smaller parts and solve one after another.",
        "First sketch the approach, then carry it out.",
    ),
    "check": (
        "Verify the result by substituting it back.",
        "Double-check the final calculation in another way.",
        "Check the answer against all conditions of the problem.",
    ),
    "cases": (
        "Consider every case, edge cases too.",
        "Go through all possible cases and count each once.",
        "Work case by case where signs or orders differ.",
    ),
    "restate": (
        "Restate what is asked before you answer.",
        "Make sure that the value you give is the quantity asked for.",
        "Reread the question at the end and answer just that.",
    ),
    "bare": (
        "Give the bare integer as the answer.",
        "The answer is a whole number and nothing else.",
        "Output only digits in the answer field.",
    ),
    "letter": (
        "For multiple choice, write the letter five times in a row.",
        "Repeat the chosen letter as often as the question asks.",
        "Answer a question with options by its letter five times, such as BBBBB.",
    ),
    "digits": (
        "If three digits are wanted, give all three digits.",
        "Write such integers with leading zeros.",
        "A three-digit answer stays three-digit, as 042.",
    ),
    "list": (
        "Give lists of expressions as numbers separated by commas.",
        "Answer matching tasks by a comma-separated list.",
        "Name the expression for every missing tag once, in a list.",
    ),
    "box": (
        r"Put the final expression in \boxed{}.",
        "Use a box for the final expression when one is asked for.",
        r"End with \boxed{...} and the expression in it.",
    ),
    "exact": (
        "Give the exact value.",
        "Keep fractions and roots exact.",
        "Leave results in exact form, as fractions or roots.",
    ),
}
MISTAKES = (
    "Answer quickly.",
    "Go with your first impression.",
    "Give a decimal approximation.",
    "Round results where that is simpler.",
    "End with a remark on how sure you are.",
    "Explain the answer in a full sentence.",
)
_WORKING = ("check", "cases", "plan", "restate")
_DECIMAL = re.compile(r"\d\.\d")


def lessons_in(stage: str, example: Evidence) -> frozenset[str]:
    """Habits whose lack a failed example shows: of form when the right answer is there, else of working."""
    if stage != STAGE or not failed(example):
        return frozenset()
    return frozenset(_lessons(example))


def _lessons(example: Evidence) -> Iterator[str]:
    question = example.fields.get("problem") or example.fields.get("question", "")
    answer, reference = example.fields.get("answer", ""), reference_in(example.feedback)
    kind = kind_of(question)
    if reference and _holds(answer, reference):
        yield FORM_OF[kind]
        return
    if reference and r"\frac" in reference and _DECIMAL.search(answer):
        yield "exact"
    yield from _WORKING


def _holds(answer: str, reference: str) -> bool:
    """Whether the right answer stands in `answer`, in whatever form."""
    if reference.isdigit():
        return int(reference) in [int(number) for number in re.findall(r"\d{1,9}", answer)]
    if "," in reference and re.fullmatch(r"[\d,\s]+", reference):
        return re.findall(r"\d+", answer) == re.findall(r"\d+", reference)
    if len(reference) == 1:
        return re.search(rf"\b{re.escape(reference)}\b", answer) is not None
    return "".join(reference.split()) in "".join(answer.split())


MATHS = HabitCurriculum(
    name="maths",
    skills={STAGE: RULES},
    lessons={STAGE: LESSONS},
    mistakes={STAGE: MISTAKES},
    stage_of_fields=stage_of_fields,
    lessons_in=lessons_in,
)
