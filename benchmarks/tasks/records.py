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
from functools import partial
from typing import Any

import dspy

from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.records import Clerk, RecordCurriculum
from benchmarks.simulated.worlds.records.catalogue import output_field
from benchmarks.simulated.worlds.records.conventions import HARMS, Convention
from benchmarks.simulated.worlds.records.faults import DESKS
from benchmarks.simulated.worlds.records.reading import strength
from benchmarks.simulated.worlds.records.rows import House, Row, houses, make_rows
from benchmarks.tasks.record_metric import RecordMetric
from benchmarks.tasks.task import Task
from benchmarks.tasks.worlds import WorldSpec

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
