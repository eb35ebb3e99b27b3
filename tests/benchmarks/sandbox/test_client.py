"""The sandbox's processes: limits that hold, a server that stays, nothing inherited."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.sandbox import Job, Report, Sandbox, client
from benchmarks.sandbox.client import ENVIRONMENT

REFERENCE = "def same(x):\n    return x\n"
CASES = "def cases(rng):\n    return {'one': (1,)}\n\ndef load(rng):\n    return (1,)\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(seconds=60.0)  # this machine may be busy
    yield box
    box.close()


def job(candidate: str = REFERENCE, cases: str = CASES) -> Job:
    return Job("same", candidate, REFERENCE, cases, repeats=1)


def seen_inside(sandbox: Sandbox, expression: str) -> str:
    """The value of an expression in the sandbox's own, trusted part."""
    report = sandbox.run(
        job(
            cases=f"import os, sys\ndef cases(rng):\n    return {{repr({expression}): (1,)}}\n"
            "def load(rng):\n    return (1,)\n"
        )
    )
    return report.cases[0].name


def test_right_code_is_right_and_timed(sandbox: Sandbox) -> None:
    report = sandbox.run(job())
    assert (report.error, report.share_right) == ("", 1.0)
    assert report.speedup is not None


@pytest.mark.parametrize(
    ("candidate", "error"),
    [
        ("def same(x):\n    raise SystemExit\n", "its process ended without a result"),
        (
            "import numpy\ndef same(x):\n    numpy.ctypeslib.ctypes.string_at(0)\n",
            "its process was ended by SIGSEGV",
        ),
    ],
)
def test_what_leaves_or_crashes_is_an_error_and_the_next_job_is_served(
    sandbox: Sandbox, candidate: str, error: str
) -> None:
    assert error in sandbox.run(job(candidate)).error
    assert sandbox.run(job()).error == ""


def test_what_takes_too_long_is_stopped() -> None:
    impatient = Sandbox(seconds=0.5)
    try:
        report = impatient.run(job("while True:\n    pass\n"))
    finally:
        impatient.close()
    assert report == Report(error="it took more than 0.5 seconds and was stopped")


def test_memory_is_limited(sandbox: Sandbox) -> None:
    report = sandbox.run(job("import numpy as np\ndef same(x):\n    np.ones(2**29)\n    return x\n"))
    assert report.cases[0].said.startswith("raised MemoryError") or "memory" in report.error


def test_nothing_is_printed_where_reports_are_read(sandbox: Sandbox) -> None:
    assert sandbox.run(job("print('x' * 100)\ndef same(x):\n    print('{}')\n    return x\n")).error == ""


def test_the_environment_is_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_TEST", "x")
    with_secret = Sandbox()
    try:
        inside = seen_inside(with_secret, "sorted(os.environ)")
    finally:
        with_secret.close()
    assert "SECRET" not in inside
    assert "HOME" not in inside
    assert all(name in inside for name in ENVIRONMENT)


def test_it_works_in_an_empty_directory_of_its_own(sandbox: Sandbox) -> None:
    assert seen_inside(sandbox, "os.listdir('.')") == "[]"


def test_files_cannot_grow_and_few_can_be_open(sandbox: Sandbox) -> None:
    assert seen_inside(sandbox, "__import__('resource').getrlimit(1)") == "(0, 0)"
    assert seen_inside(sandbox, "__import__('resource').getrlimit(7)[0] <= 32") == "True"


def test_one_server_serves_all_jobs_and_each_in_a_process_of_its_own(sandbox: Sandbox) -> None:
    servers = {seen_inside(sandbox, "os.getppid()") for _ in range(3)}
    children = {seen_inside(sandbox, "os.getpid()") for _ in range(3)}
    assert (len(servers), len(children)) == (1, 3)


def test_what_a_job_started_is_gone_after_it(sandbox: Sandbox) -> None:
    fork = "os.fork() or [None for _ in iter(int, 1)]"
    child = int(seen_inside(sandbox, fork))
    with pytest.raises(ProcessLookupError):
        _wait_for_end(child)


def _wait_for_end(pid: int) -> None:
    """Raises ProcessLookupError when the process is gone, or is a zombie that nobody has buried yet."""
    for _ in range(10_000):
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                raise ProcessLookupError(pid)


def test_a_server_that_died_is_started_anew(sandbox: Sandbox) -> None:
    first = int(seen_inside(sandbox, "os.getppid()"))
    os.kill(first, signal.SIGKILL)
    assert [sandbox.run(job()).error for _ in range(3)] == [""] * 3
    assert int(seen_inside(sandbox, "os.getppid()")) != first


def test_a_sandbox_that_keeps_failing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_BOOT", "raise SystemExit")
    broken = Sandbox(seconds=1.0)
    assert broken.run(job()).error.startswith("the sandbox failed 2 times in a row: ")
    broken.close()


def test_threads_wait_for_their_turn(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(4) as threads:
        reports: list[Report] = list(threads.map(sandbox.run, [job()] * 8))
    assert [report.error for report in reports] == [""] * 8


def test_a_copy_that_was_pickled_has_a_server_of_its_own(sandbox: Sandbox) -> None:
    copied: Sandbox = pickle.loads(pickle.dumps(sandbox))
    try:
        assert seen_inside(copied, "os.getppid()") != seen_inside(sandbox, "os.getppid()")
    finally:
        copied.close()
