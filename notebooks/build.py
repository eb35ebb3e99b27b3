"""Writes the notebooks from their sources, with the outputs of a real kernel: `make notebooks`.

A source is a Python script in cells (the "percent" format of jupytext). It is what one edits, lints and
compares; the notebook is made from it.
"""

from __future__ import annotations

import base64
import os
import sys
from io import BytesIO
from pathlib import Path

import click
import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image
from traitlets.config import Config

HERE = Path(__file__).parent
ROOT = HERE.parent
SECONDS = 600
COLOURS = 48
# The second cell of each notebook. Jupyter starts it in the notebook's folder, which lacks `benchmarks`.
SET_UP = """\
# In Colab, or wherever there is no clone: put the repository's address here and run this cell first.
import importlib.util
from pathlib import Path

if Path("../benchmarks/__init__.py").exists():
    %cd -q ..
elif importlib.util.find_spec("benchmarks") is None:
    !git clone -q REPOSITORY dspy_gepa
    %cd -q dspy_gepa
    %pip install -q '.[notebooks]'"""
# No bars, no price list from the network, and this checkout's packages.
ENVIRONMENT = {"TQDM_DISABLE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(ROOT)}


def sources() -> list[Path]:
    """The sources, in reading order."""
    return sorted((HERE / "sources").glob("*.py"))


def notebook_of(source: Path) -> Path:
    """Where a source's notebook is."""
    return HERE / f"{source.stem}.ipynb"


def read_source(source: Path) -> NotebookNode:
    """A source as a notebook without outputs. Ids of cells go by position, so that nothing is random."""
    notebook: NotebookNode = jupytext.read(source, fmt="py:percent")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.cells.insert(1, nbformat.v4.new_code_cell(SET_UP))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = NotebookNode()
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: NotebookNode) -> None:
    """Run all cells in a kernel of this Python, from the repository's root; outputs go into the notebook.

    Raises:
        CellExecutionError: A cell raised.
    """
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(ROOT)}},
        config=Config(KernelManager={"transport": "ipc"}),
    )
    client.execute()
    notebook.metadata.language_info = NotebookNode(name="python")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_lighter(output) for output in cell.outputs if not _is_log(output)]


def _is_log(output: NotebookNode) -> bool:
    # Log lines hold the time of day, and would differ with every run.
    return bool(output.output_type == "stream" and output.name == "stderr")


def _lighter(output: NotebookNode) -> NotebookNode:
    # A plot has few colours: with a palette its picture takes a third.
    if "image/png" in output.get("data", {}):
        picture = Image.open(BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
        packed = BytesIO()
        picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(packed, "png", optimize=True)
        output.data["image/png"] = base64.b64encode(packed.getvalue()).decode() + "\n"
    return output


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Execute and write the notebooks that NAMES begin (01, 02, ...); default all."""
    os.environ.update(ENVIRONMENT)
    for source in sources():
        if not names or source.name.startswith(names):
            notebook = read_source(source)
            execute(notebook)
            file = notebook_of(source)
            nbformat.write(notebook, file)
            click.echo(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
