"""Runs written into a real MLflow, in a directory, and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa.events import StepCommitted
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.read import read_run
from dspy_gepa.trackers.tracker import as_markdown
from tests.support_recorder import Recorder
from tests.support_runs import Words
from tests.trackers.support_numbers import NUMBERS

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when it is imported; tests stay on this machine
mlflow = pytest.importorskip("mlflow", reason="the extra trackers is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """An experiment in a database of its own."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    artifacts = (tmp_path / "artifacts").as_uri()
    experiment = mlflow.set_experiment(
        experiment_id=mlflow.create_experiment("prompts", artifact_location=artifacts)
    )
    yield experiment
    mlflow.set_tracking_uri(before)


def test_what_mlflow_holds_is_what_the_journal_holds(store: Any, tmp_path: Path) -> None:
    heard, client = Recorder(), mlflow.MlflowClient()
    with mlflow.start_run() as outer:
        result = Words(tmp_path / "run").compile(use_mlflow=True, callbacks=[heard])
        assert mlflow.active_run().info.run_id == outer.info.run_id
    runs = client.search_runs([store.experiment_id], f"tags.mlflow.parentRunId = '{outer.info.run_id}'")
    (run,) = runs
    assert run.info.status == "FINISHED"
    assert run.data.params["limits.rollouts"] == "100"

    def history(name: str) -> dict[int, float]:
        return {m.step: m.value for m in client.get_metric_history(run.info.run_id, name)}

    with read_journal(tmp_path / "run") as db:
        commits = db.execute("SELECT committed, data FROM events WHERE committed IS NOT NULL").fetchall()
    steps = {number: json.loads(text) for number, text in commits}
    assert history("spent/rollouts") == {number: step["spent"]["rollouts"] for number, step in steps.items()}
    verdicts = {number: step["proposal"]["verdict"] for number, step in steps.items() if "proposal" in step}
    assert history("trial/accepted") == {
        number: float(verdict == "accepted") for number, verdict in verdicts.items() if verdict != "skipped"
    }
    curve = read_run(tmp_path / "run").curve
    assert [p.step for p in curve] == list(steps)
    for name, field in NUMBERS.items():
        assert history(name) == {point.step: pytest.approx(field(point)) for point in curve}
    assert history("best/score")[max(steps)] == pytest.approx(result.score)
    assert history("spent/tokens")[max(steps)] == result.total_tokens
    for event in heard.of(StepCommitted):
        if event.member is None:
            continue
        text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/prompts/member_{event.member}.md")
        assert text == as_markdown(event.proposal.candidate)
    assert "<!doctype html>" in mlflow.artifacts.load_text(f"{run.info.artifact_uri}/report.html")
    kept = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/result.json")
    assert (kept["best"], kept["stop_reason"]) == (result.best_idx, result.stop_reason)


def test_without_an_active_run_one_is_opened_and_ended(store: Any) -> None:
    Words(None).compile(use_mlflow=True, max_metric_calls=8)
    assert mlflow.active_run() is None
    (run,) = mlflow.MlflowClient().search_runs([store.experiment_id])
    assert (run.info.status, run.data.metrics["spent/rollouts"]) == ("FINISHED", 8)
