"""`make demo` shows the headline, then what the texts have learned, then where to look further."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from benchmarks.commands.demo import demo
from tests.views.conftest import screen  # noqa: F401  # a fixture
from tests.views.support_screen import Screen, on

LAST = "model."
THIRD_PARTY = """
import ast, sys
import benchmarks.commands.demo
found = set()
for module in [module for name, module in sys.modules.items() if name.startswith("benchmarks.")]:
    for node in ast.walk(ast.parse(open(module.__file__, encoding="utf-8").read())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
print(*(found & set(sys.modules)) - set(sys.stdlib_module_names))
"""


def options(tmp_path: Path) -> list[str]:
    return ["--budget", "60", "--report", str(tmp_path / "new" / "demo.html")]


@pytest.mark.slow
def test_on_a_terminal_the_run_is_shown_live(screen: Screen, tmp_path: Path) -> None:  # noqa: F811
    with on(screen):
        demo(options(tmp_path), standalone_mode=False)
    screen.settle()
    lines = screen.lines
    (panel,) = [place for place, line in enumerate(lines) if line.startswith("GEPA ")]
    assert lines[panel].startswith("GEPA finished")
    assert any("60 of 60" in line for line in lines[panel:])
    assert lines[-1].endswith(LAST)


def test_the_headline_comes_first_and_then_what_was_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(options(tmp_path), standalone_mode=False)
    out = capsys.readouterr().out
    headline = re.search(r"^(\d+) % -> (\d+) % of 100 unseen questions right; 60 rollouts; \d+ s$", out, re.M)
    assert headline
    assert int(headline[2]) > int(headline[1])
    assert headline.start() < out.index("\n+ ") < out.index("To look further")
    assert "step by step" not in out
    assert "\x1b" not in out
    assert out.rstrip().endswith(LAST)
    assert (tmp_path / "new" / "demo.html").exists()


def names_of(requirements: list[str]) -> set[str]:
    """Distributions that are required, and all that they require in turn."""
    found: set[str] = set()
    open_ = [Requirement(text) for text in requirements]
    while open_:
        it = open_.pop()
        name = it.name.lower().replace("_", "-")
        if name not in found and (it.marker is None or it.marker.evaluate({"extra": ""})):
            found.add(name)
            try:
                open_ += map(Requirement, requires(name) or [])
            except ModuleNotFoundError:  # of another system
                continue
    return found


def test_it_imports_nothing_that_its_extra_does_not_install() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", THIRD_PARTY], cwd=root, capture_output=True, text=True, check=True
    )
    project = pytest.importorskip("tomllib").loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]
    installed = names_of(wanted["dependencies"] + wanted["optional-dependencies"]["demo"])
    owners = packages_distributions()
    imported = {name: owners[name] for name in done.stdout.split() if name in owners}
    missing = {
        name
        for name, by in imported.items()
        if not {owner.lower().replace("_", "-") for owner in by} & (installed | {"dspy-gepa"})
    }
    assert missing == set()
