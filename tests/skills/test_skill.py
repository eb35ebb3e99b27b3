"""The skill for coding agents names only what exists, and its examples run."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import dspy
import pytest
from hatchling.builders.wheel import WheelBuilder

import dspy_gepa
from dspy_gepa import GEPA, GEPAResult, RetryPolicy, TextResult, optimize_text
from dspy_gepa.cli.main import cli
from tests.docs import support_stage as stage
from tests.support_docs import ROOT, python_blocks

SKILL = ROOT / "skills" / "dspy-gepa"
FILES = sorted(SKILL.rglob("*.md"))
CODE = re.compile(r"`([^`\n]+)`")
NAMES = {file: file.relative_to(SKILL).as_posix() for file in FILES}
# Keyword arguments in running text that belong to `dspy.LM` and to metrics.
ELSEWHERE = {"temperature", "max_tokens"}


def options() -> set[str]:
    """Keyword arguments that code may pass to what the skill shows."""
    found = set(ELSEWHERE)
    for function in (GEPA.__init__, GEPA.compile, optimize_text, RetryPolicy, dspy.LM.__init__):
        found |= set(inspect.signature(function).parameters)
    return found


def attributes() -> set[str]:
    """Attributes of a result."""
    return {
        *(field.name for kind in (GEPAResult, TextResult) for field in fields(kind)),
        *dir(GEPAResult),
        *dir(TextResult),
    }


def prose(file: Path) -> str:
    """A file without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def said(file: Path) -> Iterator[str]:
    """What stands between backticks."""
    yield from CODE.findall(prose(file))


def test_the_head_names_the_folder_and_says_when_to_use_it() -> None:
    text = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    head = re.match(r"---\nname: ([a-z0-9-]{1,64})\ndescription: (.{50,1024})\n---\n", text)
    assert head
    assert head[1] == SKILL.name
    assert "Use when" in head[2]
    assert len(text.splitlines()) < 200


def test_links_stay_inside_the_skill_and_lead_somewhere_and_no_file_is_forgotten() -> None:
    linked = set()
    for file in FILES:
        for link in re.findall(r"\]\(([^)]+)\)", file.read_text(encoding="utf-8")):
            target = (file.parent / link).resolve()
            assert target.is_file(), f"{file.name}: {link}"
            assert SKILL in target.parents
            linked.add(target)
    assert linked == {file for file in FILES if file.name != "SKILL.md"}


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_names_of_the_package_exist(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for dotted in set(re.findall(r"\bdspy_gepa((?:\.\w+)+)", text)):
        found: Any = dspy_gepa
        module = "dspy_gepa"
        for part in dotted.strip(".").split("."):
            module = f"{module}.{part}"
            found = getattr(found, part) if hasattr(found, part) else import_module(module)
    for block in python_blocks(text):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("dspy_gepa"):
                assert all(hasattr(import_module(str(node.module)), alias.name) for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_options_attributes_and_errors_in_the_text_exist(file: Path) -> None:
    for code in said(file):
        for option in re.findall(r"\b(\w+)=", code):
            assert option in options(), code
        for name in re.findall(r"\bresult\.(\w+)", code):
            assert name in attributes(), code
        if re.fullmatch(r"\w+(Error|Interrupted)", code):
            assert issubclass(getattr(dspy_gepa, code), dspy_gepa.GEPAError), code
        if re.fullmatch(r"(max|num|log|perfect|failure|rollout|gain|choice|stop|score|best)_\w+", code):
            assert code in options() | attributes(), code


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_commands_and_their_options_exist(file: Path) -> None:
    for line in re.findall(r"dspy-gepa (\w+)([^`\n]*)", file.read_text(encoding="utf-8")):
        command, rest = line
        assert command in cli.commands, line
        known = {name for parameter in cli.commands[command].params for name in parameter.opts}
        assert set(re.findall(r"(?<= )--?[a-z-]+", rest)) <= known, line


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_the_examples_run(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dspy, "LM", stage.model)
    before = {name: dspy.settings.get(name) for name in ("lm", "adapter")}
    dspy.configure(lm=stage.model("task"))
    try:
        names = stage.names_of_examples()
        for block in python_blocks(file.read_text(encoding="utf-8")):
            exec(compile(block, file, "exec", dont_inherit=True), names)
    finally:
        dspy.configure(**before)


def test_the_wheel_holds_the_skill_of_its_version() -> None:
    packed = [file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()]
    wanted = sorted(f"dspy_gepa/skills/{SKILL.name}/{name}" for name in NAMES.values())
    assert sorted(path for path in packed if path.startswith("dspy_gepa/skills/")) == wanted
