"""Long texts of a journal: stored once, and read back as one object."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from dspy_gepa import JournalError
from dspy_gepa.program.media import digest_of
from dspy_gepa.record.file import FILE_NAME
from dspy_gepa.record.journal import Journal
from dspy_gepa.record.texts import MOST_CHARS, Texts
from dspy_gepa.types import Outcome, TraceStep

DOCUMENT = "A document of some length. \ud83d" * 100  # with half of a surrogate pair


def outcome(number: int, document: str = DOCUMENT) -> Outcome:
    step = TraceStep("a", {"document": document, "question": f"number {number}"}, {"answer": "yes"})
    return Outcome("scored", score=number / 4, trace=(step,), output={"answer": "yes"})


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    journal = Journal(tmp_path, {}, {})
    for number in range(4):
        journal.record(f"key {number}", "rollout", 0, outcome(number), attempts=1, seconds=0.0)
    journal.close("finished")
    return tmp_path


def test_a_text_of_many_results_is_stored_once(finished: Path) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        assert db.execute("SELECT digest FROM texts").fetchall() == [(digest_of(DOCUMENT),)]
        assert db.execute("SELECT max(length(result)) FROM effects").fetchone()[0] < 400


def test_results_come_back_and_share_their_long_texts(finished: Path) -> None:
    journal = Journal(finished, {}, {})
    found = [journal.recall(f"key {number}") for number in range(4)]
    assert found == [outcome(number) for number in range(4)]
    documents = {id(one.trace[0].inputs["document"]) for one in found if isinstance(one, Outcome)}
    assert len(documents) == 1
    journal.close("finished")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE texts SET text = x'41'", "text .* is damaged"),
        ("DELETE FROM texts", "the text .* is missing"),
    ],
)
def test_a_text_that_is_not_what_was_stored_is_refused(finished: Path, change: str, words: str) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute(change)
    with pytest.raises(JournalError, match=words):
        Journal(finished, {}, {}).recall("key 0")


def test_a_result_that_stands_for_too_many_characters_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {}, {})
    document = "x" * 1_000_000
    times = MOST_CHARS // len(document) + 1
    texts = Texts(journal._db)
    with pytest.raises(ValueError, match="more than"):
        texts.decode(texts.encode(Outcome("scored", output={"documents": [document] * times})))
    journal.close("failed")
