"""The Makefile's help, the README's code, tests in rooms that stay on this machine."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support_docs import ROOT, python_blocks

README = ROOT / "README.md"

# The README names real models; here every `dspy.LM(...)` is a simulated one.
PREAMBLE = """
import conftest  # no network and no keys here either
import dspy
from benchmarks.simulated import AnswerKey, reflection_lm, task_lm

dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
models = {"task": task_lm(AnswerKey()), "reflection": reflection_lm()}
first = []

def simulated(model, **options):
    \"\"\"The first model named is the one that works, any other the one that reflects.\"\"\"
    first.append(model)
    return models["task" if model == first[0] else "reflection"]

dspy.LM = simulated
"""


def test_make_without_a_target_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert targets
    listing = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make (\w+) +\S", listing, flags=re.MULTILINE)
    assert sorted(listed) == sorted(targets[1].split())


def test_python_blocks_are_found_with_their_lines() -> None:
    assert python_blocks("a\n```python\nx = 1\n```\n```sh\nls\n```\n```python\ny = 2\n```\n") == [
        "\n\nx = 1\n",
        "\n" * 8 + "y = 2\n",
    ]


@pytest.mark.skipif(not README.exists(), reason="README.md is not written yet")
def test_the_readmes_code_runs(tmp_path: Path) -> None:
    blocks = python_blocks(README.read_text(encoding="utf-8"))
    assert blocks, "README.md shows no Python"
    script = tmp_path / "run_readme.py"
    runs = "\n".join(f"exec(compile({block!r}, 'README.md', 'exec'), names)" for block in blocks)
    script.write_text(f"{PREAMBLE}\nnames = {{'__name__': 'readme'}}\n{runs}\n", encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_readmes_map_names_what_is_there() -> None:
    rows = re.findall(r"^\| (`.*?) \|", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows
    for row in rows:
        first, *others = (ROOT / path for path in re.findall(r"`([^`]+)`", row))
        for path in [first, *others]:
            beside = first.parent / path.name  # the folder is named once in a row
            assert path.exists() or beside.exists(), (
                f"the README names {path.relative_to(ROOT)}, which is not there"
            )


TESTS = ROOT / "tests"
OF_NO_ROOM = {"architecture", "drop", "package", "prose", "repository"}  # tests of the whole


def test_no_test_module_imports_another() -> None:
    found = []
    for file in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            )
            parts = [*(getattr(node, "module", None) or "").split("."), *".".join(names).split(".")]
            if parts[0] == "tests" or (not parts[0] and "tests" in parts):
                found += [f"{file}:{node.lineno}" for part in parts if part.startswith("test_")]
    assert found == []


def test_tests_lie_in_rooms_of_the_same_names() -> None:
    package = ROOT / "dspy_gepa"
    rooms = {path.name for path in TESTS.iterdir() if any(path.rglob("test_*.py"))}
    homes = {path.name for place in (ROOT, package) for path in place.iterdir() if path.is_dir()}
    assert rooms - homes == {"inputs", "tutorials"}  # programs of every kind; the lessons of docs/tutorials
    subjects = {path.stem.split("_")[1] for path in TESTS.glob("test_*.py")}
    assert subjects - OF_NO_ROOM <= {path.stem for path in package.glob("*.py")}
    helpers = {path.stem for path in TESTS.rglob("*.py") if not path.name.startswith("test_")}
    assert [name for name in helpers if not name.startswith("support") and name != "conftest"] == []


@pytest.mark.parametrize("address", ["192.0.2.1", "example.org"])
def test_the_network_is_out_of_reach(address: str, refused_connections: list[str]) -> None:
    with pytest.raises(RuntimeError, match="must not reach the network"):
        socket.create_connection((address, 80), timeout=1)
    assert len(refused_connections) == 1
    refused_connections.clear()
