"""The table of features: each cell of ours names a test that exists."""

from __future__ import annotations

import ast
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support import SINCE_3_5
from tests.support_docs import ROOT

PAGE = ROOT / "docs" / "features.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| Feature", "| **"))
]


def names_of_tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_our_cell_names_a_test_that_exists(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    links = re.findall(r"\]\(\.\./(tests/[\w/]+\.py)#(\w+)\)", row[3])
    assert links
    for file, name in links:
        assert name in names_of_tests(ROOT / file)


@pytest.mark.skipif(SINCE_3_5, reason="the table is about the version that it names")
def test_the_table_is_about_the_versions_that_are_installed() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"DSPy {version('dspy')}" in text
    assert f"package {version('gepa')}" in text
