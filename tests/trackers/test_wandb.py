"""Runs written by a real Weights & Biases without a network, and read back from its files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa.events import StepCommitted
from dspy_gepa.record.read import read_run
from tests.support_recorder import Recorder
from tests.support_runs import Words
from tests.trackers.support_numbers import NUMBERS

wandb = pytest.importorskip("wandb", reason="the extra trackers is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield tmp_path
    wandb.teardown()  # it keeps the environment it was first used in


BLOCK = 32 * 1024


def chunks_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kinds and contents of a file's chunks: a file header, then blocks of chunks with a header each."""
    place = 7
    while place + 7 <= len(data):
        if BLOCK - place % BLOCK < 7:  # too small for a header: the rest of the block is empty
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        yield kind, data[place + 7 : place + 7 + length]
        place += 7 + length


def records_of(directory: Path) -> list[Any]:
    """Everything in the file of the one offline run in a directory."""
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # the service writes the end of the file when it ends
    (path,) = directory.rglob("*.wandb")
    found, parts = [], b""
    for kind, part in chunks_of(path.read_bytes()):
        parts += part
        if kind in (1, 4):  # a whole record, or the last part of one
            found.append(wandb_internal_pb2.Record.FromString(parts))
            parts = b""
    return found


def history_of(records: list[Any]) -> list[dict[str, Any]]:
    rows = [record.history.item for record in records if record.WhichOneof("record_type") == "history"]
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row} for row in rows
    ]


def test_what_wandb_holds_is_what_the_run_reported(offline: Path) -> None:
    heard = Recorder()
    result = Words(offline / "run").compile(
        use_wandb=True, wandb_api_key=KEY, wandb_init_kwargs={"project": "prompts"}, callbacks=[heard]
    )
    assert wandb.run is None
    records = records_of(offline)
    rows = history_of(records)
    assert [(row["gepa/step"], row["gepa/spent/rollouts"]) for row in rows] == [
        (event.step, event.spent.rollouts) for event in heard.of(StepCommitted)
    ]
    curve = read_run(offline / "run").curve
    assert [row["gepa/step"] for row in rows] == [point.step for point in curve]
    for name, field in NUMBERS.items():
        assert [row[f"gepa/{name}"] for row in rows] == pytest.approx([field(point) for point in curve])
    assert rows[-1]["gepa/best/score"] == pytest.approx(result.score)
    assert rows[-1]["gepa/spent/tokens"] == result.total_tokens
    artifacts = [r.request.log_artifact.artifact for r in records if r.HasField("request")]
    artifacts += [r.artifact for r in records if r.HasField("artifact")]
    (prompts,) = [artifact for artifact in artifacts if artifact.name == "gepa-prompts"]
    assert {entry.path for entry in prompts.manifest.contents} == {
        "prompts/returned.md",
        "report.html",
        *(f"prompts/member_{member}.md" for member in range(len(result.candidates))),
    }
    assert not any(KEY.encode() in path.read_bytes() for path in offline.rglob("*") if path.is_file())


def test_an_active_run_is_left_open(offline: Path) -> None:
    with wandb.init(project="mine") as mine:
        Words(None).compile(use_wandb=True, max_metric_calls=8)
        assert wandb.run is mine
        mine.log({"after": 1})
    rows = history_of(records_of(offline))
    assert (rows[0]["gepa/spent/rollouts"], rows[-1]["after"]) == (8, 1)


def test_a_run_of_its_own_is_opened_beside_the_active_one(offline: Path) -> None:
    with wandb.init(project="mine") as mine:
        Words(None).compile(
            use_wandb=True,
            wandb_init_kwargs={"project": "ours", "dir": str(offline / "ours")},
            max_metric_calls=8,
        )
        assert wandb.run is mine
        mine.log({"after": 1})
    assert len(list(offline.rglob("*.wandb"))) == 2
    (row,) = history_of(records_of(offline / "ours"))
    assert row["gepa/spent/rollouts"] == 8
