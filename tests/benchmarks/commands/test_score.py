"""The score command: a verdict for each row, and the agreement with official ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.commands.score import score


def row(truth: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"task": "math_comp", "subtask": "aime_i_2024", "truth": truth, "answer": answer, **more}


def scored(rows: list[dict[str, Any]], *options: str) -> Result:
    text = "\n".join(json.dumps(row) for row in rows)
    return CliRunner().invoke(score, ["livebench_math", "-", *options], input=text)


def test_each_row_has_a_verdict_that_says_what_was_read() -> None:
    done = scored([row("042", "It is 1042"), row("042", "42")])
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(v["line"], v["of"], v["score"]) for v in verdicts] == [
        (1, "whole number", 1.0),
        (2, "whole number", 0.0),
    ]
    assert (verdicts[0]["read"], verdicts[1]["read"]) == ("042", "42")
    assert done.exit_code == 0
    assert "No row has an official verdict" in done.stderr


def test_official_verdicts_are_compared_and_a_difference_fails() -> None:
    rows = [row("042", "042", official=1.0), row("042", "7", official=1)]
    done = scored(rows)
    assert [json.loads(line)["agrees"] for line in done.stdout.splitlines()] == [True, False]
    assert "1 of 2 rows agree" in done.stderr
    assert "whole number: 1 rows differ" in done.stderr
    assert done.exit_code == 1
    assert scored(rows[:1]).exit_code == 0


def test_the_verdict_under_the_name_of_the_rule_set_comes_first() -> None:
    rows = [row("042", "042", official=0, today=1.0)]
    assert scored(rows, "--rules", "today").exit_code == 0
    assert scored(rows).exit_code == 1


def test_constraints_are_judged_by_the_rules_that_were_chosen() -> None:
    rows = [
        {
            "constraint": "format:title_case",
            "kwargs": {},
            "answer": "A Dog a Day",
            "paper": True,
            "today": False,
        },
        {"constraint": "format:emoji", "kwargs": {}, "answer": "?!", "paper": False, "today": False},
    ]
    text = "\n".join(map(json.dumps, rows))
    for rules, noted in (("paper", True), ("today", False)):
        done = CliRunner().invoke(score, ["ifbench", "-", "--rules", rules], input=text)
        assert done.exit_code == 0
        assert f"2 of 2 rows agree with the official verdict, by the rules {rules}" in done.stderr
        assert ("raises" in done.stdout) is noted


def test_a_line_that_is_no_row_is_named() -> None:
    good = json.dumps(row("042", "042"))
    for bad, told in (("{", "Line 2"), ("[]", "Line 2"), ('{"task": "AMPS_Hard"}', "subtask")):
        done = CliRunner().invoke(score, ["livebench_math", "-"], input=f"{good}\n{bad}\n")
        assert done.exit_code == 1
        assert told in done.stderr


def test_a_judge_is_for_the_rules_of_today_alone() -> None:
    done = scored([row("042", "042")], "--judge-lm", "openai/x")
    assert done.exit_code == 2
    assert "--rules today" in done.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"\xff\xfe", "can't decode"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "indices"),
        (b'{"task": "math_comp"', "Expecting"),
        (json.dumps(row("042", "042", official=7)).encode(), "its official verdict is 7"),
        (json.dumps(row("042", "042", official="NaN")).encode(), "its official verdict is 'NaN'"),
    ],
    ids=["bytes", "nested", "list", "cut off", "seven", "no number"],
)
def test_a_line_that_is_no_row_is_refused_with_its_number(line: bytes, told: str) -> None:
    text = json.dumps(row("042", "042")).encode() + b"\r\n\n" + line
    done = CliRunner().invoke(score, ["livebench_math", "-"], input=text)
    assert done.exit_code == 1
    assert "Error: Line 3 is no row of livebench_math" in done.stderr
    assert told in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_half_a_character_is_escaped_and_a_byte_order_mark_passed_over() -> None:
    text = b"\xef\xbb\xbf" + json.dumps(row("042", "\\boxed{\ud800}", task="AMPS_Hard")).encode()
    done = CliRunner().invoke(score, ["livebench_math", "-"], input=text, catch_exceptions=False)
    assert json.loads(done.stdout)["read"] == "\ud800"
