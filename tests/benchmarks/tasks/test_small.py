"""The small tasks: rows apart, answers judged, what the program sends."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from random import Random

import dspy
import pytest

from benchmarks.tasks import SMALL_NAMES, DataNotFound, load
from benchmarks.tasks.small import TEST, TRAIN, VAL, cards, hops, lines, splits
from benchmarks.tasks.small.program import SHORT, first_line
from benchmarks.tasks.small.queues import judge, queue_of
from tests.benchmarks.support_rows import ROW
from tests.benchmarks.support_served import TitleWriter


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)


@pytest.mark.parametrize("name", SMALL_NAMES)
def test_rows_are_apart_and_test_rows_are_the_same_for_every_seed(name: str) -> None:
    first, second = load(name), load(name, seed=1)
    inputs = [tuple(row.inputs().values()) for row in [*first.train, *first.val, *first.test]]
    assert len(inputs) == len(set(inputs))
    assert [len(first.val), len(first.test)] == [VAL, TEST]
    assert len(first.train) <= TRAIN
    assert [dict(row) for row in first.test] == [dict(row) for row in second.test]
    assert [dict(row) for row in first.train] != [dict(row) for row in second.train]
    assert set(first.best_instructions) == {name for name, _ in first.program().named_predictors()}


def test_one_task_has_two_predictors_and_its_score_is_their_mean() -> None:
    task = load("splits")
    row = task.train[0]
    half = dspy.Prediction(matter=row.matter, haste="H9")
    assert task.metric(row, half).score == 0.5
    told = task.metric(row, half, None, "rank", []).feedback
    assert told.startswith("Wrong: 'H9'. The haste is")
    assert task.metric(row, None).score == 0.0


@pytest.mark.parametrize(
    ("question", "queue"),
    [
        ("Are Oslo and Bergen both ports?", "amber"),
        ("Which is older, the mill or the kiln?", "amber"),
        ("In which year did the mill burn?", "cobalt"),
        ("The man who built the mill was born where?", "ivory"),
        ("What city lies on the river?", "slate"),
    ],
)
def test_questions_have_the_queue_of_the_first_rule_that_fits(question: str, queue: str) -> None:
    assert queue_of(question) == queue
    row = dspy.Example(question=question, queue=queue)
    assert judge(row, f"'{queue}'.").score == 1.0
    assert judge(row, "other").score == 0.0


def test_a_card_is_judged_by_its_parts() -> None:
    row = dspy.Example(note="", card="QUILL/2B/0504")
    assert cards.judge(row, "QUILL/2B/0504").score == 1.0
    partly = cards.judge(row, "Quill/2B/0504")
    assert partly.score == pytest.approx(2 / 3)
    assert "name is 'QUILL'" in partly.feedback
    assert cards.judge(row, "two boxes").score == 0.0


def test_a_line_is_judged_by_the_rules_kept() -> None:
    row = dspy.Example(good="a tin lamp", season="autumn")
    assert lines.judge(row, "try a warm light this autumn").score == 1.0
    assert lines.judge(row, "").score == 0.0
    assert lines.judge(row, "Try it this autumn.").score == 0.25


def test_hand_written_examples_of_letters_are_no_rows() -> None:
    letters = [row.letter for row in splits.rows(Random(0), 50)]
    assert not any("toaster" in letter for letter in letters)


def test_the_program_sends_the_instruction_and_the_inputs_alone() -> None:
    (predictor,) = load("queues").program().predictors()
    sent = SHORT.format(predictor.signature, [], {"question": "Who?"})
    assert [(m["role"], m["content"].strip()) for m in sent] == [
        ("system", "Sort the question into its queue."),
        ("user", "question: Who?"),
    ]


def test_an_answer_is_its_first_line_without_quotes() -> None:
    assert first_line('\n"amber".\nbecause') == "amber"
    assert first_line("") == ""


PAGES = [
    ("Harbour at Dusk", "It is a painting by Ilse Maran."),
    ("Ilse Maran (painter)", "She painted in Vell, at the harbour at dusk."),
    ("Ilse Maran Prize", "Ilse Maran gave the prize of Ilse Maran her name."),
    ("Tom &amp; Vell", "A film."),
]
GOLD = dspy.Example(question="", titles=["Harbour at Dusk", "Ilse Maran (painter)"])


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("harbour at dusk", "Harbour at Dusk"),
        ("Ilse Maran", "Ilse Maran (painter)"),
        ("'the prize of Maran'\nand more", "Ilse Maran Prize"),
        ("Tom & Vell", "Tom & Vell"),
        ("", ""),
    ],
)
def test_a_search_opens_the_page_of_a_title_and_else_the_page_that_fits_best(query: str, title: str) -> None:
    assert hops.Search.over(PAGES)(query).partition(" | ")[0] == title


def test_a_page_is_its_title_and_the_beginning_of_its_text() -> None:
    found = hops.Search.over([("Mill", "word " * 100)])("Mill")
    assert found.split() == ["Mill", "|", *["word"] * (hops.WORDS - 2)]


def test_the_second_query_is_asked_for_with_what_the_first_found() -> None:
    task = load("hops")
    row = task.test[0]
    writer = TitleWriter(row.titles)
    with dspy.context(lm=dspy.LM("writer", engine=writer, cache=False)):
        found = pickle.loads(pickle.dumps(task.program))().deepcopy()(**row.inputs())
    assert writer.asked[0] == f"question: {row.question}"
    assert writer.asked[1] == f"question: {row.question}\nfound: {found.found}"
    assert found.found.startswith(f"{row.titles[0]} | ")
    assert task.metric(row, found).score == 1.0
    assert task.searched.startswith("240 passages")


def test_hops_has_the_rows_and_pages_of_local_files(tmp_path: Path) -> None:
    folder = tmp_path / "hotpotqa"
    folder.mkdir()
    long = {**ROW, "question": "o" * hops.LONGEST}
    for name in ("train", "val", "test"):
        (folder / f"{name}.jsonl").write_text(f"{json.dumps(ROW)}\n{json.dumps(long)}\n", encoding="utf-8")
    with pytest.raises(DataNotFound, match=r"lacks corpus\.jsonl"):
        load("hops", tmp_path)
    page = json.dumps({"title": "Mill", "text": "Jana built it."})
    (folder / "corpus.jsonl").write_text(page, encoding="utf-8")
    task = load("hops", tmp_path)
    assert [dict(row) for row in task.test] == [{"question": "Who?", "titles": ["Mill", "Jana"]}]
    assert task.searched.startswith("1 passages")


def test_two_searches_score_the_share_of_gold_pages_and_feedback_names_those_missing() -> None:
    one = dspy.Prediction(found="Harbour at Dusk | It is", found_next="Vell | It is")
    judged = hops.metric(GOLD, one)
    assert judged.score == 0.5
    assert "first search found 'Harbour at Dusk', a gold page" in judged.feedback
    assert "second search found 'Vell', no gold page" in judged.feedback
    assert judged.feedback.endswith("not found yet: 'Ilse Maran (painter)'.")
    assert "second" not in hops.metric(GOLD, one, None, "first", []).feedback
    again = dspy.Prediction(found="Harbour at Dusk | It is", found_next="Harbour at Dusk | It is")
    assert hops.metric(GOLD, again).score == 0.5
    assert "'Harbour at Dusk' again" in hops.metric(GOLD, again, None, "second", []).feedback
    both = dspy.Prediction(found="Ilse Maran (painter) | She", found_next="Harbour at Dusk | It is")
    assert hops.metric(GOLD, both).score == 1.0
    assert hops.metric(GOLD, None).score == 0.0
