"""BM25 search: deterministic, shared, safe in threads."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest

from benchmarks.scorers.retrieval import retriever as retrieval_module
from benchmarks.scorers.retrieval.retriever import Retriever

PASSAGES = [f"Town {i} | Town {i} has mills and {i} bridges." for i in range(20)]
PASSAGES += ["Velholm | Velholm breeds herons.", "Ostmere | The heron of Ostmere is stuffed."]


@pytest.fixture
def retriever() -> Retriever:
    return Retriever.from_passages(PASSAGES)


def test_the_best_passages_come_first(retriever: Retriever) -> None:
    assert retriever.search("Velholm herons", 2) == [PASSAGES[20], PASSAGES[21]]


def test_words_are_stemmed(retriever: Retriever) -> None:
    assert PASSAGES[20] in retriever.search("breeding", 1)


def test_ties_go_to_the_earlier_passage(retriever: Retriever) -> None:
    assert retriever.search("mills", 3) == PASSAGES[:3]


def test_a_query_of_unknown_words_still_gets_passages(retriever: Retriever) -> None:
    assert retriever.search("xyzzy", 3) == PASSAGES[:3]
    assert retriever.search("", 3) == PASSAGES[:3]


def test_a_small_corpus_gives_what_it_has(retriever: Retriever) -> None:
    assert len(retriever.search("mills", 100)) == len(retriever) == len(PASSAGES)


def test_changing_a_result_does_not_change_the_next(retriever: Retriever) -> None:
    retriever.search("mills", 3).clear()
    assert len(retriever.search("mills", 3)) == 3


def test_what_is_remembered_is_bounded_and_changes_nothing(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval_module, "REMEMBERED", 2)
    small = Retriever.from_passages(PASSAGES)
    queries = [f"town {i} bridges" for i in range(5)] * 2
    assert [small.search(query, 3) for query in queries] == [retriever.search(query, 3) for query in queries]
    assert small.remembered == 2
    assert retriever.remembered == 5


def test_a_deep_copy_shares_the_index(retriever: Retriever) -> None:
    assert copy.deepcopy({"held": retriever})["held"] is retriever


def test_a_pickled_retriever_finds_the_same(retriever: Retriever) -> None:
    again = cloudpickle.loads(cloudpickle.dumps(retriever))
    assert again.search("stuffed heron", 5) == retriever.search("stuffed heron", 5)


def test_threads_find_what_one_thread_finds(retriever: Retriever) -> None:
    queries = [f"town {i} bridges herons" for i in range(20)] * 5
    fresh = Retriever.from_passages(PASSAGES)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: fresh.search(query, 4), queries))
    assert found == [retriever.search(query, 4) for query in queries]


def test_it_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    Retriever.from_passages(PASSAGES).search("mills", 2)
    assert capfd.readouterr() == ("", "")


def test_an_empty_corpus_and_a_zero_k_are_refused(retriever: Retriever) -> None:
    with pytest.raises(ValueError, match="0 passages"):
        Retriever.from_passages([])
    with pytest.raises(ValueError, match="k=0"):
        retriever.search("mills", 0)
