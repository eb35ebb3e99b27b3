"""Where rows come from: local files, the hub, and the paper's cuts."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.tasks import aime, hotpotqa, livebench_math, pupa
from benchmarks.tasks.data import DataNotFound, HubSet, folder_of, paper_splits, read_files, read_hub, recut

HUB_SETS = (aime.HUB, aime.HUB_TEST, hotpotqa.HUB, livebench_math.HUB, pupa.HUB)


@pytest.mark.parametrize("hub_set", HUB_SETS, ids=lambda hub_set: hub_set.name)
def test_every_hub_set_is_pinned_and_asked_for_at_its_pin(
    hub_set: HubSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def load_dataset(*names: str | None, **options: str) -> list[Any]:
        asked.append((names, options))
        return []

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    assert list(hub_set()) == []
    assert asked == [((hub_set.name, hub_set.config), {"split": hub_set.split, "revision": hub_set.revision})]
    assert hub_set.revision is not None
    assert len(hub_set.revision) == 40
    assert set(hub_set.revision) <= set("0123456789abcdef")


def test_the_argument_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPY_GEPA_DATA", "/elsewhere")
    assert folder_of("aime", tmp_path) == tmp_path / "aime"
    assert folder_of("aime", None) == Path("/elsewhere/aime")
    monkeypatch.delenv("DSPY_GEPA_DATA")
    assert folder_of("aime", None) is None


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n', encoding="utf-8")
    assert read_files(tmp_path, ["train"]) == {"train": [{"a": 1}, {"a": 2}]}


def test_a_hub_that_fails_is_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Any]:
        raise RuntimeError("something of its own")

    with pytest.raises(DataNotFound, match=r"No rows for hover.*something of its own(?s:.*)--data") as caught:
        read_hub("hover", broken)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_papers_cut_takes_test_from_the_front_and_samples_what_is_too_long() -> None:
    rows = [{"n": i} for i in range(100)]
    splits = paper_splits(rows, {"train": 10, "val": 50, "test": 50})
    assert [len(splits[name]) for name in ("train", "val", "test")] == [10, 40, 40]
    assert all(row["n"] < 40 for row in splits["test"])
    assert all(row["n"] >= 80 for row in splits["train"])
    assert splits == paper_splits(rows, {"train": 10, "val": 50, "test": 50})


def test_seed_0_cuts_nothing_anew() -> None:
    splits = {"train": [{"n": 1}], "val": [{"n": 2}], "test": [{"n": 3}]}
    assert recut(splits, 0) == splits
