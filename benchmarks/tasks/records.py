"""The record task: bring the values of messy records into the form a house wants. Nothing to download.

A program has one predictor per kind of value; all of them see the whole record. Data: generated from the
world's name and a seed, 100 train, 100 validation and 200 test rows; licence: that of this repository.

A row looks like this (made up):
    record: "north desk, sheet 417 | date: Tue 21/3/4 | code: #ab-1234"
    clean_date: "2021-03-04"   clean_code: "AB1234"
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import dspy

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.records import Clerk, RecordCurriculum, RecordJudge
from benchmarks.simulated.worlds.records.catalogue import output_field
from benchmarks.simulated.worlds.records.conventions import HARMS, Convention
from benchmarks.simulated.worlds.records.faults import DESKS, compare, value_in
from benchmarks.simulated.worlds.records.reading import strength
from benchmarks.simulated.worlds.records.rows import House, Row, houses, make_rows
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.task import Task
from benchmarks.tasks.worlds import Scoring, WorldSpec

TRAIN, VAL, TEST = 100, 100, 200


class RecordProgram(dspy.Module):
    """One predictor per kind of value, asked one after another."""

    def __init__(self, instructions: Mapping[str, str]) -> None:
        super().__init__()
        self.kinds = tuple(instructions)
        for kind, text in instructions.items():
            setattr(self, kind, dspy.Predict(dspy.Signature(f"record -> {output_field(kind)}", text)))

    def forward(self, record: str) -> dspy.Prediction:
        """A prediction with one field per kind, as `clean_date`."""
        predictors = dict(self.named_predictors())
        values = {
            output_field(kind): predictors[kind](record=record)[output_field(kind)] for kind in self.kinds
        }
        return dspy.Prediction(**values)


_GRADE = dspy.Signature(
    "given, reference -> grade: float",
    "Grade the lines given against the reference, from 0 to 10.",
)


@dataclass(frozen=True)
class RecordMetric:
    """Scores a prediction between 0 and 1.

    Attributes:
        kinds: The kinds of value, in the program's order.
        scoring: "fields": the share of values that are right; "binary": 1 when all are; "judge": what a
            simulated judge LM says.
        salt: The world and its seed, on which the judge's moods hang.
        noise: Standard deviation of the judge's grades.
    """

    kinds: tuple[str, ...]
    scoring: Scoring
    salt: str
    noise: float = 0.0

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score, and feedback on the predictor called `pred_name`, or on all of them."""
        about = [pred_name] if pred_name in self.kinds else self.kinds
        lines = [said_of(kind, gold, text_of(pred, output_field(kind))) for kind in about]
        return dspy.Prediction(score=self._score(gold, pred), feedback="\n".join(lines))

    def _score(self, gold: dspy.Example, pred: Any) -> float:
        wanted = [str(gold[output_field(kind)]) for kind in self.kinds]
        given = [text_of(pred, output_field(kind)) or "" for kind in self.kinds]
        right = [a.strip() == b for a, b in zip(given, wanted, strict=True)]
        if self.scoring == "fields":
            return sum(right) / len(right)
        if self.scoring == "binary":
            return float(all(right))
        # A trace of its own, so that the judge's call is not taken for a step of the program.
        with dspy.context(lm=judge_lm(self.salt, self.noise), adapter=dspy.ChatAdapter(), trace=[]):
            grade = dspy.Predict(_GRADE)(given="\n".join(given), reference="\n".join(wanted)).grade
        return float(grade) / 10


@lru_cache(maxsize=64)
def judge_lm(salt: str, noise: float) -> dspy.LM:
    """The judge of a world."""
    return simulated_lm("simulated/judge", RecordJudge(salt, noise))


def said_of(kind: str, gold: dspy.Example, given: str | None) -> str:
    """One line about one value: right, or what was given, what was expected and where the fault lies."""
    field = output_field(kind)
    raw, expected = value_in(gold.record, kind) or "", str(gold[field])
    if given is None:
        return f"Value {field}: wrong. Nothing was given for '{raw}', expected '{expected}'."
    if given.strip() == expected:
        return f"Value {field}: correct, '{expected}'."
    given = given.strip()
    faults = compare(kind, raw, given, expected).in_words()
    return f"Value {field}: wrong. '{given}' was given for '{raw}', expected '{expected}'. {faults}".rstrip()


def load(name: str, world: WorldSpec, seed: int = 0) -> Task:
    """The task of `world`; `name` and `seed` give everything that is drawn."""
    salt = f"{name}/{seed}"
    rng = random.Random(f"records/{salt}")
    in_force = houses(world.demands, rng)
    rows = make_rows(TRAIN + VAL + TEST, world.demands, in_force, world.first_desk, rng)
    examples = [_example(row) for row in rows]
    best = {kind: best_text(kind, house, salt, world.clerk.weakest) for kind, house in in_force.items()}
    return Task(
        name=name,
        program=partial(RecordProgram, starting_texts(world, best, rng)),
        metric=RecordMetric(tuple(in_force), world.scoring, salt, world.judge_noise),
        train=examples[:TRAIN],
        val=examples[TRAIN : TRAIN + VAL],
        test=examples[TRAIN + VAL :],
        task_role=Clerk(salt, world.clerk),
        reflection_role=Reflector(RecordCurriculum(world.reflector)),
        best_instructions=best,
    )


def starting_texts(world: WorldSpec, best: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    """The seed prompt by kind: plain, with harmful sentences, or as good as can be."""
    if world.start == "best":
        return dict(best)
    texts = {kind: plain_text(kind) for kind in best}
    if world.start == "harmed":
        for kind, text in texts.items():
            harms = rng.sample(HARMS, world.harms)
            texts[kind] = "\n".join([text, *(rng.choice(harm.wordings) for harm in harms)])
    return texts


def plain_text(kind: str) -> str:
    """An instruction that asks for nothing in particular."""
    return f"Give the {kind} of the record."


def best_text(kind: str, house: House, salt: str, weakest: float) -> str:
    """All conventions in force, each in its strongest wording, those of one desk for that desk."""

    def asked(convention: Convention, frame: str) -> str:
        texts = [frame.format(text[0].lower() + text[1:]) if frame else text for text in convention.wordings]
        return max(texts, key=lambda text: strength(salt, text, weakest))

    only = f"For records of the {DESKS[0]} desk only, {{}}"
    return "\n".join(
        [
            plain_text(kind),
            *(asked(convention, "") for convention in house.general),
            *(asked(convention, only) for convention in house.scoped),
        ]
    )


def _example(row: Row) -> dspy.Example:
    wanted: dict[str, Any] = {output_field(kind): value for kind, value in row.wanted.items()}
    return dspy.Example(record=row.record, **wanted).with_inputs("record")
