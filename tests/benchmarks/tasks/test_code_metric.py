"""The code tasks' metric and kernels, judged without a clock where they are Python."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from importlib import util
from typing import Any

import dspy
import pytest

from benchmarks.sandbox import CaseResult, Job, Report, Sandbox
from benchmarks.sandbox.native import compiler
from benchmarks.simulated.worlds.coder.rewriting import C_VERSIONS, VERSIONS
from benchmarks.simulated.worlds.coder.version import Version
from benchmarks.tasks import DataNotFound, code
from benchmarks.tasks.code_metric import KernelMetric, doublings, in_words, job_of, score_of
from benchmarks.tasks.kernels import C_LAYERS, KERNELS, LAYERS, Kernel
from tests.benchmarks.support_lines import judge_by_lines

BY_NAME = {kernel.name: kernel for kernel in (*KERNELS, *LAYERS)}
IN_C = {kernel.name: kernel for kernel in C_LAYERS}
FINE = (CaseResult("one", True), CaseResult("two", True))


def timed(speedup: float) -> Report:
    return Report(cases=FINE, seconds=1.0, reference_seconds=speedup)


class Scripted:
    """Gives the same report on every job, and keeps the jobs."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.jobs: list[Job] = []

    def __call__(self, job: Job) -> Report:
        self.jobs.append(job)
        return self.report


def judged(report: Report, source: str | None = "x = 1") -> dspy.Prediction:
    metric = KernelMetric(BY_NAME, Scripted(report))
    return metric(dspy.Example(kernel="prefix_max"), dspy.Prediction(**({"code": source} if source else {})))


@pytest.mark.parametrize(
    ("speedup", "score"),
    [
        (0.01, 0.4),
        (0.6, 0.4),
        (0.8, 0.5),
        (1.3, 0.5),
        (1.9, 0.6),
        (2.2, 0.6),
        (16, 0.9),
        (32, 1.0),
        (1e9, 1.0),
    ],
)
def test_right_code_scores_by_whole_doublings_of_speed(speedup: float, score: float) -> None:
    assert judged(timed(speedup)).score == score


def test_right_but_slow_beats_fast_but_wrong() -> None:
    wrong = Report(cases=(*FINE, CaseResult("three", False, "raised x")))
    assert 0 < score_of(wrong) < score_of(timed(0.0))
    assert score_of(wrong) == pytest.approx(0.2)
    assert score_of(Report(error="SyntaxError")) == 0.0


def test_a_little_noise_changes_neither_score_nor_words() -> None:
    for exact in (1.0, 2.0, 8.0, 30.0):
        for noise in (0.8, 1.25):
            assert judged(timed(exact * noise)) == judged(timed(exact))


def test_a_speed_that_was_not_measured_is_no_speed() -> None:
    assert doublings(0.0) == -1
    assert math.isfinite(score_of(Report(cases=FINE, seconds=0.0, reference_seconds=1.0)))


def test_the_feedback_gives_errors_wrong_results_and_speed() -> None:
    assert judged(Report(error="NameError: x in line 2")).feedback == (
        "prefix_max: cannot be judged: NameError: x in line 2."
    )
    wrong = Report(cases=(CaseResult("empty", False, "raised IndexError"), *FINE))
    assert in_words(wrong) == "2 of 3 cases are right. Wrong: on 'empty' raised IndexError."
    assert "slower than the reference" in in_words(timed(0.3))
    assert "about 8 times as fast as the reference. 32 times" in in_words(timed(8))
    assert in_words(timed(99)).endswith("32 times as fast as the reference.")


def test_a_failed_run_scores_zero() -> None:
    assert judged(timed(1), source=None) == dspy.Prediction(
        score=0.0, feedback="prefix_max: cannot be judged: there is no code."
    )


def test_one_piece_of_code_is_judged_once_so_that_its_score_stays() -> None:
    judge = Scripted(timed(2))
    metric = KernelMetric(BY_NAME, judge)
    for kernel in ("prefix_max", "histogram"):
        for source in ("x = 1", "x = 2", "x = 1"):
            metric(dspy.Example(kernel=kernel), dspy.Prediction(code=source))
    assert [(job.function, job.candidate) for job in judge.jobs] == [
        ("prefix_max", "x = 1"),
        ("prefix_max", "x = 2"),
        ("histogram", "x = 1"),
        ("histogram", "x = 2"),
    ]
    again = pickle.loads(pickle.dumps(metric))
    assert again(dspy.Example(kernel="histogram"), dspy.Prediction(code="x = 1")).score == 0.6


# Kernels and the ways to write them -----------------------------------------------------------------------


def judged_by_lines(kernel: Kernel, source: str) -> Report:
    return judge_by_lines(job_of(kernel, source))


@pytest.mark.parametrize("kernel", BY_NAME.values(), ids=lambda kernel: kernel.name)
def test_a_reference_agrees_with_itself_and_is_no_faster(kernel: Kernel) -> None:
    report = judged_by_lines(kernel, kernel.reference)
    assert (report.error, report.share_right) == ("", 1.0)
    assert score_of(report) == 0.5


@pytest.mark.parametrize(
    ("name", "version"),
    [(name, version) for name, versions in VERSIONS.items() for version in versions],
    ids=lambda part: part if isinstance(part, str) else part.idea,
)
def test_a_way_to_write_a_kernel_is_right_unless_it_has_a_flaw(name: str, version: Version) -> None:
    report = judged_by_lines(BY_NAME[name], version.source)
    assert report.error == ""
    assert (report.share_right == 1.0) == (not version.flaw)


@pytest.mark.parametrize("name", VERSIONS)
def test_ways_of_higher_rank_run_fewer_lines(name: str) -> None:
    sound: list[Any] = [version for version in VERSIONS[name] if not version.flaw]
    lines = {v.rank: judged_by_lines(BY_NAME[name], v.source).seconds for v in sound}
    assert lines[3] == min(lines.values())
    assert {version.rank for version in sound} >= {1, 3}


def test_every_kernel_is_known_to_the_coach() -> None:
    assert set(VERSIONS) == set(BY_NAME)
    assert set(C_VERSIONS) == set(IN_C)


# C --------------------------------------------------------------------------------------------------------

needs_c = pytest.mark.skipif(not compiler() or util.find_spec("cffi") is None, reason="no C compiler or cffi")


@needs_c
@pytest.mark.slow
@pytest.mark.parametrize("name", C_VERSIONS)
def test_a_way_to_write_a_kernel_in_c_is_right_unless_it_has_a_flaw_and_fast_by_its_rank(name: str) -> None:
    for version in C_VERSIONS[name]:
        report = code.run_in_sandbox(job_of(IN_C[name], version.source))
        assert report.error == ""
        assert (report.share_right == 1.0) == (not version.flaw), version.idea
        if not version.flaw and version.rank == 3:
            assert report.speedup is not None
            assert report.speedup > 1.5


@needs_c
def test_both_languages_have_the_same_cases() -> None:
    for kernel in LAYERS:
        names = [
            [
                case.name
                for case in code.run_in_sandbox(replace(job_of(each, each.reference), repeats=1)).cases
            ]
            for each in (kernel, IN_C[kernel.name])
        ]
        assert names[0] == names[1]
        assert len(names[0]) == 5


@needs_c
def test_the_results_of_c_name_their_compiler() -> None:
    assert "-O2" in code.load_c().conditions()["compiler"]
    assert set(code.load().conditions()) == {"sandbox"}


def test_the_task_in_c_is_refused_where_c_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    bare = Sandbox(seconds=20.0)
    monkeypatch.setattr(code, "run_in_sandbox", bare.run)
    with pytest.raises(DataNotFound, match=r"code-c.*no C compiler.*apt install gcc.*code-layers"):
        code.load_c()
    bare.close()
