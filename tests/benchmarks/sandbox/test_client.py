"""The sandbox's processes: limits that hold, a wall, a server that stays, reports that cannot be forged."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.sandbox import Job, Report, Sandbox, Wall, client
from benchmarks.sandbox.client import ENVIRONMENT

REFERENCE = "def same(x):\n    return x\n"
CASES = "def cases(rng):\n    return {'one': (1,)}\n\ndef load(rng):\n    return (rng.random(),)\n"
# The way out that hostile code takes: past the withheld builtins to the module `os`.
OUTSIDE = """
import numpy as np
found = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == "_wrap_close"][0]
builtins = found.__init__.__globals__["__builtins__"]
imported = builtins["__import__"] if isinstance(builtins, dict) else builtins.__import__
os = imported("os")
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(seconds=60.0)  # this machine may be busy
    yield box
    box.close()


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    box = Sandbox(seconds=60.0, walls=(Wall.NAMESPACES,))
    try:
        box.wall()
    except RuntimeError as error:
        pytest.skip(f"this system has no such wall: {error}")
    yield box
    box.close()


def job(candidate: str = REFERENCE) -> Job:
    return Job("same", candidate, REFERENCE, CASES, repeats=1)


def seen_inside(sandbox: Sandbox, expression: str) -> str:
    """The value of an expression in the process of hostile code, or the error that it meets."""
    code = f"{OUTSIDE}\ndef same(x):\n    raise LookupError(repr({expression}))\n"
    report = sandbox.run(job(code))
    said = report.error or report.cases[0].said
    return said.removeprefix("raised ").removeprefix("LookupError: ").rpartition(" in line ")[0] or said


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
    assert report == Report(error="it took more than 0.5 seconds of a processor, or waited, and was stopped")


def test_code_that_waits_is_stopped_too() -> None:
    impatient = Sandbox(seconds=0.1)
    wait = f"{OUTSIDE}\ndef same(x):\n    imported('time').sleep(600)\n"
    try:
        report = impatient.run(job(wait))
    finally:
        impatient.close()
    assert report == Report(error="it took more than 0.1 seconds of a processor, or waited, and was stopped")


def test_memory_is_limited(sandbox: Sandbox) -> None:
    report = sandbox.run(job("import numpy as np\ndef same(x):\n    np.ones(2**29)\n    return x\n"))
    assert report.cases[0].said.startswith("raised MemoryError") or "memory" in report.error


def test_nothing_is_printed_where_reports_are_read(sandbox: Sandbox) -> None:
    assert sandbox.run(job("print('x' * 100)\ndef same(x):\n    print('{}')\n    return x\n")).error == ""


def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_TEST", "x")
    with_secret = Sandbox()
    try:
        inside = seen_inside(with_secret, "sorted(os.environ)")
    finally:
        with_secret.close()
    assert inside == repr(sorted(ENVIRONMENT))


def test_files_cannot_grow_and_few_can_be_open(sandbox: Sandbox) -> None:
    assert seen_inside(sandbox, "imported('resource').getrlimit(1)") == "(0, 0)"
    assert seen_inside(sandbox, "imported('resource').getrlimit(7)[0] <= 32") == "True"


def test_one_server_serves_all_jobs(sandbox: Sandbox) -> None:
    servers = {_server_of(sandbox) for _ in range(3) if not sandbox.run(job()).error}
    assert len(servers) == 1


def _server_of(sandbox: Sandbox) -> int:
    (server,) = sandbox._servers
    assert server._process is not None
    return server._process.pid


def test_code_cannot_disturb_the_next_report(sandbox: Sandbox) -> None:
    """Whatever descriptor it writes to, the next report is right."""
    flood = (
        "\nfor place in range(3, 12):\n    try:\n        os.write(place, b'{}' * 9)\n"
        "    except OSError:\n        pass\n"
    )
    wrong = "def same(x):\n    return 7\n"
    sandbox.run(job(OUTSIDE + flood + REFERENCE))
    assert [sandbox.run(job(code)).share_right for code in (REFERENCE, wrong, REFERENCE)] == [1.0, 0.0, 1.0]


def test_behind_the_wall_there_are_no_files_but_those_of_python_and_the_system(walled: Sandbox) -> None:
    assert "FileNotFoundError" in seen_inside(walled, "os.listdir('/proc')")
    assert "FileNotFoundError" in seen_inside(walled, "os.stat('/etc/passwd')")
    assert "FileNotFoundError" in seen_inside(walled, f"os.stat({os.path.abspath(client.__file__)!r})")
    assert "Read-only" in seen_inside(walled, "os.mkdir('/tmp/kept')")


def test_behind_the_wall_there_is_no_network_and_no_other_process(walled: Sandbox) -> None:
    assert seen_inside(walled, "imported('socket').if_nameindex()") == "[(1, 'lo')]"
    assert seen_inside(walled, "os.getppid()") == "1"
    assert "ProcessLookupError" in seen_inside(walled, f"os.kill({os.getpid()}, 0)")


def test_behind_the_wall_there_are_no_rights_to_gain(walled: Sandbox) -> None:
    for attempt in ("os.chroot('/tmp')", "os.setuid(0) or 1 // os.getuid()", "os.mknod('/tmp/x')"):
        assert "Error" in seen_inside(walled, attempt)


def test_a_wall_that_cannot_be_had_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        client,
        "_BOOT",
        "import os; os.geteuid = lambda: 1; " + client._BOOT,
    )
    picky = Sandbox(seconds=5.0, walls=(Wall.ANOTHER_USER,))
    with pytest.raises(RuntimeError, match="not root"):
        picky.wall()
    picky.close()


def test_a_server_that_died_is_started_anew(sandbox: Sandbox) -> None:
    sandbox.run(job())
    first = _server_of(sandbox)
    os.kill(first, signal.SIGKILL)
    assert [sandbox.run(job()).error for _ in range(3)] == [""] * 3
    assert _server_of(sandbox) != first


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
        assert (copied.run(job()).error, sandbox.run(job()).error) == ("", "")
        assert _server_of(copied) != _server_of(sandbox)
    finally:
        copied.close()
