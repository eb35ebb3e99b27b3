"""Loading from public sources, on local stand-ins: data sets of the hub, files of repositories."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pytest

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.tasks import aime, data, hotpotqa, hover, ifbench, livebench_math, pupa
from benchmarks.tasks.data import DataNotFound, Expected, FirstOf, HubSet, RepositoryFile, blob_id, read_hub

CORPUS = Retriever.from_passages(["Velmere | A town."])


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data directory, and caches of the test's own."""
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    monkeypatch.setenv("DSPY_GEPA_FILES", str(tmp_path / "files"))
    monkeypatch.setenv("DSPY_GEPA_WIKI", str(tmp_path / "wiki"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def stand_in(folder: Path, hub: HubSet, rows: list[dict[str, Any]]) -> HubSet:
    """A data set of these rows, kept as the hub keeps them: Parquet, with the configuration in its card."""
    place = folder / hub.name.replace("/", "-")
    place.mkdir(parents=True)
    datasets.Dataset.from_list(rows).to_parquet(place / "rows.parquet")
    config = hub.config or "default"
    card = {"config_name": config, "data_files": [{"split": hub.split, "path": "rows.parquet"}]}
    (place / "README.md").write_text(f"---\nconfigs: {json.dumps([card])}\n---\n", encoding="utf-8")
    return replace(hub, name=str(place), revision=None)


def script(folder: Path, hub: HubSet) -> HubSet:
    """A data set that is a loading script."""
    place = folder / "scripted"
    place.mkdir(parents=True)
    (place / "scripted.py").write_text("import datasets\n", encoding="utf-8")
    return replace(hub, name=str(place), revision=None)


def claim(number: int, titles: int = 3) -> dict[str, Any]:
    facts = [{"key": f"Page {number}-{place}", "value": place} for place in range(titles)]
    return {"uid": f"u{number}", "claim": f"Claim {number}.", "supporting_facts": facts, "num_hops": 3}


def test_hotpotqas_nested_lists_are_read(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"Q{i}?",
            "answer": "A",
            "supporting_facts": {"title": ["T", "U"], "sent_id": [0, 1]},
            "context": {"title": ["T", "U"], "sentences": [["Fact."], ["Other.", "More."]]},
        }
        for i in range(10)
    ]
    with pytest.warns(UserWarning, match="not the abstracts of Wikipedia"):
        task = hotpotqa.load(hub=stand_in(tmp_path, hotpotqa.HUB, rows))
    assert (len(task.test), len(task.val), len(task.train)) == (4, 4, 2)
    assert [page["support"] for page in task.train[0].gold_pages] == [["Fact."], ["More."]]


def test_aimes_two_sets_are_read(tmp_path: Path) -> None:
    first = [{"problem": f"P{i}", "answer": str(i), "solution": "So."} for i in range(90)]
    second = [{"problem": f"T{i}", "answer": i} for i in range(30)]
    task = aime.load(
        hub=stand_in(tmp_path, aime.HUB, first), hub_test=stand_in(tmp_path, aime.HUB_TEST, second)
    )
    assert (len(task.train), len(task.val), len(task.test)) == (45, 45, 150)


def test_pupas_configuration_is_read(tmp_path: Path) -> None:
    rows = [{"user_query": f"Q{i}", "target_response": "R", "pii_units": "a||b"} for i in range(450)]
    task = pupa.load(hub=stand_in(tmp_path, pupa.HUB, rows))
    assert (len(task.train), len(task.val), len(task.test)) == (111, 111, 221)


def test_livebenchs_split_is_read(tmp_path: Path) -> None:
    row = {
        "question_id": "q",
        "turns": ["How much?"],
        "ground_truth": "2",
        "task": "AMPS_Hard",
        "subtask": "s",
    }
    rows = [{**row, "question_id": f"q{i}"} for i in range(368)]
    task = livebench_math.load(hub=stand_in(tmp_path, livebench_math.HUB, rows))
    assert (len(task.train), len(task.val), len(task.test)) == (121, 121, 126)


@pytest.mark.parametrize(
    ("hub", "load", "told"),
    [
        (aime.HUB, aime.load, r"holds 3 rows.* from 90"),
        (pupa.HUB, pupa.load, r"holds 3 rows.* from at least 443"),
        (livebench_math.HUB, livebench_math.load, r"holds 3 rows.* from 368"),
        (hover.PARQUET, hover.load, r"holds 2 claims with 3 different gold titles.* from 6,084"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_another_number_of_rows_is_refused(
    hub: HubSet, load: Callable[..., Any], told: str, tmp_path: Path
) -> None:
    rows = [claim(1), claim(2), claim(3, titles=2)]
    with pytest.raises(DataNotFound, match=told):
        load(hub=stand_in(tmp_path, hub, rows))


def test_a_script_is_named_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(
        DataNotFound, match=r"No rows for hover.* is a loading script.*does not run"
    ) as caught:
        read_hub("hover", script(tmp_path, hover.PARQUET))
    assert "network access does not help" in str(caught.value)


def test_without_the_library_it_says_what_to_install() -> None:
    def absent() -> list[Any]:
        raise ImportError("No module named 'datasets'")

    with pytest.raises(DataNotFound, match="`datasets` is not installed"):
        read_hub("aime", absent)


def test_hover_falls_back_to_the_parquet_copy_and_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [claim(i) for i in range(20)]
    copy = replace(stand_in(tmp_path, hover.PARQUET, rows), expected=Expected(20))
    monkeypatch.setattr(data.urllib.request, "urlopen", _refused)
    task = hover.load(hub=FirstOf((hover.TRAIN_FILE, copy)), retriever=CORPUS)
    assert [row.claim for row in task.test] == [row["claim"] for row in hover.hub_splits(rows)["test"]]


def test_all_sources_that_failed_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.urllib.request, "urlopen", _refused)
    with pytest.raises(
        DataNotFound, match=r"(?s)hover-nlp/hover at 39b8469.*network.*loading script"
    ) as caught:
        hover.load(hub=FirstOf((hover.TRAIN_FILE, script(tmp_path, hover.PARQUET))), retriever=CORPUS)
    assert "--data" in str(caught.value)


def _refused(*_: Any, **__: Any) -> Any:
    raise ConnectionRefusedError("no network here")


@pytest.mark.parametrize(
    "facts",
    [
        [["A", 0], ["B", 1], ["A", 2]],
        [("A", 0), ("B", 1)],
        [{"key": "A", "value": 0}, {"key": "B", "value": 1}],
        {"key": ["A", "B", "A"], "value": [0, 1, 2]},
        [{"title": "A", "sent_id": 0}, {"title": "B", "sent_id": 1}],
        {"title": ["A", "B"], "sent_id": [0, 1]},
    ],
    ids=["pairs", "tuples", "objects", "columns", "titled objects", "titled columns"],
)
def test_gold_titles_are_read_in_every_shape(facts: Any) -> None:
    assert hover.gold_titles({"supporting_facts": facts}) == ["A", "B"]


@pytest.mark.parametrize("facts", [["A", "B"], {"page": ["A"]}, [{"page": "A"}], [[0, "A"]]], ids=str)
def test_gold_titles_in_another_shape_are_refused(facts: Any) -> None:
    with pytest.raises(ValueError, match="supporting_facts"):
        hover.gold_titles({"supporting_facts": facts})


# Files of repositories --------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What repositories hold, by the end of the address."""
    files: dict[str, bytes] = {}

    def urlopen(address: str, timeout: float) -> BytesIO:
        return BytesIO(next(content for end, content in files.items() if address.endswith(end)))

    monkeypatch.setattr(data.urllib.request, "urlopen", urlopen)
    return files


def in_repository(
    file: RepositoryFile, rows: list[dict[str, Any]], served: dict[str, bytes]
) -> RepositoryFile:
    """The file with these rows in place of its own."""
    lines = "\n".join(map(json.dumps, rows))
    content = (json.dumps(rows) if file.name.endswith(".json") else lines).encode()
    served[file.path] = content
    return replace(file, blob=blob_id(content))


def test_hovers_training_file_is_read_with_its_pairs(served: dict[str, bytes]) -> None:
    rows = [{**claim(i), "supporting_facts": [[f"P{i}-{k}", 0] for k in range(3)]} for i in range(30)]
    file = replace(
        in_repository(hover.TRAIN_FILE, rows, served), expected=Expected(30, kept=hover.ELIGIBLE.kept)
    )
    task = hover.load(hub=file, retriever=CORPUS)
    assert (len(task.test), len(task.val), len(task.train)) == (12, 12, 6)
    served.clear()
    assert len(read_hub("hover", file)) == 30  # from the copy that was kept


def test_ifbenchs_files_are_cut_as_the_paper_does(served: dict[str, bytes]) -> None:
    row = {"prompt": "P", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    rows = [{**row, "prompt": f"P{i}"} for i in range(650)]
    train = in_repository(ifbench.TRAIN_FILE, rows, served)
    test = in_repository(ifbench.TEST_FILE, rows[:294], served)
    task = ifbench.load(hub=train, hub_test=test)
    assert (len(task.train), len(task.val), len(task.test)) == (150, 300, 294)
    assert [row.query for row in task.val] == [f"P{i}" for i in range(300)]
    assert {int(row.query[1:]) for row in task.train} <= set(range(300, 600))
    fewer = in_repository(ifbench.TEST_FILE, rows[:300], served)
    with pytest.raises(DataNotFound, match=r"holds 300 rows.* from 294"):
        ifbench.load(hub=train, hub_test=fewer)


def test_a_file_that_was_tampered_with_is_refused_and_not_kept(
    served: dict[str, bytes], tmp_path: Path
) -> None:
    file = in_repository(ifbench.TRAIN_FILE, [{"a": 1}], served)
    served[file.path] = b'{"a": 2}\n'
    with pytest.raises(DataNotFound, match=f"git blob id .*{file.blob}"):
        read_hub("ifbench", file)
    assert not (tmp_path / "files").exists()


def test_a_copy_in_the_data_directory_is_cut_like_the_public_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: dict[str, bytes]
) -> None:
    rows = [claim(i) for i in range(10)]
    file = in_repository(hover.TRAIN_FILE, rows, served)
    monkeypatch.setattr(hover, "TRAIN_FILE", replace(file, expected=Expected(10)))
    (tmp_path / "hover").mkdir()
    (tmp_path / "hover" / file.name).write_bytes(served[file.path])
    task = hover.load(tmp_path, retriever=CORPUS)
    assert len(task.test) == 4
    (tmp_path / "hover" / file.name).write_text("[]", encoding="utf-8")
    with pytest.raises(DataNotFound, match="git blob id"):
        hover.load(tmp_path, retriever=CORPUS)


def test_the_id_of_a_file_is_gits() -> None:
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
