"""How code is judged: loaded, compared with a reference, timed on arguments that are new to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.sandbox.candidate import Args, Called, difference
from benchmarks.sandbox.judge import NOISE, Outcome, judge
from benchmarks.sandbox.report import MOST_CHARS, CaseResult, Job, Report
from tests.benchmarks.support_lines import run_here

CASES = """
import numpy as np

def cases(rng):
    return {"some": (np.arange(3.0),), "none": (np.zeros(0),)}

def load(rng):
    return (rng.random(5),)
"""
REFERENCE = "def twice(x):\n    return x * 2\n"


def job(candidate: str, repeats: int = 1, cases: str = CASES) -> Job:
    return Job("twice", candidate, REFERENCE, cases, repeats)


def report(candidate: str, *seconds: float, repeats: int = 1, outside: float = 0.0) -> Report:
    """The report when timed calls of both take so many seconds in turn, by the clock beside them."""
    timed: Iterator[float] = iter(seconds or (1.0,) * 2 * repeats)

    def run(source: str, function: str, draw: Callable[[], Sequence[Args]]) -> Outcome:
        found = run_here(lambda: 0.0, source, function, draw)
        if len(found.calls) != 2:  # the cases, which nobody times
            return found
        inner = next(timed)
        more = outside if source == candidate else 0.0
        calls = [replace(call, seconds=inner, outside=inner + more) for call in found.calls]
        return Outcome(calls=tuple(calls))

    return judge(job(candidate, repeats), run)


def said(candidate: str) -> dict[str, str]:
    return {case.name: case.said for case in report(candidate).cases}


def test_right_code_is_timed_beside_the_reference() -> None:
    found = report(REFERENCE, 2.0, 8.0)
    assert found.cases == (CaseResult("some", True), CaseResult("none", True))
    assert (found.error, found.seconds, found.reference_seconds, found.speedup) == ("", 2.0, 8.0, 4.0)


def test_the_best_of_several_times_counts() -> None:
    found = report(REFERENCE, 5.0, 9.0, 2.0, 7.0, 4.0, 6.0, repeats=3)
    assert (found.seconds, found.reference_seconds) == (2.0, 6.0)


def test_every_timed_call_has_arguments_that_no_call_before_had() -> None:
    seen: list[bytes] = []

    def run(source: str, function: str, draw: Callable[[], Sequence[Args]]) -> Outcome:
        found = run_here(lambda: 0.0, source, function, draw)
        if source != REFERENCE:
            seen.extend(np.asarray(call.result).tobytes() for call in found.calls)
        return found

    judge(job(REFERENCE + "\n", repeats=4), run)
    assert len(set(seen)) == len(seen) == 2 + 1 + 4 * 2  # the cases, the larger input, 4 with a warm-up


def test_a_load_that_is_always_the_same_cannot_be_timed() -> None:
    fixed = CASES.replace("rng.random(5)", "np.arange(5.0)")
    found = judge(job(REFERENCE, cases=fixed), lambda *run: run_here(lambda: 0.0, *run))
    assert found.error == "it cannot be timed: load(rng) gives the same arguments whatever rng is"


def test_wrong_code_is_not_timed() -> None:
    found = report("def twice(x):\n    return x + 1\n")
    assert found.speedup is None
    assert found.cases[0] == CaseResult("some", False, "1 where 0 was expected, at index (0,)")
    assert found.share_right == 0.5


def test_what_remembers_results_of_the_cases_is_found_out_when_it_is_timed() -> None:
    source = (
        "known = {}\ndef twice(x):\n    known.setdefault(x.shape, x * 2)\n    return known[x.shape].copy()\n"
    )
    found = report(source)
    assert found.speedup is None
    assert found.cases[-1] == CaseResult(
        "a larger input that is new to it", False, "was wrong when it was timed"
    )


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


def test_what_a_case_raises_is_reported_with_its_line() -> None:
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
    lazy = report("def twice(x):\n    return x * 2 if len(x) < 5 else x * 0\n")
    assert lazy.cases[-1].name == "the larger input"
    assert not lazy.cases[-1].right
    assert (lazy.speedup, lazy.share_right) == (None, 2 / 3)
    source = "def twice(x):\n    if len(x) > 4:\n        raise ValueError('too long')\n    return x * 2\n"
    assert said(source)["the larger input"] == "raised ValueError: too long in line 3"


def test_a_failure_while_it_is_timed_is_reported() -> None:
    source = (
        "calls = []\ndef twice(x):\n    calls.append(x)\n"
        "    return x * 2 if len(x) < 5 or len(calls) > 2 else 1 // 0\n"
    )
    told = report(source).cases[-1].said
    assert told.startswith("was wrong when it was timed: raised ZeroDivisionError")


def test_results_are_copied_within_the_time_so_that_lazy_ones_gain_nothing() -> None:
    source = (
        "class Later:\n    def __init__(self, x):\n        self.x = x\n"
        "    def __array__(self, *a, **k):\n        return slow(self.x)\n"
        "ticks = [0]\ndef slow(x):\n    ticks[0] += 1\n    return x * 2\ndef twice(x):\n    return Later(x)\n"
    )
    found = run_here(lambda: 0.0, source, "twice", lambda: [(np.arange(3.0),)])
    assert difference(found.calls[0].result, np.arange(3.0) * 2) == ""


def test_time_that_passes_outside_counts_though_the_clock_beside_it_hides_it() -> None:
    assert report(REFERENCE + "\n", 1e-9, 8.0, outside=NOISE).speedup == pytest.approx(8e9)
    assert report(REFERENCE + "\n", 1e-9, 8.0, outside=4.0).speedup == pytest.approx(2.0, rel=1e-3)


def test_other_work_on_the_machine_is_no_fault_where_it_meets_the_reference_too() -> None:
    waits = iter([0.5, 0.4, 0.6, 0.0, 0.9, 0.7])  # of the candidate and of the reference in turn

    def run(source: str, function: str, draw: Callable[[], Sequence[Args]]) -> Outcome:
        found = run_here(lambda: 0.0, source, function, draw)
        wait = next(waits) if len(found.calls) == 2 else 0.0
        return Outcome(calls=tuple(replace(call, seconds=1.0, outside=1.0 + wait) for call in found.calls))

    assert judge(job(REFERENCE + "\n", repeats=3), run).speedup == pytest.approx(1.0, rel=0.11)


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
def test_differences_are_shown_in_words(found: object, expected: object, fault: str) -> None:
    assert difference(found, expected) == fault


def test_results_that_are_no_numbers_are_wrong() -> None:
    assert said("def twice(x):\n    return None\n")["some"] == (
        "gave values of type object, which are no numbers"
    )


def test_a_report_comes_back_as_it_was_and_nothing_else_is_taken_for_one() -> None:
    whole = Report("", (CaseResult("a", False, "b"),), 1.0, 2.0)
    assert Report.from_json(whole.to_json()) == whole
    for text in ("", "[]", "{}", '{"error": ""}', whole.to_json().replace("1.0", "NaN"), "[" * 100_000):
        with pytest.raises(ValueError, match=r"report|JSON|Expecting"):
            Report.from_json(text)


@pytest.mark.parametrize("kind", ["array", "tuple"])
def test_the_outcome_of_a_call_comes_back_as_it_was(kind: str) -> None:
    arrays = (np.arange(6.0).reshape(2, 3), np.array([True]))
    sent = Called(result=arrays if kind == "tuple" else arrays[0], changed=True, seconds=0.5)
    back = Called.from_json(sent.to_json().encode(), 0.7)
    assert (back.changed, back.seconds, back.outside) == (True, 0.5, 0.7)
    assert difference(back.result, sent.result) == ""


@pytest.mark.parametrize(
    "change",
    [
        ("<f8", "|O8"),
        ("<f8", "<f9999999999"),
        ("[3]", "[4]"),
        ("[3]", "[-1, 99999999999999999999]"),
        ("0.5", "-1.0"),
        ('"parts"', '"part"'),
    ],
    ids=str,
)
def test_an_outcome_that_was_tampered_with_is_none(change: tuple[str, str]) -> None:
    sent: Any = Called(result=np.arange(3.0), seconds=0.5).to_json()
    assert change[0] in sent
    with pytest.raises(ValueError, match=r"\w"):
        Called.from_json(sent.replace(*change).encode(), 0.0)
