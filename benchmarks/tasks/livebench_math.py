r"""LiveBench-Math: contest questions, proofs to put in order and exercises, each with a scorer of its kind.

Data: https://huggingface.co/datasets/livebench/math (368 questions as of July 2025), White et al. 2024,
https://livebench.ai. Licence: Apache-2.0 for the repository; none is stated for the questions.

Split rule (the paper's): shuffled by `random.Random(0)`, cut at 33 % and 66 % into train, validation and
test.

Local files: livebench_math/train.jsonl, val.jsonl and test.jsonl, with their own splits. Beware of leaks: of
50 questions there is an updated twin, which may fall into another split; `verify --leaks` counts them.

A row looks like this (made up):
    turns: ["Compute the variance of ${2, 4}$. Please put your final answer in a $\boxed{}$."]
    ground_truth: "2"   task: "AMPS_Hard"   subtask: "amps_hard_variance"
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from benchmarks.scorers.livebench.expression import Ask
from benchmarks.scorers.livebench.score import kind_of, score
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import Verdict
from benchmarks.simulated import AnswerKey
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.maths import MATHS, Solver
from benchmarks.tasks.data import Expected, Fetch, HubSet, Row, folder_of, read_files, read_hub, recut
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.task import Task

HUB = HubSet(
    "livebench/math", "bb66571c8ccf32d3df9e6f48b920d3770ff4aacb", split="test", expected=Expected(368)
)
CUTS = (0.33, 0.66)

QUESTION = dspy.Signature(
    "question -> answer", "Solve the question and give the answer in the correct format."
)
BEST_INSTRUCTIONS = {
    "predict": (
        "Restate what is asked before you answer. First sketch the approach, then carry it out. Consider "
        "every case, edge cases too. Verify the result by substituting it back. For multiple choice, write "
        "the letter five times in a row. If three digits are wanted, give all three digits. Give lists of "
        r"expressions as numbers separated by commas. Put the final expression in \boxed{}. "
        "Give the exact value."
    )
}
EQUIVALENT = "Does the first LaTeX expression equal the second one, or its negative? Answer yes or no."
_WANTED = {
    "choice": "the letter of one option, written five times",
    "whole number": "a whole number of three digits at the very end",
    "proof": "a list of expression numbers, separated by commas, one for each missing part in order",
    "expression": r"an expression in \boxed{}",
}


def metric(
    gold: dspy.Example,
    pred: Any,
    trace: Any = None,
    pred_name: str | None = None,
    pred_trace: Any = None,
    *,
    ask: Ask | None = None,
) -> dspy.Prediction:
    """LiveBench's score of the answer, 0 to 1; `gold` needs question, truth and kind.

    ask: what LiveBench asks today where sympy does not find two expressions equal; None for the paper's rule.
    """
    given = text_of(pred, "answer")
    if given is None:
        feedback = f"Wrong: there was no answer. The correct answer is '{gold.truth}'."
        return dspy.Prediction(score=0.0, feedback=feedback)
    verdict = score(gold.kind, truth=gold.truth, answer=given, question=gold.question, ask=ask)
    return dspy.Prediction(score=verdict.score, feedback=feedback_on(gold, verdict))


def feedback_on(gold: dspy.Example, verdict: Verdict) -> str:
    """What was read as the answer and where, the truth, and what the form should have been."""
    wanted = f"The question wants {_WANTED[gold.kind]}."
    if verdict.found is None:
        why = f" ({verdict.note})" if verdict.note else ""
        return f"Wrong: no answer could be read{why}. {wanted} The correct answer is '{gold.truth}'."
    read = f"'{verdict.found.text[:300]}' was read from {verdict.found.place}"
    note = f" and {verdict.note}" if verdict.note else ""
    if verdict.score == 1.0:
        return f"Correct: {read}."
    if verdict.score > 0.0:
        share = f"{verdict.score:.0%} of it is as it should be"
        return f"Wrong in part: {read}{note}; {share}. The correct answer is '{gold.truth}'. {wanted}"
    return f"Wrong: {read}{note}. The correct answer is '{gold.truth}'. {wanted}"


def asking(lm: dspy.LM) -> Ask:
    """Asks `lm` whether two expressions are equivalent, or negatives of each other: yes or no."""

    def ask(truth: str, answer: str) -> bool:
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter(), trace=[]):
            (reply,) = lm(f"{EQUIVALENT}\n{truth}\n{answer}")
        text = reply["text"] if isinstance(reply, dict) else reply
        return str(text).strip().lower().startswith("yes")

    return ask


def load(
    data_dir: str | Path | None = None,
    seed: int = 0,
    hub: Fetch = HUB,
    *,
    rules: Rules = "paper",
    judge: dspy.LM | None = None,
) -> Task:
    """The LiveBench-Math task.

    data_dir: directory that holds livebench_math/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the hub's rows when there is no directory.
    rules: the scorer's rule set.
    judge: by the rules of today, the model that is asked where sympy does not find two expressions equal;
        None takes them for different.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    folder = folder_of("livebench_math", data_dir)
    if folder:
        splits = read_files(folder, ["train", "val", "test"])
    else:
        splits = hub_splits(read_hub("livebench_math", hub))
    return build(recut(splits, seed), asking(judge) if judge is not None and rules == "today" else None)


def hub_splits(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The paper's splits of the hub's rows."""
    shuffled = list(rows)
    random.Random(0).shuffle(shuffled)
    first, second = (int(cut * len(shuffled)) for cut in CUTS)
    return {"train": shuffled[:first], "val": shuffled[first:second], "test": shuffled[second:]}


def build(splits: Mapping[str, Sequence[Row]], ask: Ask | None = None) -> Task:
    """The task over `splits` (train, val, test); for `ask` see `metric`."""
    examples = {name: [example_of(row) for row in rows] for name, rows in splits.items()}
    key = AnswerKey.of((row.question, row.truth, ()) for rows in examples.values() for row in rows)
    return Task(
        name="livebench_math",
        program=partial(dspy.ChainOfThought, QUESTION),
        metric=metric if ask is None else partial(metric, ask=ask),
        train=examples["train"],
        val=examples["val"],
        test=examples["test"],
        task_role=Solver(key),
        reflection_role=Reflector(MATHS),
        best_instructions=BEST_INSTRUCTIONS,
    )


def example_of(row: Row) -> dspy.Example:
    """A DSPy example: input `question`; `truth` and `kind` (see `benchmarks.scorers.livebench.score`)."""
    truth = row["ground_truth"]
    if isinstance(truth, list):  # of the forms of one expression, of which LiveBench takes the last
        truth = truth[-1]
    return dspy.Example(
        question=row["turns"][0], truth=truth, kind=kind_of(row["task"], row["subtask"])
    ).with_inputs("question")
