"""A BM25 index of millions of passages, built on disk in little memory.

bm25s itself holds all tokens of a corpus at once, some 3.4 GB for a million passages. Here passages are read
in blocks, whose postings (token, passage, count) go to files, sorted by token. The files are then merged, a
range of tokens at a time, into the arrays that bm25s saves. Scores are bm25s's own (its default, Lucene's).
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

from benchmarks.scorers.retrieval.retriever import K1, LANGUAGE, B, tokens_of

PASSAGES_AT_ONCE = 50_000
POSTINGS_AT_ONCE = 5_000_000
SCORES, PASSAGES = "data.csc.index.npy", "indices.csc.index.npy"

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class _Postings:
    """What a corpus consists of.

    Attributes:
        vocabulary: Number of each token.
        lengths: Tokens of each passage.
        frequencies: Passages of each token.
        blocks: Files with three rows (token, passage, count), sorted by token, then by passage; the passages
            of a block come after those of the block before.
    """

    vocabulary: dict[str, int]
    lengths: Numbers
    frequencies: Numbers
    blocks: list[Path]


def store_index(
    passages: Iterable[str],
    directory: Path,
    *,
    passages_at_once: int = PASSAGES_AT_ONCE,
    postings_at_once: int = POSTINGS_AT_ONCE,
) -> None:
    """Index passages into a directory that `bm25s.BM25.load` reads.

    Args:
        passages: The passages, in order.
        directory: Where the index is written; as much again is needed beside it until it is done.
        passages_at_once: Passages whose tokens are held in memory.
        postings_at_once: Postings that are merged at a time.

    Raises:
        ValueError: There are no passages.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="postings_", dir=directory.parent) as spilled:
        found = _read(iter(passages), Path(spilled), passages_at_once)
        if not len(found.lengths):
            raise ValueError("store_index got 0 passages; BM25 needs at least 1 to search in.")
        ends = np.concatenate([[0], np.cumsum(found.frequencies)])
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        index.vocab_dict = found.vocabulary
        index.nonoccurrence_array = None
        nothing = np.zeros(0)  # the two long arrays are written below, piece by piece
        index.scores = {"data": nothing, "indices": nothing, "indptr": ends, "num_docs": len(found.lengths)}
        index.save(directory, data_name=SCORES, indices_name=PASSAGES, show_progress=False)
        with (directory / SCORES).open("wb") as scores, (directory / PASSAGES).open("wb") as numbers:
            for file, kind in ((scores, "<f4"), (numbers, "<i4")):
                head = {"descr": kind, "fortran_order": False, "shape": (int(ends[-1]),)}
                np.lib.format.write_array_header_1_0(file, head)
            for part, where in _merged(found, ends, postings_at_once):
                part.astype("<f4").tofile(scores)
                where.astype("<i4").tofile(numbers)


def _read(passages: Iterator[str], folder: Path, at_once: int) -> _Postings:
    vocabulary: dict[str, int] = {}
    lengths, frequencies = array("q"), np.zeros(0, dtype=np.int64)
    blocks: list[Path] = []
    stemmer = Stemmer.Stemmer(LANGUAGE)
    while block := list(islice(passages, at_once)):
        tokens = tokens_of(block, stemmer)
        numbers = np.zeros(len(tokens.vocab), dtype=np.int64)
        for word, local in tokens.vocab.items():
            numbers[local] = vocabulary.setdefault(word, len(vocabulary))
        counts = [len(ids) for ids in tokens.ids]
        flat = np.fromiter(chain.from_iterable(tokens.ids), dtype=np.int64, count=sum(counts))
        places = np.repeat(np.arange(len(block)), counts)
        keys, times = np.unique(numbers[flat] * len(block) + places, return_counts=True)
        token, place = np.divmod(keys, len(block))
        frequencies = np.bincount(token, minlength=len(vocabulary)) + np.pad(
            frequencies, (0, len(vocabulary) - len(frequencies))
        )
        blocks.append(folder / f"{len(blocks)}.npy")
        np.save(blocks[-1], np.stack([token, place + len(lengths), times]).astype(np.int32))
        lengths.extend(counts)
    return _Postings(vocabulary, np.array(lengths, dtype=np.int64), frequencies, blocks)


def _merged(found: _Postings, ends: Numbers, at_once: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Scores and passages of one range of tokens after another."""
    count, average = len(found.lengths), found.lengths.mean()
    rarity = np.log(1 + (count - found.frequencies + 0.5) / (found.frequencies + 0.5)).astype(np.float32)
    first = 0
    while first < len(found.frequencies):
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + at_once, side="right")) - 1)
        token, place, times = np.concatenate([_within(block, first, last) for block in found.blocks], axis=1)
        order = np.argsort(token, kind="stable")
        token, place, times = token[order], place[order], times[order]
        norm = K1 * ((1 - B) + B * found.lengths[place] / average)
        yield rarity[token] * (times / (norm + times)), place
        first = last


def _within(block: Path, first: int, last: int) -> Numbers:
    """The postings of some tokens in a block."""
    stored = np.load(block, mmap_mode="r")
    start, end = np.searchsorted(stored[0], [first, last])
    return np.array(stored[:, start:end])
