"""An index that is built in pieces: the same as bm25s's own, whatever the pieces."""

from __future__ import annotations

from pathlib import Path

import bm25s
import numpy as np
import pytest

from benchmarks.scorers.retrieval.retriever import Retriever, build_index
from benchmarks.scorers.retrieval.storing import store_index
from benchmarks.studies.retrieval_size import made_up

TEXTS = [*made_up(60), "", "the of and", "Élan élan 🙂 mills mills mills", *made_up(3)]


@pytest.mark.parametrize(("passages_at_once", "postings_at_once"), [(1000, 10**6), (7, 1), (1, 50)])
def test_scores_are_those_of_bm25s(tmp_path: Path, passages_at_once: int, postings_at_once: int) -> None:
    store_index(
        iter(TEXTS), tmp_path / "index", passages_at_once=passages_at_once, postings_at_once=postings_at_once
    )
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    stored, ours = bm25s.BM25.load(tmp_path / "index", mmap=True), build_index(TEXTS)
    words = set(ours.vocab_dict) - {""}
    assert set(stored.vocab_dict) - {""} == words
    for word in words:
        mine = stored.get_scores_from_ids([stored.vocab_dict[word]])
        assert np.array_equal(mine, ours.get_scores_from_ids([ours.vocab_dict[word]])), word


def test_searches_find_the_same_ties_included(tmp_path: Path) -> None:
    store_index(TEXTS, tmp_path / "index", passages_at_once=9, postings_at_once=100)
    stored = Retriever(TEXTS, bm25s.BM25.load(tmp_path / "index", mmap=True))
    fresh = Retriever.from_passages(TEXTS)
    for query in ("mills", "ELAN", "", "the", *(" ".join(text.split()[2:9]) for text in TEXTS[:20])):
        assert stored.search(query, 9) == fresh.search(query, 9)


def test_nothing_to_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        store_index([], tmp_path / "index")
