"""The package's names: all there, imported when they are asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dspy_gepa


def homes() -> dict[str, str]:
    """By name, the module that type checkers are told it comes from."""
    tree = ast.parse(Path(dspy_gepa.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_name_is_there_and_is_what_type_checkers_are_told() -> None:
    assert sorted(homes()) == sorted(dspy_gepa.__all__)
    for name, home in homes().items():
        assert getattr(dspy_gepa, name) is getattr(import_module(home), name)
        assert name in dir(dspy_gepa)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'dspy_gepa' has no attribute 'Gepa'"):
        dspy_gepa.Gepa  # noqa: B018


def test_dspy_is_imported_with_the_first_name_that_needs_it() -> None:
    script = (
        "import sys, dspy_gepa\n"
        "dspy_gepa.JournalError, dspy_gepa.Candidate, dspy_gepa.RetryPolicy\n"
        "assert 'dspy' not in sys.modules\n"
        "from dspy_gepa import GEPA\n"
        "assert 'dspy' in sys.modules and dspy_gepa.GEPA is GEPA\n"
    )
    root = Path(__file__).parent.parent
    environment = {"PYTHONPATH": str(root), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
