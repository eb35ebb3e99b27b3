"""Recall is counted by hand here; costs are measured by processes that really run."""

from __future__ import annotations

import json
from pathlib import Path

import dspy
from click.testing import CliRunner

from benchmarks.studies.retrieval import Recall, recall_at, retrieval, searches
from benchmarks.studies.retrieval_size import made_up
from tests.benchmarks.support_rows import ROW

PASSAGES = [
    "Velholm | Velholm breeds herons.",
    "Ostmere | Ostmere has a stuffed heron.",
    *(f"Town {i} | Mills." for i in range(60)),
]


def test_recall_counts_both_pages_one_page_and_the_share() -> None:
    rows = [
        dspy.Example(question="first", gold_titles=["A", "B"]),
        dspy.Example(question="second", gold_titles=["A", "C"]),
        dspy.Example(question="third", gold_titles=["C", "D"]),
    ]
    found = recall_at(lambda query, k: ["A | x", "B | y", "C | z"][:k], rows, 2)
    assert found == Recall(both=1 / 3, one=2 / 3, mean=0.5)


def test_bm25s_by_its_own_road_finds_what_ours_finds() -> None:
    roads = dict(searches(PASSAGES))
    ours, theirs = list(roads.values())[:2]
    assert ours("Velholm herons", 2) == theirs("Velholm herons", 2) == PASSAGES[:2]
    without_stems = roads["bm25s.retrieve, k1=0.9, b=0.4, no stems"]
    assert without_stems("heron", 1) == [PASSAGES[1]]


def test_made_up_passages_are_the_same_every_time_and_uneven() -> None:
    texts = list(made_up(50))
    assert texts == list(made_up(50))
    words = [word for text in texts for word in text.split(" | ")[1].split()]
    assert len(words) == 50 * 70
    assert max(map(words.count, set(words))) > 50 * len(words) / 10_000


def test_the_command_writes_both_tables(tmp_path: Path) -> None:
    folder = tmp_path / "hotpotqa"
    folder.mkdir()
    for name in ("train", "val", "test"):
        (folder / f"{name}.jsonl").write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    pages = [
        {"title": "Mill", "text": "Jana built it."},
        *({"title": f"T{i}", "text": "x"} for i in range(60)),
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, pages)), encoding="utf-8")
    out = tmp_path / "retrieval.md"
    done = CliRunner().invoke(
        retrieval, ["--data", str(tmp_path), "--sizes", "200", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "3 questions, 61 passages" in text
    assert "| 200 | made up |" in text
    assert "| 61 | HotpotQA's local corpus |" in text


def test_data_that_is_not_there_is_reported_in_a_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(retrieval, ["--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "lacks train.jsonl" in " ".join(done.output.split())
