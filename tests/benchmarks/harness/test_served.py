"""Models behind a server: what the record answers, and what a failing server is."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import dspy
import pytest

from benchmarks.harness.served import Record, ServedModels
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import Task, load
from dspy_gepa.program.faults import is_infrastructure
from tests.benchmarks.support_served import LineWriter


@pytest.fixture
def task() -> Task:
    return load("lines")


def test_at_temperature_0_a_prompt_is_asked_once_and_at_1_once_per_time_in_a_cell(
    task: Task, tmp_path: Path
) -> None:
    with SimulatedServer({"writer": LineWriter()}) as server:
        record = str(tmp_path / "record.sqlite")
        models = ServedModels("openai/writer", "openai/writer", api_base=server.url, record=record)
        for _ in range(2):
            lm = models.task_lm(task, 0)
            assert [lm("hello"), lm("hello")] == [["Buy This Lamp Now."]] * 2
        assert server.count() == 1
        for _ in range(2):
            lm = models.reflection_lm(task, 0)
            lm("hello")
            lm.copy(rollout_id=1)("hello")
        assert server.count() == 3
    bodies = [json.loads(body) for (body,) in sqlite3.connect(record).execute("SELECT body FROM calls")]
    asked = sorted(((body["temperature"], body["max_tokens"], body.get("stop")) for body in bodies), key=str)
    assert asked[0] == (0.0, 20, ["\n"])
    assert asked[1:] == [(1.0, 2000, None)] * 2
    count, digest = Record(tmp_path / "record.sqlite").digest()["writer"]
    assert count == 3
    assert len(digest) == 12


def test_a_server_that_is_not_there_is_to_blame_and_not_the_candidate(task: Task, tmp_path: Path) -> None:
    models = ServedModels(
        "openai/a", "openai/a", api_base="http://127.0.0.1:9/v1", record=str(tmp_path / "r")
    )
    lm = models.task_lm(task, 0).copy(num_retries=0)
    with pytest.raises(Exception, match="Is the server running") as raised:
        lm("hello")
    assert is_infrastructure(raised.value)


def test_small_tasks_have_no_simulated_model(task: Task) -> None:
    with pytest.raises(ValueError, match="No simulated model plays lines"):
        task.task_lm()


def test_the_reflection_model_has_a_name_of_its_own(task: Task, tmp_path: Path) -> None:
    models = ServedModels("openai/a", "openai/a", api_base="http://x/v1", record=str(tmp_path / "r"))
    assert models.task_lm(task, 0).model != models.reflection_lm(task, 0).model
    assert isinstance(models.task_lm(task, 0), dspy.LM)
