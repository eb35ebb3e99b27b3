"""BM25 search over passages, shaped so that a DSPy program can hold it.

A `Retriever` is shared by every deep copy of the program that holds it (an optimizer copies programs all
the time, the index never changes), can be pickled, may be called from many threads at once, and answers
the same query with the same list every time, ties included.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import bm25s
import numpy as np
import Stemmer

K1 = 0.9
B = 0.4
LANGUAGE = "english"
# Queries whose passages are kept: those of an epoch, which come again.
REMEMBERED = 20_000


def build_index(texts: Sequence[str], *, k1: float = K1, b: float = B, stem: bool = True) -> bm25s.BM25:
    """A BM25 index of `texts`; the defaults are the settings the paper's program searches with."""
    index = bm25s.BM25(k1=k1, b=b)
    index.index(tokens_of(texts, Stemmer.Stemmer(LANGUAGE) if stem else None), show_progress=False)
    return index


def tokens_of(texts: Sequence[str], stemmer: Stemmer.Stemmer | None) -> bm25s.tokenization.Tokenized:
    """Tokens of texts without English stop words: numbers by text, and the number of each word."""
    return bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)


class Retriever:
    """Finds the passages that best match a query by BM25 (k1=0.9, b=0.4, English stop words and stems).

    Passages are strings "title | text". Build one with `Retriever.from_passages`.
    """

    def __init__(self, passages: Sequence[str], index: bm25s.BM25) -> None:
        self._passages = passages
        self._index = index
        self._start()

    @classmethod
    def from_passages(cls, passages: Iterable[str]) -> Retriever:
        """Index `passages`. Raises ValueError when there are none."""
        texts = tuple(passages)
        if not texts:
            raise ValueError("Retriever.from_passages got 0 passages; BM25 needs at least 1 to search in.")
        return cls(texts, build_index(texts))

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def identity(self) -> str:
        """What is searched, in words: the number of passages and a checksum of them."""
        digest = hashlib.sha256()
        for passage in self._passages:
            digest.update(passage.encode("utf-8", "backslashreplace") + b"\n")
        return f"{len(self):,} passages, sha256 {digest.hexdigest()[:16]}"

    @property
    def remembered(self) -> int:
        """For how many queries the passages are remembered; at most `REMEMBERED`."""
        return self._remembered.cache_info().currsize

    def search(self, query: str, k: int) -> list[str]:
        """The `k` best passages, best first; fewer when the corpus is smaller.

        A query that shares no word with the corpus still gets `k` passages (the first ones), because every
        score ties at zero and ties go to the passage that was indexed earlier.
        Raises ValueError when `k` is below 1.
        """
        if k < 1:
            raise ValueError(f"search needs k >= 1, got k={k}.")
        return [self._passages[i] for i in self._remembered(query, min(k, len(self._passages)))]

    def _rank(self, query: str, k: int) -> tuple[int, ...]:
        # PyStemmer keeps a buffer inside the stemmer, so two threads must not stem with the same one.
        with self._lock:
            tokens = bm25s.tokenize(
                query, stopwords="en", stemmer=self._stemmer, return_ids=False, show_progress=False
            )[0]
        ids = self._index.get_tokens_ids(tokens)
        if not ids:
            return tuple(range(k))
        scores = self._index.get_scores_from_ids(ids)
        # argpartition leaves ties in any order: take everything that ties with the k-th, then sort stably.
        cut = np.partition(scores, -k)[-k]
        candidates = np.flatnonzero(scores >= cut)
        order = candidates[np.argsort(-scores[candidates], kind="stable")]
        return tuple(int(i) for i in order[:k])

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._stemmer = Stemmer.Stemmer(LANGUAGE)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._rank)

    def __deepcopy__(self, memo: dict[int, Any]) -> Retriever:
        # A copy of the program is a new program over the same library.
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {"passages": self._passages, "index": self._index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._passages = state["passages"]
        self._index = state["index"]
        self._start()
