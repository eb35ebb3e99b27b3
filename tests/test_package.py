"""The package's names: all there, imported when they are asked for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import dspy_gepa

ROOT = Path(__file__).parent.parent


def homes() -> dict[str, str]:
    """By name, the module that type checkers see it come from."""
    tree = ast.parse(Path(dspy_gepa.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_name_is_there_and_is_what_type_checkers_see() -> None:
    assert sorted(homes()) == sorted(dspy_gepa.__all__)
    for name, home in homes().items():
        assert getattr(dspy_gepa, name) is getattr(import_module(home), name)
        assert name in dir(dspy_gepa)


def test_dir_shows_the_public_names_and_the_version_and_nothing_else() -> None:
    assert dir(dspy_gepa) == sorted([*dspy_gepa.__all__, "__version__"])
    assert dspy_gepa.__version__[0].isdigit()


def test_types_in_the_signature_are_here_or_in_a_module_that_the_help_names() -> None:
    doc, optimizer = str(dspy_gepa.__doc__), dspy_gepa.GEPA.__init__
    named = [import_module(name) for name in sorted(set(re.findall(r"``(dspy_gepa\.\w+)``", doc)))]
    types = {name for note in optimizer.__annotations__.values() for name in re.findall(r"\b[A-Z]\w+", note)}
    standard = {"Any", "Callable", "Example", "Executor", "Literal", "Mapping", "Module", "None", "PathLike"}
    standard |= {"Sequence"}
    others = types - standard - set(dspy_gepa.__all__)
    assert {name for name in others if f"`{name}`" not in doc} == set()
    assert {name for name in others if not any(hasattr(module, name) for module in named)} == set()
    assert {"Mode", "Reading", "RowChoice", "Stopper"} <= others


def test_everything_that_is_imported_is_declared() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {re.split(r"[^\w-]", entry)[0].lower().replace("-", "_") for entry in listed}
    imported = {name for file in (ROOT / "dspy_gepa").rglob("*.py") for name in packages_of(file)}
    here = {"dspy_gepa", "IPython"}  # IPython is imported inside a notebook only
    assert imported - declared - sys.stdlib_module_names - here == set()


def packages_of(file: Path) -> set[str]:
    """The top-level packages that a source file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


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
    environment = {"PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
