"""The notebooks as they are committed: made from their sources, small, and silent about the machine."""

from __future__ import annotations

import getpass
import re
import socket
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode

from notebooks.build import HERE, ROOT, SET_UP, notebook_of, read_source, sources

LARGEST = 60_000  # bytes
SOURCES = sources()
# Shares of a hundred and numbers between 0 and 1, but not those that code assigns: what a score looks like.
SCORE = re.compile(r"\d ?%|(?<!= )\b0\.\d")
# Paths of a machine, times of day, addresses of objects.
LOCAL = re.compile(r"/(?:home|root|tmp|Users|usr|var|work)/|[A-Z]:\\|\d\d:\d\d:\d\d|\bat 0x[0-9a-f]+")


def names(source: Path) -> str:
    return source.stem


def written(source: Path) -> NotebookNode:
    return nbformat.read(notebook_of(source), as_version=4)


def text_of(cell: NotebookNode) -> str:
    """All that a cell printed or showed, pictures left out."""
    shown = [output.get("text", "") for output in cell.get("outputs", ())]
    for output in cell.get("outputs", ()):
        shown += [part for kind, part in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(shown)


def test_there_are_eight_and_each_has_its_line_in_the_list() -> None:
    listed = re.findall(r"\((\d\d_\w+\.ipynb)\)", (HERE / "README.md").read_text(encoding="utf-8"))
    assert listed == [notebook_of(source).name for source in SOURCES]
    assert listed == sorted(file.name for file in HERE.glob("*.ipynb"))
    assert len(listed) == 8


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_a_notebook_has_the_cells_of_its_source(source: Path) -> None:
    expected, found = read_source(source), written(source)
    told = "run `make notebooks`"
    assert [(c.cell_type, c.source) for c in found.cells] == [
        (c.cell_type, c.source) for c in expected.cells
    ], told
    assert found.metadata == expected.metadata, told


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_a_notebook_was_run_from_top_to_bottom_without_an_error(source: Path) -> None:
    cells = [cell for cell in written(source).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds <= {"stream", "display_data", "execute_result"}


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_a_notebook_is_small(source: Path) -> None:
    assert notebook_of(source).stat().st_size < LARGEST


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_a_notebook_shows_nothing_of_the_machine_it_was_run_on(source: Path) -> None:
    found = "\n".join(text_of(cell) for cell in written(source).cells)
    assert not LOCAL.findall(found)
    for name in (socket.gethostname(), getpass.getuser()):
        assert not re.search(rf"\b{re.escape(name)}\b", found)


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_every_score_is_marked_as_of_a_simulated_lm(source: Path) -> None:
    unsaid = [
        text
        for cell in written(source).cells
        if SCORE.search(text := text_of(cell)) and "simulated lm" not in text.lower()
    ]
    assert unsaid == []


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_a_notebook_shows_where_a_real_model_goes(source: Path) -> None:
    assert 'dspy.LM("openai/' in source.read_text(encoding="utf-8")


def test_the_first_cell_finds_the_repository_from_the_folder_of_a_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(HERE)
    shell = InteractiveShell()
    for _ in range(2):  # a cell may be run again
        assert shell.run_cell(SET_UP).success
        assert Path.cwd() == ROOT


@pytest.mark.parametrize("source", SOURCES, ids=names)
def test_links_lead_somewhere(source: Path) -> None:
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", source.read_text(encoding="utf-8"))
    assert [link for link in linked if not (HERE / link).exists()] == []
