"""Measure the cost of an index of many passages: the processes that `retrieval` starts.

Two stages, so that memory is that of each: `build` writes made-up passages (or those of a JSON-lines corpus),
indexes them as `benchmarks.scorers.retrieval.wikipedia` does and saves the index; `search` opens it
memory-mapped and searches. Each prints one line of JSON. Times are the processor's, so that other work on the
machine does not count. Memory is the most the process held at once, with what interpreter and libraries need;
of a memory-mapped index only the parts that were read count.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.scorers.retrieval.passages import StoredPassages, write_passages
from benchmarks.scorers.retrieval.storing import store_index
from benchmarks.scorers.retrieval.wikipedia import INDEX, StoredRetriever

WORDS_PER_PASSAGE = 70
VOCABULARY = 300_000
QUERIES = 100
QUERY_WORDS = 12


@click.group()
def main() -> None:
    """Measure an index."""


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--passages", default=0, help="Made-up passages.")
@click.option(
    "--corpus", type=click.Path(path_type=Path, exists=True), help="JSON lines with title and text."
)
def build(directory: Path, passages: int, corpus: Path | None) -> None:
    """Index passages in DIRECTORY."""
    count = write_passages(_read(corpus) if corpus else made_up(passages), directory)
    texts = StoredPassages(directory)
    started = time.process_time()
    store_index(texts, directory / INDEX)
    seconds = time.process_time() - started
    size = sum(path.stat().st_size for path in (directory / INDEX).iterdir())
    _print(passages=count, seconds=seconds, megabytes=_most_memory(), disk=size / 1e6)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
def search(directory: Path) -> None:
    """Search an index in DIRECTORY."""
    started = time.process_time()
    retriever = StoredRetriever(directory)
    opened = time.process_time()
    passages = StoredPassages(directory)
    rng = np.random.default_rng(1)
    chosen = rng.integers(len(passages), size=QUERIES)
    queries = [" ".join(passages[int(number)].split()[:QUERY_WORDS]) for number in chosen]
    asked = time.process_time()
    for query in queries:
        retriever.search(query, 7)
    each = (time.process_time() - asked) / QUERIES
    _print(open=opened - started, milliseconds=1000 * each, megabytes=_most_memory())


def made_up(count: int) -> Iterator[str]:
    """`count` passages "title | text" of invented words, as unevenly frequent as words are (Zipf's law)."""
    rng = np.random.default_rng(0)
    ranks = np.arange(1, VOCABULARY + 1)
    odds = np.cumsum(1.0 / ranks)
    words = np.array([_word(int(rank)) for rank in ranks])
    for _ in range(count):
        drawn = np.searchsorted(odds, rng.random(WORDS_PER_PASSAGE) * odds[-1])
        title, text = words[drawn[:2]], words[drawn]
        yield f"{' '.join(title)} | {' '.join(text)}"


def _word(number: int) -> str:
    """An invented word: its number in syllables."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    word = ""
    while number:
        number, rest = divmod(number, len(consonants) * len(vowels))
        word += consonants[rest % len(consonants)] + vowels[rest // len(consonants)]
    return word


def _read(corpus: Path) -> Iterable[str]:
    with corpus.open(encoding="utf-8") as lines:
        for page in map(json.loads, lines):
            yield f"{page['title']} | {page['text']}"


def _most_memory() -> float:
    """The most memory this process has held, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells on Linux begins with the memory of the process that started this one.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _print(**figures: float) -> None:
    print(json.dumps({name: round(figure, 4) for name, figure in figures.items()}))


if __name__ == "__main__":
    main()
