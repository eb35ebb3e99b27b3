"""Picks the scorer of a LiveBench-Math question."""

from __future__ import annotations

from typing import Literal

from benchmarks.scorers.livebench.choice import score_choice
from benchmarks.scorers.livebench.expression import Ask, score_expression
from benchmarks.scorers.livebench.proof import score_proof
from benchmarks.scorers.livebench.reading import without_thoughts
from benchmarks.scorers.livebench.whole_number import score_whole_number
from benchmarks.scorers.livebench.workers import Comparer
from benchmarks.scorers.verdict import StopsError, Verdict

Kind = Literal["choice", "whole number", "proof", "expression"]


def kind_of(task: str, subtask: str) -> Kind:
    """The kind of a question, from its fields `task` and `subtask`. Raises ValueError for unknown ones."""
    if task == "AMPS_Hard":
        return "expression"
    if task == "olympiad":
        return "proof"
    if task == "math_comp" and "aime" in subtask:
        return "whole number"
    if task == "math_comp" and ("amc" in subtask or "smc" in subtask):
        return "choice"
    raise ValueError(
        f"No scorer for LiveBench task {task!r}, subtask {subtask!r}: known are AMPS_Hard, olympiad, and "
        "math_comp with amc, smc or aime in the subtask."
    )


def score(
    kind: Kind,
    *,
    truth: str,
    answer: str,
    question: str,
    workers: Comparer | None = None,
    ask: Ask | None = None,
) -> Verdict:
    """The verdict on `answer`, between 0 and 1, without what it holds in `<think>` tags.

    workers, ask: see `score_expression`. Raises ValueError for a truth that its kind cannot have.
    """
    answer = without_thoughts(answer)
    try:
        if kind == "choice":
            return score_choice(truth, answer, question)
        if kind == "whole number":
            return score_whole_number(truth, answer)
        if kind == "proof":
            return score_proof(truth, answer)
        return score_expression(truth, answer, workers, ask)
    except StopsError as stop:
        return Verdict(0.0, None, f"LiveBench's scorer raises on it, because {stop}")
