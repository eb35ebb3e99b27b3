"""How code is judged: compiled, compared with a reference, timed by whatever clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.sandbox.harness import difference, judge
from benchmarks.sandbox.report import MOST_CHARS, CaseResult, Job, Report

CASES = """
import numpy as np

def cases(rng):
    return {"some": (np.arange(3.0),), "none": (np.zeros(0),)}

def load(rng):
    return (np.arange(5.0),)
"""
REFERENCE = "def twice(x):\n    return x * 2\n"


def ticking(*steps: float) -> Iterator[float]:
    """What a clock shows when calls take so many seconds, one after another."""
    now = 0.0
    for step in steps:
        yield now
        now += step
        yield now


def report(candidate: str, *seconds: float, repeats: int = 1) -> Report:
    clock = ticking(*(seconds or (1.0, 1.0)))
    return judge(Job("twice", candidate, REFERENCE, CASES, repeats), lambda: next(clock))


def said(candidate: str) -> dict[str, str]:
    return {case.name: case.said for case in report(candidate).cases}


def test_right_code_is_timed_beside_the_reference() -> None:
    found = report(REFERENCE, 2.0, 8.0)
    assert found.cases == (CaseResult("some", True), CaseResult("none", True))
    assert (found.error, found.seconds, found.reference_seconds, found.speedup) == ("", 2.0, 8.0, 4.0)


def test_the_best_of_several_times_counts() -> None:
    found = report(REFERENCE, 5.0, 9.0, 2.0, 7.0, 4.0, 6.0, repeats=3)
    assert (found.seconds, found.reference_seconds) == (2.0, 6.0)


def test_wrong_code_is_not_timed() -> None:
    found = report("def twice(x):\n    return x + 1\n")
    assert found.speedup is None
    assert found.cases[0] == CaseResult("some", False, "1 where 0 was expected, at index (0,)")
    assert found.share_right == 0.5


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def twice(x:\n  return x", "SyntaxError: "),
        ("def thrice(x):\n  return x", "it defines no function 'twice'"),
        ("twice = 3", "it defines no function 'twice'"),
        ("x = 1\ny = missing", "NameError: name 'missing' is not defined in line 2"),
        ("import os", "ImportError: 'os' may not be imported here, only "),
        ("import numpy.ctypeslib\nimport ctypes", "ImportError: 'ctypes' may not be imported"),
        ("open('x')", "NameError: name 'open' is not defined in line 1"),
        ("eval('1')", "NameError: name 'eval' is not defined"),
    ],
)
def test_code_that_cannot_be_run_is_an_error_with_its_line(source: str, error: str) -> None:
    assert error in report(source).error


@pytest.mark.parametrize("module", ["numpy", "math", "itertools", "functools", "collections"])
def test_modules_for_computing_can_be_imported(module: str) -> None:
    assert report(f"import {module}\n{REFERENCE}").error == ""


def test_what_a_case_raises_is_told_with_its_line() -> None:
    told = said("def twice(x):\n    y = x[0]\n    return x * 2\n")
    assert told["none"].startswith("raised IndexError: ")
    assert told["none"].endswith(" in line 2")
    assert told["some"] == ""


def test_code_that_changes_its_arguments_is_wrong() -> None:
    assert said("def twice(x):\n    x *= 2\n    return x\n")["some"] == "it changed its arguments"


def test_no_case_sees_what_another_did_to_the_arguments() -> None:
    source = "def twice(x):\n    result = x * 2\n    x[:] = 9\n    return result\n"
    assert said(source) == {"some": "it changed its arguments", "none": ""}


def test_what_is_timed_has_to_be_right_too() -> None:
    lazy = report("def twice(x):\n    return x * 2 if len(x) < 5 else x\n")
    assert lazy.cases[-1] == CaseResult("the larger input", False, "1 where 2 was expected, at index (1,)")
    assert (lazy.speedup, lazy.share_right) == (None, 2 / 3)
    source = "def twice(x):\n    if len(x) > 4:\n        raise ValueError('too long')\n    return x * 2\n"
    assert said(source)["the larger input"] == "raised ValueError: too long in line 3"


def test_a_failure_while_it_is_timed_is_an_error() -> None:
    source = (
        "calls = []\ndef twice(x):\n    calls.append(x)\n    return x * (2 if len(calls) < 4 else 1 // 0)\n"
    )
    assert report(source).error.startswith("when it was timed it raised ZeroDivisionError")


def test_words_from_untrusted_code_are_cut_and_cleaned() -> None:
    source = "def twice(x):\n    raise ValueError('a\\n\\x1b[31m' + 'b' * 5000)\n"
    told = said(source)["some"]
    assert len(told) <= MOST_CHARS + 4
    assert "\n" not in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("found", "expected", "fault"),
    [
        (np.arange(3), np.arange(3.0), ""),
        ([1.0, np.nan], np.array([1.0, np.nan]), ""),
        (np.array([1.0 + 1e-9]), np.array([1.0]), ""),
        (np.zeros((2, 1)), np.zeros(2), "shape (2, 1) where (2,) was expected"),
        (None, np.zeros(()), "values of type object where float64 was expected"),
        (np.array([np.inf]), np.array([1.0]), "inf where 1 was expected, at index (0,)"),
        (np.zeros(1), (np.zeros(1), np.zeros(1)), "gave ndarray where a tuple of 2 was expected"),
        (
            (np.zeros(1), np.ones(1)),
            (np.zeros(1), np.zeros(1)),
            "part 1: 1 where 0 was expected, at index (0,)",
        ),
    ],
)
def test_differences_are_told_in_words(found: object, expected: object, fault: str) -> None:
    assert difference(found, expected) == fault


def test_a_report_comes_back_as_it_was_and_nothing_else_is_taken_for_one() -> None:
    whole = Report("", (CaseResult("a", False, "b"),), 1.0, 2.0)
    assert Report.from_json(whole.to_json()) == whole
    for text in ("", "[]", "{}", '{"error": ""}', whole.to_json().replace("1.0", "NaN"), "[" * 100_000):
        with pytest.raises(ValueError, match=r"report|JSON|Expecting"):
            Report.from_json(text)
