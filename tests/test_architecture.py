"""The shape of `dspy_gepa`: imports point down, DSPy is known in few places, files stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dspy_gepa"

# From top to bottom. A module imports from lower layers or from its own package; `__init__` from anywhere.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("testing", "cli"),
    ("gepa",),
    ("preparation",),
    ("arguments",),
    ("compat",),
    ("assembly",),
    ("session",),
    ("summary",),
    ("results", "identity", "stopping", "parts", "examples"),
    ("report",),
    ("record",),
    ("observe",),
    ("events",),
    ("search",),
    ("runtime",),
    ("worker",),
    ("proposer",),
    ("rollouts", "reflector", "messages"),
    ("watch",),
    ("program",),
    ("slots",),
    ("measures",),
    ("metric", "failures", "ledger", "options", "parcel", "text"),
    ("values",),
    ("steps", "guides", "render", "media"),
    ("types", "levels"),
    ("errors", "sentences", "naming"),
)
KNOW_DSPY = {
    *(
        "gepa",
        "arguments",
        "preparation",
        "assembly",
        "examples",
        "options",
        "results",
        "summary",
        "messages",
        "identity",
        "testing",
    ),  # what users hand over and get back
    *(
        "worker",
        "rollouts",
        "watch",
        "program",
        "values",
        "slots",
        "text",
        "reflector",
        "proposer",
        "metric",
        "failures",
        "ledger",
        "parcel",
    ),  # how effects are executed
}
LONGEST_FILE = 300

LAYER_OF = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(source: str, module: tuple[str, ...], *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a source file imports, wherever in the file."""
    package = module if is_package else module[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from dspy_gepa import x` names the part x, so the alias counts.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def violations(source: str, path: Path) -> list[str]:
    """What a file of the package, at `path` inside it, imports against the rules."""
    module = ("dspy_gepa", *path.with_suffix("").parts)
    is_package = path.name == "__init__.py"
    if is_package:
        module = module[:-1]
    part = module[1] if len(module) > 1 else None
    if part is not None and part not in LAYER_OF:
        return [f"{path}: {part!r} has no layer; give it one in LAYERS"]
    found = []
    for line, name in imports(source, module, is_package=is_package):
        top, *rest = name.split(".")
        if top == "gepa":
            found.append(f"{path}:{line}: imports the gepa package, which is a peer to measure against")
        elif top == "dspy" and part not in KNOW_DSPY:
            found.append(f"{path}:{line}: imports dspy, which only {', '.join(sorted(KNOW_DSPY))} may")
        elif top == "dspy_gepa" and part is not None:
            target = rest[0] if rest else "__init__"
            if target != part and LAYER_OF.get(target, -1) <= LAYER_OF[part]:
                found.append(f"{path}:{line}: {part} imports {target}, which is not below it")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file: Path) -> None:
    found = violations(file.read_text(encoding="utf-8"), file.relative_to(PACKAGE))
    assert found == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_files_stay_small(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("types.py", "from dspy_gepa.search.evolve import evolve"),
        ("types.py", "from dspy_gepa import search"),
        ("types.py", "import dspy_gepa"),
        ("types.py", "from . import gepa"),
        ("runtime/budget.py", "from ..search import evolve"),
        ("runtime/budget.py", "def late():\n    import dspy_gepa.gepa"),
        ("search/merge.py", "import dspy"),
        ("search/merge.py", "from dspy.utils import exceptions"),
        ("gepa.py", "import gepa"),
        ("__init__.py", "from gepa.core import engine"),
        ("program.py", "from dspy_gepa.reflector import Reflector"),
        ("novel.py", "import math"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(violations(source, Path(path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "from dspy_gepa.gepa import GEPA"),
        ("gepa.py", "import dspy\nfrom .search.evolve import evolve\nfrom dspy_gepa import types"),
        ("search/merge.py", "from .pool import Pool\nfrom dspy_gepa.search.frontier import frontier"),
        ("search/__init__.py", "from .pool import Pool\nfrom ..types import Candidate"),
    ],
)
def test_an_allowed_import_is_not(path: str, source: str) -> None:
    assert not violations(source, Path(path))
