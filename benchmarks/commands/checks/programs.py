"""A task's program and feedback, with simulated models: predictors are reached, instructions matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import dspy

from benchmarks.commands.checks.check import Check
from benchmarks.tasks.task import Task

ROWS = 40
# Predictors of the paper's programs.
PREDICTORS = {"aime": 1, "hotpotqa": 4, "hover": 4, "ifbench": 2, "livebench_math": 1, "pupa": 2}


@dataclass(frozen=True)
class Played:
    """Programs run on rows: their scores, and how many runs did each thing that all should do."""

    scores: tuple[float, ...]
    reached: int
    told: int


def check(task: Task) -> Iterator[Check]:
    """Predictors, runs of the seed program and of the hand-made one on validation rows, feedback for each."""
    program = task.program()
    if task.name in PREDICTORS:
        wanted, there = PREDICTORS[task.name], len(program.predictors())
        yield Check(f"the program has the paper's {wanted} predictors", 1, int(there == wanted))
    rows = task.val[:ROWS]
    seed, best = play(task, program, rows), play(task, task.best_program(), rows)
    both = 2 * len(rows)
    yield Check("runs that called every predictor", both, seed.reached + best.reached)
    yield Check("runs that got feedback for every predictor", both, seed.told + best.told)
    proper = [score for score in (*seed.scores, *best.scores) if 0.0 <= score <= 1.0]
    yield Check("scores between 0 and 1", both, len(proper))
    low, high = fmean(seed.scores), fmean(best.scores)
    note = f"{low:.3f} and {high:.3f}, simulated LM"
    yield Check("hand-made instructions score more than the seed program's", 1, int(low < high), note)


def play(task: Task, program: dspy.Module, rows: Sequence[dspy.Example]) -> Played:
    """Run a program on rows with a simulated model; a run that raises counts for nothing, and scores 0."""
    scores, reached, told = [], 0, 0
    names = [name for name, _ in program.named_predictors()]
    for row in rows:
        with dspy.context(lm=task.task_lm(), trace=[]):
            try:
                prediction = program(**row.inputs())
            except Exception:  # any failure of a program is a failed run; the counts tell
                scores.append(0.0)
                continue
            trace = dspy.settings.trace
            scores.append(float(task.metric(row, prediction).score))
            reached += {id(step[0]) for step in trace} >= {id(p) for p in program.predictors()}
            feedback = [
                task.metric(row, prediction, trace, name, [s for s in trace if s[0] is predictor]).feedback
                for name, predictor in program.named_predictors()
            ]
            told += len([text for text in feedback if text]) == len(names)
    return Played(tuple(scores), reached, told)
