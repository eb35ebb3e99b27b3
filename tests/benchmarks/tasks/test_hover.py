"""HoVer: three searches for all gold pages, and feedback on the search that follows a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.tasks import DataNotFound, hover, load

GOLD = dspy.Example(
    claim="The painter of Harbour at Dusk was born where the Heron Regatta is held.",
    gold_titles=["Harbour at Dusk", "Ilse Maran", "Heron Regatta"],
).with_inputs("claim")
CORPUS = [
    "Harbour at Dusk | Harbour at Dusk is a painting by Ilse Maran.",
    "Ilse Maran | Ilse Maran was born in Velmere.",
    "Heron Regatta | The Heron Regatta is held in Velmere.",
    *(f"Town {i} | Town {i} has mills." for i in range(30)),
]
FIRST, SECOND = ["Harbour at Dusk | A painting."], ["Ilse Maran | A painter."]
STEPS: dict[str, tuple[Any, dict[str, Any], dspy.Prediction]] = {
    "summarize1.predict": (None, {"claim": "c", "passages": FIRST}, dspy.Prediction(summary="s")),
    "create_query_hop2.predict": (
        None,
        {"claim": "c", "summary_1": "s"},
        dspy.Prediction(query="Ilse Maran"),
    ),
    "summarize2.predict": (
        None,
        {"claim": "c", "context": "s", "passages": SECOND},
        dspy.Prediction(summary="s"),
    ),
    "create_query_hop3.predict": (
        None,
        {"claim": "c", "summary_1": "s", "summary_2": "s"},
        dspy.Prediction(query="Town"),
    ),
}


def fact(title: str) -> dict[str, Any]:
    return {"key": title, "value": 0}


def row(number: int, titles: int = 3) -> dict[str, Any]:
    facts = [fact(f"T{number}/{i}") for i in range(titles)]
    return {"claim": f"Claim {number}.", "supporting_facts": [*facts, facts[0]], "label": 1}


def feedback(component: str, retrieved: list[str]) -> str:
    prediction = dspy.Prediction(retrieved_docs=retrieved)
    own = [STEPS[component]]
    return str(hover.metric(GOLD, prediction, list(STEPS.values()), component, own).feedback)


def test_all_gold_titles_must_be_found() -> None:
    found = [f"{title} | ..." for title in ("heron regatta", "Ilse Maran", "The Harbour at Dusk")]
    assert hover.metric(GOLD, dspy.Prediction(retrieved_docs=found)).score == 1.0
    assert hover.metric(GOLD, dspy.Prediction(retrieved_docs=found[:2])).score == 0.0
    assert hover.metric(GOLD, None).score == 0.0
    assert hover.metric(GOLD, dspy.Prediction()).score == 0.0


def test_the_program_searches_three_times_for_24_passages() -> None:
    searched: list[tuple[str, int]] = []
    retriever = Retriever.from_passages(CORPUS)

    class Spy:
        def search(self, query: str, k: int) -> list[str]:
            searched.append((query, k))
            return retriever.search(query, k)

    task = hover.build({"train": [], "val": [], "test": []}, Spy())
    program = task.program()
    with dspy.context(lm=task.task_lm(), trace=[]):
        prediction = program(claim=GOLD.claim)
        fields = [set(inputs) for _, inputs, _ in dspy.settings.trace]
    assert [k for _, k in searched] == [7, 7, 10]
    assert searched[0][0] == GOLD.claim
    assert len(prediction.retrieved_docs) == 24
    assert [name for name, _ in program.named_predictors()] == sorted(STEPS)  # the artifact's order
    assert fields == [set(inputs) for _, inputs, _ in STEPS.values()]


def test_a_solved_claim_is_praised() -> None:
    found = [f"{title} | ..." for title in GOLD.gold_titles]
    for component in STEPS:
        assert feedback(component, found).startswith("Solved")


def test_first_half_of_the_passages_is_shown_to_the_second_search() -> None:
    for component in ("summarize1.predict", "create_query_hop2.predict"):
        text = feedback(component, [*FIRST, *SECOND, "Town 1 | ..."])
        assert "Found before this step's search: 'Harbour at Dusk'." in text
        assert ": 'Ilse Maran'." in text
        assert "- Heron Regatta" in text
    assert "the query 'Ilse Maran'" in feedback("create_query_hop2.predict", [*FIRST, *SECOND])


def test_second_half_is_shown_to_the_third() -> None:
    for component in ("summarize2.predict", "create_query_hop3.predict"):
        text = feedback(component, [*FIRST, *SECOND, "Town 1 | ..."])
        assert "Found before this step's search: 'Harbour at Dusk', 'Ilse Maran'." in text
        assert ": none." in text
        assert "- Heron Regatta" in text


@pytest.mark.parametrize("component", [*STEPS, ""])
def test_feedback_never_needs_a_trace(component: str) -> None:
    assert hover.metric(GOLD, None, None, component, None).feedback.startswith("Not solved")


def test_only_claims_with_three_pages_come_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    rows = [row(i, titles=2 + i % 2) for i in range(2000)]
    task = hover.load(hub=lambda: rows, retriever=Retriever.from_passages(CORPUS))
    assert [len(part) for part in (task.train, task.val, task.test)] == [150, 300, 300]
    assert all(len(set(example.gold_titles)) == 3 for example in task.train)


def test_hub_rows_without_an_index_say_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    monkeypatch.setenv("DSPY_GEPA_WIKI", str(tmp_path))
    with pytest.raises(DataNotFound, match="python -m benchmarks wikipedia"):
        hover.load(hub=lambda: [row(1)])


def test_pages_without_a_text_can_be_found(tmp_path: Path) -> None:
    folder = tmp_path / "hover"
    folder.mkdir()
    for name in ("train", "val", "test"):
        (folder / f"{name}.jsonl").write_text(json.dumps(row(1)), encoding="utf-8")
    pages = [{"title": "Velmere", "text": None}, {"title": "Kelwick", "text": "A village."}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, pages)), encoding="utf-8")
    task = load("hover", tmp_path)
    assert task.program().retriever.search("velmere", 1) == ["Velmere | "]
