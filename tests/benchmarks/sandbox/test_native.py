"""C in the sandbox: compiled and run behind the same wall as other code, errors told, nothing trusted."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import pytest

from benchmarks.sandbox import Job, Sandbox, Wall
from benchmarks.sandbox.native import compiler, errors_in
from benchmarks.sandbox.server import NO_COMPILER

TWICE = (
    "void twice(const double *x, double *out, long n)\n{ for (long i = 0; i < n; i++) out[i] = 2 * x[i]; }\n"
)
BINDING = """
import numpy as np

def twice(function, address, x):
    result = np.full(x.shape, np.nan)
    function(address(x), address(result), len(x))
    return result
"""
CASES = """
import numpy as np

def cases(rng):
    return {"some": (rng.random(5),), "none": (np.zeros(0),)}

def load(rng):
    return (rng.random(5000),)
"""
FOUND = bool(compiler()) and util.find_spec("cffi") is not None
needs_c = pytest.mark.skipif(not FOUND, reason="no C compiler, or no cffi")


def job(candidate: str) -> Job:
    prototype = TWICE.partition("\n")[0] + ";"
    return Job("twice", candidate, TWICE, CASES, repeats=1, declaration=prototype, binding=BINDING)


@pytest.fixture(scope="module", params=list(Wall), ids=lambda wall: wall.name.lower())
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    box = Sandbox(seconds=60.0, walls=(request.param,))
    try:
        box.wall()
    except RuntimeError as error:
        pytest.skip(f"this system has no such wall: {error}")
    yield box
    box.close()


@needs_c
def test_c_is_compiled_called_and_timed_beside_the_reference(sandbox: Sandbox) -> None:
    report = sandbox.run(job(TWICE + "\n"))
    assert (report.error, report.share_right) == ("", 1.0)
    assert report.speedup is not None


@needs_c
@pytest.mark.parametrize(
    ("candidate", "error"),
    [
        (TWICE.replace("2 *", "two *"), "it does not compile: kernel.c:2:"),
        (TWICE.replace("twice", "thrice"), "it defines no function 'twice'"),
        (TWICE.replace("2 *", "absent() *") + "double absent(void);", "it does not compile|cannot be loaded"),
        (
            f"#include <stdlib.h>\n__attribute__((constructor)) void f(void) {{ abort(); }}\n{TWICE}",
            "SIGABRT",
        ),
        (TWICE.replace("2 *", "*(int *)1 *"), "SIGSEGV"),
        ('#include "kernel.c"\n', "it does not compile"),
        ("\udc80", "it does not compile"),
    ],
)
def test_c_that_cannot_be_run_is_an_error_in_words(sandbox: Sandbox, candidate: str, error: str) -> None:
    said = sandbox.run(job(candidate)).error
    assert any(each in said for each in error.split("|")), said
    assert "/tmp" not in said
    assert sandbox.run(job(candidate)).error == said


@needs_c
def test_results_of_c_are_compared_and_its_arguments_are_to_stay(sandbox: Sandbox) -> None:
    wrong = sandbox.run(job(TWICE.replace("2 *", "3 *")))
    assert [case.right for case in wrong.cases] == [False, True]
    changed = sandbox.run(job(TWICE.replace("out[i] =", "out[i] = ((double *)x)[i] =")))
    assert changed.cases[0].said == "it changed its arguments"
    idle = sandbox.run(job(TWICE.replace("i < n", "i < 0")))
    assert idle.cases[0].said.startswith("nan where ")


@needs_c
def test_c_that_remembers_finds_a_fresh_process_and_new_arguments(sandbox: Sandbox) -> None:
    memory = "static double first[5000]; static long calls;\n"
    source = memory + TWICE.replace(
        "out[i] = 2 * x[i]", "out[i] = calls++ < 5006 ? (first[i] = 2 * x[i]) : first[i]"
    )
    report = sandbox.run(job(source))
    assert report.speedup is None
    assert report.cases[-1].said == "was wrong when it was timed"


@needs_c
def test_a_compiler_sees_no_file_that_the_code_would_not_see(tmp_path: Path) -> None:
    walled = Sandbox(seconds=60.0, walls=(Wall.NAMESPACES,))
    try:
        walled.wall()
    except RuntimeError as error:
        pytest.skip(f"this system has no such wall: {error}")
    secret = tmp_path / "secret.h"
    secret.write_text("#error A_SECRET\n", encoding="utf-8")
    for path in (secret, Path("/proc/self/environ"), Path("/etc/passwd")):
        for line in (f'#include "{path}"\n', f'asm(".incbin \\"{path}\\"");\n'):
            said = walled.run(job(line + TWICE)).error
            assert said.startswith("it does not compile")
            assert "A_SECRET" not in said
    walled.close()


@needs_c
def test_a_library_that_is_too_large_is_refused(sandbox: Sandbox) -> None:
    assert "larger than" in sandbox.run(job(f"char much[9000000] = {{1}};\n{TWICE}")).error


def test_without_a_compiler_c_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    box = Sandbox(seconds=20.0)
    try:
        assert box.run(job(TWICE)).error == NO_COMPILER
    finally:
        box.close()


def test_the_compiler_is_the_one_that_is_named_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "tool-12", tmp_path / "tool"
    real.touch()
    real.chmod(real.stat().st_mode | stat.S_IXUSR)
    link.symlink_to(real)
    monkeypatch.setenv("CC", str(link))
    assert compiler() == os.path.realpath(real)
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert compiler() == ""


def test_warnings_are_left_out_beside_errors() -> None:
    said = "k.c:1:2: warning: unused\n  1 | x\nk.c:3:4: error: no\nk.c:5:1: error: yes\n"
    assert errors_in(said) == "k.c:3:4: error: no; k.c:5:1: error: yes"
    assert errors_in("killed\n\n") == "killed"
