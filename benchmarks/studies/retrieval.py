"""`python -m benchmarks retrieval`: recall of gold pages by our BM25, and the cost of indexes."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import click
import Stemmer

from benchmarks.harness.options import numbers
from benchmarks.harness.tables import markdown
from benchmarks.scorers.retrieval.retriever import LANGUAGE, Retriever, build_index
from benchmarks.tasks import hotpotqa
from benchmarks.tasks.data import DataNotFound, read_files
from benchmarks.tasks.feedback import titles_in

DEPTHS = (7, 10, 20, 50)
MODULE = "benchmarks.studies.retrieval_size"
Search = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Recall:
    """Of rows with two gold pages: share with both found, share with one at least, and mean share found."""

    both: float
    one: float
    mean: float


def recall_at(search: Search, rows: Sequence[Any], depth: int) -> Recall:
    """Recall of the gold titles of `rows` (question, gold_titles) in the first `depth` passages."""
    shares = []
    for row in rows:
        found = set(titles_in(search(row.question, depth)))
        shares.append(sum(title in found for title in row.gold_titles) / len(row.gold_titles))
    count = len(shares)
    return Recall(
        sum(share == 1.0 for share in shares) / count, sum(map(bool, shares)) / count, sum(shares) / count
    )


def searches(passages: Sequence[str]) -> Iterator[tuple[str, Search]]:
    """Ours, the same settings by bm25s's own road, and two other settings for comparison."""
    ours = Retriever.from_passages(passages)
    yield "ours: k1=0.9, b=0.4, stop words, stems", ours.search
    yield "bm25s.retrieve, the same settings", _plain_search(passages, k1=0.9, b=0.4, stem=True)
    yield "bm25s.retrieve, its defaults k1=1.5, b=0.75", _plain_search(passages, k1=1.5, b=0.75, stem=True)
    yield "bm25s.retrieve, k1=0.9, b=0.4, no stems", _plain_search(passages, k1=0.9, b=0.4, stem=False)


def _plain_search(passages: Sequence[str], *, k1: float, b: float, stem: bool) -> Search:
    index = build_index(passages, k1=k1, b=b, stem=stem)
    stemmer = Stemmer.Stemmer(LANGUAGE) if stem else None

    def search(query: str, k: int) -> list[str]:
        tokens = bm25s.tokenize(query, stopwords="en", stemmer=stemmer, show_progress=False)
        found, _ = index.retrieve(tokens, k=k, show_progress=False)
        return [passages[int(i)] for i in found[0]]

    return search


def recall_table(data_dir: Path) -> str:
    """Recall of the local HotpotQA rows, as Markdown."""
    task = hotpotqa.load(data_dir)
    rows = [*task.train, *task.val, *task.test]
    corpus = read_files(data_dir / "hotpotqa", ["corpus"])["corpus"]
    lines = []
    for name, search in searches([f"{page['title']} | {page['text']}" for page in corpus]):
        for depth in DEPTHS:
            recall = recall_at(search, rows, depth)
            lines.append((name, depth, *(f"{share:.1%}" for share in (recall.both, recall.one, recall.mean))))
    head = ["search", "k", "both gold pages", "one at least", "mean recall"]
    return f"{len(rows)} questions, {len(corpus)} passages.\n\n{markdown(head, lines)}"


def cost_table(sizes: Sequence[int], corpus: Path) -> str:
    """Time and memory of indexes, each built and searched in processes of their own, as Markdown."""
    lines = [_cost("HotpotQA's local corpus", ["--corpus", str(corpus.resolve())])]
    lines += [_cost("made up", ["--passages", str(size)]) for size in sizes]
    head = [
        *("passages", "", "to index, CPU s", "memory, MB", "on disk, MB"),
        *("to open mapped, CPU s", "a search, CPU ms", "memory searching, MB"),
    ]
    return markdown(head, lines)


def _cost(name: str, source: Sequence[str]) -> tuple[object, ...]:
    with tempfile.TemporaryDirectory() as directory:
        built = _measured(["build", directory, *source])
        used = _measured(["search", directory])
    return (
        f"{built['passages']:,}",
        name,
        *(built[key] for key in ("seconds", "megabytes", "disk")),
        *(used[key] for key in ("open", "milliseconds", "megabytes")),
    )


def _measured(arguments: Sequence[str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", MODULE, *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@click.command()
@click.option("--data", "data_dir", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--sizes",
    callback=numbers(none=True),
    default="1000000",
    show_default=True,
    help="Made-up passages to index, comma-separated.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables here too.")
def retrieval(data_dir: Path, sizes: tuple[int, ...], out: Path | None) -> None:
    """Measure recall on HotpotQA rows, and what indexing costs; minutes, and gigabytes of memory."""
    try:
        recall = recall_table(data_dir)
    except DataNotFound as error:
        raise click.ClickException(str(error)) from error
    packages = ", ".join(f"{name} {version(name)}" for name in ("bm25s", "PyStemmer", "numpy"))
    report = "\n\n".join(
        [
            "# Retrieval",
            f"By `python -m benchmarks retrieval --data DIR --sizes {','.join(map(str, sizes))}` with Python "
            f"{platform.python_version()}, {packages}.",
            "## Recall",
            recall,
            "## Cost",
            cost_table(sizes, data_dir / "hotpotqa" / "corpus.jsonl"),
        ]
    )
    click.echo(report)
    if out is not None:
        out.write_text(report + "\n", encoding="utf-8")
