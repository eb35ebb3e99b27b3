"""Which scorer a question goes to."""

from __future__ import annotations

import pytest

from benchmarks.commands.checks.official import VERDICTS, agreement
from benchmarks.scorers.livebench.score import Kind, kind_of, score
from benchmarks.scorers.rows import judge


@pytest.mark.parametrize(
    ("task", "subtask", "kind"),
    [
        ("math_comp", "amc_12a_2023", "choice"),
        ("math_comp", "updated_amc_12b_2023", "choice"),
        ("math_comp", "smc", "choice"),
        ("math_comp", "aime_i_2024", "whole number"),
        ("olympiad", "usamo", "proof"),
        ("AMPS_Hard", "amps_hard_gcd", "expression"),
    ],
)
def test_tasks_have_their_scorers(task: str, subtask: str, kind: Kind) -> None:
    assert kind_of(task, subtask) == kind


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'integrals_with_game'.*AMPS_Hard, olympiad"):
        kind_of("integrals_with_game", "x")
    with pytest.raises(ValueError, match="'putnam'"):
        kind_of("math_comp", "putnam")


@pytest.mark.parametrize(
    ("kind", "truth", "answer"),
    [
        ("choice", "B", "BBBBB"),
        ("whole number", "007", "It is 007"),
        ("proof", "2,1", "Answer: 2, 1"),
        ("expression", "x", r"\boxed{x}"),
    ],
)
def test_every_kind_is_scored_by_its_scorer(kind: Kind, truth: str, answer: str) -> None:
    assert score(kind, truth=truth, answer=answer, question="?").score == 1.0
    empty = score(kind, truth=truth, answer="", question="?")
    assert (empty.score, empty.found) == (0.0, None)


def test_the_verdicts_are_the_official_ones() -> None:
    lines = (VERDICTS / "livebench_math.jsonl").read_bytes().splitlines()
    judged = list(judge("livebench_math", [line for line in lines if b"AMPS" not in line], "paper"))
    assert [row for row in judged if not row.agrees] == []
    assert len(judged) > 120


@pytest.mark.slow
def test_the_verdicts_on_expressions_are_the_official_ones_too() -> None:
    (check,) = agreement("livebench_math", ["paper"])
    assert check.ok, check
    assert check.cases > 200


def test_thoughts_are_no_part_of_an_answer() -> None:
    assert score("choice", truth="B", answer="<think>AAAA</think>BBBB", question="").score == 1.0
    assert score("choice", truth="A", answer="<think>AAAA\n</think>BBBB", question="").score == 0.0
