"""The shape of `dspy_gepa`: rooms in one order, imports that point down, DSPy known in few rooms."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dspy_gepa"

# From bottom to top: a room, or a module beside the rooms, imports only what stands before it.
ROOMS = (
    *("errors", "types", "steps", "texts", "program", "reflection", "runtime", "search"),
    *("events", "record", "views", "trackers", "otel", "report", "cli", "run", "result", "setup", "data"),
    *("gepa", "facades", "testing", "__main__", "__init__"),
)
KNOW_DSPY = {"program", "reflection", "gepa", "testing"}
# The modules of DSPy whose names are documented, and the file that may use others.
DOCUMENTED = {"dspy", "dspy.lm15", "dspy.teleprompt"}
USES_THE_INSIDE_OF_DSPY = "program/dspy_api.py"
MODULES_BESIDE_THE_ROOMS = 10
MOST_ROOMS = 14
# Each kind of component is a module with these two functions: the same meaning in every one.
SHARED_NAMES = {"read", "write"}

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
            # `from dspy_gepa import x` names the room x, so the alias counts.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def is_documented(name: str) -> bool:
    """Whether an import from DSPy is of a name that its documentation shows."""
    return name in DOCUMENTED or name.rpartition(".")[0] in DOCUMENTED


def violations(source: str, path: Path) -> list[str]:
    """The imports of a file of the package, at `path` inside it, that break a rule."""
    module = ("dspy_gepa", *path.with_suffix("").parts)
    is_package = path.name == "__init__.py"
    if is_package:
        module = module[:-1]
    room = module[1] if len(module) > 1 else "__init__"
    if room not in ROOMS:
        return [f"{path}: {room!r} is no room; move the file, or give the room a place in ROOMS"]
    found = []
    for line, name in imports(source, module, is_package=is_package):
        top, *rest = name.split(".")
        if top == "gepa":
            found.append(f"{path}:{line}: imports the gepa package, which is a peer to measure against")
        elif top == "dspy" and room not in KNOW_DSPY:
            found.append(f"{path}:{line}: imports dspy, which only {', '.join(sorted(KNOW_DSPY))} may")
        elif top == "dspy" and path.as_posix() != USES_THE_INSIDE_OF_DSPY and not is_documented(name):
            found.append(f"{path}:{line}: imports {name}, which only {USES_THE_INSIDE_OF_DSPY} may")
        elif top == "dspy_gepa":
            target = rest[0] if rest and rest[0] in ROOMS else "__init__"
            if target != room and ROOMS.index(target) >= ROOMS.index(room):
                found.append(f"{path}:{line}: {room} imports {target}, which is not below it")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file: Path) -> None:
    found = violations(file.read_text(encoding="utf-8"), file.relative_to(PACKAGE))
    assert found == []


def test_few_modules_lie_beside_the_rooms() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MODULES_BESIDE_THE_ROOMS
    assert len(list(PACKAGE.glob("*/__init__.py"))) <= MOST_ROOMS


def defined(source: str) -> Iterator[str]:
    """Public names of the classes, functions and type aliases of a module."""
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from () if name.startswith("_") else (name,)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                yield from () if name.startswith("_") else (name,)


def test_no_two_things_have_the_same_name() -> None:
    names = Counter(name for file in FILES for name in defined(file.read_text(encoding="utf-8")))
    assert {name for name, count in names.items() if count > 1} == SHARED_NAMES


def test_definitions_of_a_module_are_found() -> None:
    source = "class A: ...\ndef f(): ...\nasync def g(): ...\nB: TypeAlias = int\nclass _C: ...\nx = 1\n"
    assert list(defined(source)) == ["A", "f", "g", "B"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("types.py", "from dspy_gepa.search.loop import Search"),
        ("types.py", "from dspy_gepa import search"),
        ("types.py", "import dspy_gepa"),
        ("types.py", "from . import gepa"),
        ("runtime/budget.py", "from ..search import loop"),
        ("runtime/budget.py", "def late():\n    import dspy_gepa.gepa"),
        ("search/merge.py", "import dspy"),
        ("search/merge.py", "from dspy.utils import exceptions"),
        ("gepa.py", "import gepa"),
        ("program/rollout.py", "from dspy.clients.base_lm import GLOBAL_HISTORY"),
        ("testing/check.py", "import dspy.utils.callback"),
        ("__init__.py", "from gepa.core import engine"),
        ("program/build.py", "from dspy_gepa.reflection.reflector import ReflectionRunner"),
        ("novel.py", "import math"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(violations(source, Path(path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "from dspy_gepa.gepa import GEPA"),
        ("gepa.py", "import dspy\nfrom .search.loop import Search\nfrom dspy_gepa import types"),
        ("search/merge.py", "from .pool import Pool\nfrom dspy_gepa.search.frontier import frontier"),
        ("search/__init__.py", "from .pool import Pool\nfrom ..types import Candidate"),
    ],
)
def test_an_allowed_import_is_not(path: str, source: str) -> None:
    assert not violations(source, Path(path))
