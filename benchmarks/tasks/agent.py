"""The agent task: answer questions about a warehouse with tools, whose descriptions are improved.

The program is a plain `dspy.ReAct` with six tools. Their names and first descriptions say little: two of them
look something up, two move a date, one wants symbols of units, one operators. What they are for, how their
arguments are spelled and in which units their tables count can only be told by descriptions and instructions.

Data: generated from a seed, 60 train, 60 validation and 120 test rows; licence: that of this repository.

A row looks like this (made up):
    question: "What do 7 pieces of item kx204 weigh together, in pounds?"   answer: "52.47 lb"
    kind: "weight"   code: "KX-204"   order: ""
"""

from __future__ import annotations

import random
from functools import partial

import dspy

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.agent import AgentCurriculum, AgentWorker
from benchmarks.tasks import depot
from benchmarks.tasks.agent_metric import DeskMetric
from benchmarks.tasks.agent_rows import Row, make_depot, make_rows
from benchmarks.tasks.task import Task
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.components.selection import select

TRAIN, VAL, TEST = 60, 60, 120
MOST_CALLS = 6
INSTRUCTIONS = "Answer the question with the help of the tools."


def load(seed: int = 0) -> Task:
    """The task over the warehouse of `seed`."""
    rng = random.Random(f"agent/{seed}")
    tables = make_depot(rng)
    rows = [_example(row) for row in make_rows(tables, TRAIN + VAL + TEST, rng)]
    rng.shuffle(rows)
    return Task(
        name="agent",
        program=partial(make_agent, tables),
        metric=DeskMetric(tables),
        train=rows[:TRAIN],
        val=rows[TRAIN : TRAIN + VAL],
        test=rows[TRAIN + VAL :],
        task_role=AgentWorker(Knobs(noise=0.01, restless=0.1, difficulty=0.1, dilution=0.3)),
        reflection_role=Reflector(AgentCurriculum()),
        best_instructions=best_texts(make_agent(tables)),
        optimize=("instructions", "tools"),
    )


def make_agent(tables: depot.Depot) -> dspy.Module:
    """The agent, as somebody in a hurry describes its tools."""
    tools = [
        dspy.Tool(tables.fetch, name="fetch", desc="Fetches a record.", arg_desc={"key": "The key."}),
        dspy.Tool(tables.find, name="find", desc="Finds a record.", arg_desc={"key": "The key."}),
        dspy.Tool(depot.convert, name="convert", desc="Converts a value."),
        dspy.Tool(depot.shift, name="shift", desc="Moves a date."),
        dspy.Tool(depot.due, name="due", desc="Gives a date."),
        dspy.Tool(depot.calculate, name="calculate", desc="Calculates."),
    ]
    return dspy.ReAct(dspy.Signature("question -> answer", INSTRUCTIONS), tools=tools, max_iters=MOST_CALLS)


def _example(row: Row) -> dspy.Example:
    return dspy.Example(
        question=row.question, answer=row.answer, kind=row.kind, code=row.code, order=row.order
    ).with_inputs("question")


def best_texts(program: dspy.Module) -> dict[str, str]:
    """Hand-made texts for the agent, by component."""
    first = read_candidate(program, select(("instructions", "tools"), ()))
    return {**_BEST, "react": f"{first['react']}\n{_MANNERS}"}


_MANNERS = "Leave every multiplication to a tool. Finish only when everything that is needed is known."
_ANSWER = f"{INSTRUCTIONS}\nGive the bare value with its unit or currency and nothing else."
_KEYS = {
    "fetch": "The code: two capitals, a hyphen, three digits, such as 'KX-204'.",
    "find": "The number with six digits, such as '000417'; put leading zeros in front.",
}
_DAY = "The day in ISO form, YYYY-MM-DD."
_BEST = {
    "react/tools/fetch": (
        "Looks up an item of the catalogue by its code. Prices are in cents. Weights are in grams. "
        "Widths are in millimetres."
    ),
    "react/tools/find": "Looks up an order by its number.",
    "react/tools/shift": "Moves a date by calendar days.",
    "react/tools/due": "Moves a date by working days.",
    "react/tools/calculate": "Calculates. Use it for every multiplication.",
    "react/tools/fetch/args/key": _KEYS["fetch"],
    "react/tools/find/args/key": _KEYS["find"],
    "react/tools/convert/args/source": "The symbol of the unit it is in, such as 'mm'.",
    "react/tools/convert/args/target": "The symbol of the unit wanted, such as 'lb'.",
    "react/tools/shift/args/day": _DAY,
    "react/tools/due/args/day": _DAY,
    "react/tools/calculate/args/expression": "Numbers and the operators + - * /, such as 12 * 34.",
    "extract.predict": _ANSWER,
}
