"""The Wikipedia abstracts: from archive to memory-mapped index, without the download."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tarfile
from pathlib import Path

import cloudpickle
import pytest
from click.testing import CliRunner

from benchmarks.scorers.retrieval import wikipedia
from benchmarks.scorers.retrieval.passages import StoredPassages, write_passages
from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.scorers.retrieval.wikipedia import IndexNotFound, build, is_built, open_wikipedia
from benchmarks.tasks import hotpotqa

PAGES = [
    {"id": 1, "title": "Velholm", "text": ["Velholm breeds herons.", "It lies on the Ostra."]},
    {"id": 2, "title": "Ostmere", "text": ["The heron of Ostmère is stuffed."]},
    *({"id": 10 + i, "title": f"Town {i}", "text": [f"Town {i} has mills."]} for i in range(20)),
]
LINES = "".join(json.dumps(page) + "\n" for page in PAGES).encode()


def archive(path: Path, name: str = "wiki.abstracts.2017.jsonl") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(LINES)
        tar.addfile(entry, io.BytesIO(LINES))
    return path


@pytest.fixture
def built(tmp_path: Path) -> Path:
    build(archive(tmp_path / "wiki.tar.gz"), tmp_path / "index")
    return tmp_path / "index"


def test_what_was_built_is_counted_and_its_checksum_shown(tmp_path: Path) -> None:
    result = build(archive(tmp_path / "wiki.tar.gz"), tmp_path / "index")
    assert result.passages == len(PAGES)
    assert result.sha256 == hashlib.sha256(LINES).hexdigest()


def test_the_stored_index_finds_what_one_in_memory_finds(built: Path) -> None:
    texts = [f"{page['title']} | {' '.join(page['text'])}" for page in PAGES]  # type: ignore[arg-type]
    stored, fresh = open_wikipedia(built), Retriever.from_passages(texts)
    for query in ("heron", "Velholm herons", "mills of town 7", "nothing known", "Ostmère"):
        assert stored.search(query, 5) == fresh.search(query, 5)
    assert len(stored) == len(PAGES)


def test_copies_share_it_and_pickles_are_small(built: Path) -> None:
    retriever = open_wikipedia(built)
    assert copy.deepcopy({"held": retriever})["held"] is retriever
    pickled = cloudpickle.dumps(retriever)
    assert len(pickled) < 1_000
    assert cloudpickle.loads(pickled).search("heron", 3) == retriever.search("heron", 3)


def test_without_an_index_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPY_GEPA_WIKI", str(tmp_path / "none"))
    with pytest.raises(IndexNotFound, match=r"python -m benchmarks wikipedia.*DSPY_GEPA_WIKI"):
        open_wikipedia()


def test_an_archive_without_lines_is_refused_and_leaves_no_index(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no \.jsonl file"):
        build(archive(tmp_path / "wiki.tar.gz", name="readme.txt"), tmp_path / "index")
    assert not is_built(tmp_path / "index")


def test_the_command_builds_once_and_warns_of_another_file(tmp_path: Path) -> None:
    source, target = archive(tmp_path / "wiki.tar.gz"), str(tmp_path / "index")
    arguments = ["--dir", target, "--archive", str(source)]
    first = CliRunner().invoke(wikipedia.wikipedia, arguments)
    assert first.exit_code == 0, first.output
    assert "22 passages indexed" in first.output
    assert "not the file other projects used" in first.output
    again = CliRunner().invoke(wikipedia.wikipedia, arguments)
    assert "holds an index of 22 passages already" in again.output


def test_a_download_that_fails_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(**names: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    result = CliRunner().invoke(wikipedia.wikipedia, ["--dir", str(tmp_path / "index")])
    assert result.exit_code == 1
    assert "--archive" in result.output


def test_hotpotqa_from_the_hub_searches_the_index_where_there_is_one(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    monkeypatch.setenv("DSPY_GEPA_WIKI", str(built))
    facts, context = {"title": ["A"], "sent_id": [0]}, {"title": ["A"], "sentences": [["A fact."]]}
    rows = [{"question": "Q?", "answer": "A", "supporting_facts": facts, "context": context}] * 10
    retriever = hotpotqa.load(hub=lambda: rows).program().retriever
    assert len(retriever) == len(PAGES)
    monkeypatch.setenv("DSPY_GEPA_WIKI", str(built / "none"))
    with pytest.warns(UserWarning, match="only the 1 paragraphs that come with its own rows"):
        task = hotpotqa.load(hub=lambda: rows)
    assert len(task.program().retriever) == 1
    assert task.substitute


def test_an_index_knows_what_it_was_built_from(built: Path) -> None:
    assert open_wikipedia(built).identity == (
        f"{len(PAGES)} abstracts of Wikipedia, sha256 {hashlib.sha256(LINES).hexdigest()[:16]}"
    )


def test_memory_disk_and_time_are_shown_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikipedia, "_free_disk", lambda directory: 10**9)
    monkeypatch.setattr(wikipedia, "_free_memory", lambda: 10**9)
    told = wikipedia.needed(tmp_path, download=True)
    for figure in (
        "608 MB",
        "2 GB of memory",
        "8.6 GB of disk",
        "4.7 GB stay",
        "11 minutes",
        "less than 4 GB",
    ):
        assert figure in told
    assert "Only 1.0 GB of disk" in told
    assert "Only 1.0 GB of memory" in told


def test_stored_passages_read_like_a_list(tmp_path: Path) -> None:
    texts = ["eins", "", "zwei\ndrei", "vier | fünf 🙂"]
    assert write_passages(iter(texts), tmp_path) == 4
    stored = StoredPassages(tmp_path)
    assert list(stored) == texts
    assert stored[-1] == texts[-1]
    assert stored[1:3] == texts[1:3]
    with pytest.raises(IndexError, match="Passage 4 of 4"):
        stored[4]


def test_no_passages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        write_passages([], tmp_path)
