"""What trackers receive, with stand-ins for the services."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import GEPA, ConfigurationError, ReflectionError, RunInterrupted
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Finished,
    RolloutDone,
    RunStarted,
    StepCommitted,
)
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.trackers.mlflow import MLflowRun
from dspy_gepa.trackers.tracker import as_markdown, failure_of, metrics_of
from dspy_gepa.trackers.wandb import OpenWandb
from tests.support import Prompt, is_right, knows_words, learns_words, scripted_lm
from tests.support_recorder import Recorder
from tests.support_runs import Words, contents
from tests.trackers.support_fakes import FakeMLflow, FakeSettings, FakeWandb, FakeWandbRun

KEY = "wandb-key-0123456789abcdef"


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> FakeMLflow:
    fake = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    return fake


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def expected_metrics(heard: Recorder) -> list[tuple[int, dict[str, float]]]:
    """By commit, what it says."""
    return [(event.step, metrics_of(event)) for event in heard.of(StepCommitted)]


def expected_texts(heard: Recorder) -> dict[str, str]:
    texts = {"prompts/member_0.md": as_markdown(heard.one(RunStarted).candidates[0])}
    for event in heard.of(StepCommitted):
        if event.member is not None and event.proposal is not None and event.proposal.candidate is not None:
            texts[f"prompts/member_{event.member}.md"] = as_markdown(event.proposal.candidate)
    return texts | {"prompts/returned.md": as_markdown(heard.events[-1].candidate)}


def prompts_of(texts: dict[str, str]) -> dict[str, str]:
    """The texts without the report."""
    assert texts["report.html"].startswith("<!doctype html>")
    return {name: text for name, text in texts.items() if name != "report.html"}


# Numbers --------------------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_events() -> None:
    heard = Recorder()
    result = Words(None).compile(callbacks=[heard])
    commits = list(map(metrics_of, heard.of(StepCommitted)))
    last = commits[-1]
    assert last["best/score"] == result.score
    assert (last["best/interval_low"], last["best/interval_high"]) == result.interval
    gain = [last[f"best/{name}"] for name in ("gain", "gain_low", "gain_high")]
    assert gain == [result.gain, *result.gain_interval]
    assert last["spent/rollouts"] == result.total_metric_calls
    assert last["spent/tokens"] == result.total_tokens
    means = [(name, mean) for numbers in commits for name, mean in numbers.items()]
    assert {name: mean for name, mean in means if name.startswith("val_score/")} == {
        f"val_score/member_{member}": pytest.approx(mean)
        for member, mean in enumerate(result.val_aggregate_scores)
    }


def test_prompts_are_one_document_per_member() -> None:
    assert as_markdown({"a": "Do.", "b": "Be."}) == "# a\n\nDo.\n\n# b\n\nBe.\n"


# MLflow ---------------------------------------------------------------------------------------------------


def test_mlflow_receives_everything_once_per_step(mlflow: FakeMLflow) -> None:
    heard = Recorder()
    result = Words(None).compile(use_mlflow=True, callbacks=[heard])
    (run,) = mlflow.runs.values()
    assert run.metrics == expected_metrics(heard)
    assert prompts_of(run.texts) == expected_texts(heard)
    assert run.params["limits.rollouts"] == "100"
    assert run.params["strategy.name"] == "paper"
    assert run.params["components"] == "a, b"
    assert run.dicts["result.json"]["stop_reason"] == result.stop_reason
    assert (run.status, run.parent, mlflow.stack) == ("FINISHED", None, [])


def test_a_step_with_more_numbers_than_a_server_takes_at_once_is_sent_in_several_requests(
    mlflow: FakeMLflow,
) -> None:
    run = mlflow.start_run()
    values = {f"val_score/member_{member}": member / 2_500 for member in range(2_500)}
    MLflowRun(mlflow, run.run_id).metrics(values, step=7)
    assert [(step, len(told)) for step, told in run.metrics] == [(7, 1_000), (7, 1_000), (7, 500)]
    assert {name: value for _, told in run.metrics for name, value in told.items()} == values


def test_the_run_is_nested_under_the_active_one_which_stays_open(mlflow: FakeMLflow) -> None:
    outer = mlflow.start_run()
    Words(None).compile(use_mlflow=True, max_metric_calls=8)
    assert mlflow.runs["run1"].parent == outer.run_id
    assert mlflow.runs["run1"].status == "FINISHED"
    assert (mlflow.stack, outer.status) == ([outer], "RUNNING")


def test_a_run_that_a_callback_left_open_stays_open(mlflow: FakeMLflow) -> None:
    def opens(event: Event) -> None:
        if isinstance(event, RunStarted):
            mlflow.start_run(nested=True)

    heard = Recorder()
    Words(None).compile(use_mlflow=True, callbacks=[opens, heard], max_metric_calls=8)
    ours, theirs = mlflow.runs.values()
    assert (ours.status, theirs.status) == ("FINISHED", "RUNNING")
    assert (ours.metrics, theirs.metrics) == (expected_metrics(heard), [])


def test_a_run_that_fails_or_is_interrupted_is_ended_as_that(mlflow: FakeMLflow) -> None:
    def interrupts(event: Event) -> None:
        if isinstance(event, StepCommitted):
            raise KeyboardInterrupt

    with pytest.raises(ReflectionError):
        Words(None, reflection=lambda prompt: "no fields").compile(use_mlflow=True)
    with pytest.raises(RunInterrupted):
        Words(None).compile(use_mlflow=True, callbacks=[interrupts])
    assert [run.status for run in mlflow.runs.values()] == ["FAILED", "KILLED"]
    assert mlflow.stack == []


def test_the_report_of_a_failed_run_says_how_to_go_on(mlflow: FakeMLflow, tmp_path: Path) -> None:
    with pytest.raises(ReflectionError):
        Words(tmp_path, reflection=lambda prompt: "no fields").compile(use_mlflow=True)
    (run,) = mlflow.runs.values()
    assert "ReflectionError" in run.texts["report.html"]
    assert str(tmp_path) in run.texts["report.html"]


def test_failures_are_counted_by_cause(mlflow: FakeMLflow) -> None:
    refused: list[str] = []

    def limited(prompt: Prompt) -> dict[str, str]:
        if len(refused) < 3:
            refused.append("")
            raise ConnectionError("the provider is away")
        return {} if prompt.outputs == ["hint"] else knows_words(prompt)  # an answer that lacks its field

    heard = Recorder()
    Words(None).compile(
        lm=scripted_lm(limited),
        use_mlflow=True,
        callbacks=[heard],
        max_metric_calls=12,
        retry=RetryPolicy(first_delay=0.0),
    )
    (run,) = mlflow.runs.values()
    last = run.metrics[-1][1]
    assert last["failures/LMUnexpectedError"] == len(heard.of(AttemptFailed)) == 3
    failed = [e for e in heard.of(RolloutDone) if e.outcome.status == "program_failed"]
    assert last["program_failures/AdapterParseError"] == len(failed) > 0


def test_names_of_metrics_hold_nothing_that_a_tracker_refuses() -> None:
    event = AttemptFailed("rollout", "module.<locals>.My Error", "message")
    assert failure_of(event) == "failures/module._locals_.My_Error"


def test_a_server_that_opens_no_run_is_reported_before_anything_is_spent(mlflow: FakeMLflow) -> None:
    mlflow.broken = ConnectionError("no route to tracking.example")
    words = Words(None)
    with pytest.raises(ConfigurationError, match=r"use_mlflow=True, but .*no route to tracking\.example"):
        words.compile(use_mlflow=True)
    assert words.calls == 0


def test_a_server_that_breaks_later_does_not_break_the_run(
    mlflow: FakeMLflow, caplog: pytest.LogCaptureFixture
) -> None:
    mlflow.broken_from = 3
    result = Words(None).compile(use_mlflow=True)
    assert contents(result) == contents(Words(None).compile())
    (run,) = mlflow.runs.values()
    assert [step for step, _ in run.metrics] == [0, 1, 2]
    assert "the callback Tracker failed on" in caplog.text
    assert "Tracker failed 3 times in a row and is not called any more" in caplog.text


def test_a_server_that_is_slow_does_not_hold_the_run_up(mlflow: FakeMLflow) -> None:
    heard = Recorder()

    def finishes(event: Event) -> None:
        if isinstance(event, Finished):
            written.extend(len(run.metrics) for run in mlflow.runs.values())
            mlflow.answers.set()

    written: list[int] = []
    mlflow.answers.clear()
    Words(None).compile(use_mlflow=True, callbacks=[finishes, heard])
    (run,) = mlflow.runs.values()
    assert written == [0]
    assert run.metrics == expected_metrics(heard)
    assert run.status == "FINISHED"


def test_a_resumed_run_writes_all_its_steps_again(mlflow: FakeMLflow, tmp_path: Path) -> None:
    Words(tmp_path).compile(use_mlflow=True)
    Words(tmp_path).compile(use_mlflow=True)
    first, second = mlflow.runs.values()
    assert (first.metrics, prompts_of(first.texts)) == (second.metrics, prompts_of(second.texts))


# Weights & Biases -----------------------------------------------------------------------------------------


def test_wandb_receives_everything_once_per_step(wandb: FakeWandb) -> None:
    heard = Recorder()
    result = Words(None).compile(
        use_wandb=True, wandb_init_kwargs={"project": "prompts", "mode": "offline"}, callbacks=[heard]
    )
    (run,) = wandb.opened
    assert run.options == {"project": "prompts", "mode": "offline"}
    assert run.logged == [
        {"gepa/step": step} | {f"gepa/{name}": value for name, value in numbers.items()}
        for step, numbers in expected_metrics(heard)
    ]
    assert run.axes == {"gepa/step": None, "gepa/*": "gepa/step"}
    assert run.settings_of_config["gepa"]["limits.rollouts"] == 100
    assert run.summary["gepa/stop_reason"] == result.stop_reason
    assert [(a.name, a.type) for a in run.artifacts] == [("gepa-prompts", "prompts")]
    assert prompts_of(run.artifacts[0].files) == expected_texts(heard)
    assert run.exit_code == 0


def test_an_active_run_is_written_into_and_left_open(wandb: FakeWandb) -> None:
    wandb.run = FakeWandbRun({})
    Words(None).compile(use_wandb=True, max_metric_calls=8)
    assert wandb.opened == []
    assert wandb.run.logged
    assert wandb.run.artifacts
    assert wandb.run.exit_code is None


def test_with_arguments_of_its_own_a_run_is_opened_beside_the_active_one(wandb: FakeWandb) -> None:
    wandb.run = FakeWandbRun({})
    Words(None).compile(use_wandb=True, wandb_init_kwargs={"project": "p"}, max_metric_calls=8)
    (run,) = wandb.opened
    assert run.options == {"project": "p", "reinit": "create_new"}
    assert (run.exit_code, wandb.run.exit_code, wandb.run.logged) == (0, None, [])


def test_a_failed_run_is_finished_as_failed(wandb: FakeWandb) -> None:
    with pytest.raises(ReflectionError):
        Words(None, reflection=lambda prompt: "no fields").compile(use_wandb=True)
    (run,) = wandb.opened
    assert run.exit_code == 1
    assert run.artifacts


@pytest.mark.parametrize("settings", [None, {"x": 1}, FakeSettings(x=1)])
def test_the_key_goes_to_wandb_beside_other_settings(wandb: FakeWandb, settings: Any) -> None:
    given = {} if settings is None else {"settings": settings}
    Words(None).compile(use_wandb=True, wandb_api_key=KEY, wandb_init_kwargs=given, max_metric_calls=8)
    (run,) = wandb.opened
    assert run.options["settings"].api_key == KEY
    assert settings is None or run.options["settings"].x == 1


def test_the_key_goes_nowhere_else(
    wandb: FakeWandb, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard = Recorder()
    options: dict[str, Any] = {"use_wandb": True, "wandb_api_key": KEY}
    optimizer = GEPA(is_right, reflection_lm=scripted_lm(learns_words), max_metric_calls=50, **options)
    Words(tmp_path).compile(callbacks=[heard], **options)
    wandb.broken = RuntimeError(f"401 for {KEY}")
    with pytest.raises(ConfigurationError, match="use_wandb=True, but") as caught:
        Words(None).compile(**options)
    assert caught.value.__cause__ is None
    assert KEY not in str(caught.value)
    assert KEY not in repr(optimizer) + repr(vars(optimizer)) + repr(optimizer.get_params())
    assert KEY not in caplog.text
    assert KEY not in json.dumps([event.to_dict() for event in heard.events])
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_an_optimizer_with_trackers_can_be_pickled() -> None:
    opens = OpenWandb(KEY, {"project": "p"})
    assert pickle.loads(pickle.dumps(opens)) == opens


# What cannot be used --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_named_with_its_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    options: dict[str, Any] = {f"use_{name}": True}
    with pytest.raises(ConfigurationError, match=rf"use_{name}=True .*pip install {name}"):
        GEPA(is_right, reflection_lm=scripted_lm(learns_words), max_metric_calls=50, **options)


def test_trackers_are_not_imported_unless_asked_for() -> None:
    code = "import sys, dspy_gepa.gepa; assert not {'mlflow', 'wandb'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_arguments_of_wandb_must_be_a_dict(wandb: FakeWandb) -> None:
    with pytest.raises(ConfigurationError, match="wandb_init_kwargs is str; it must be a dict"):
        Words(None).compile(use_wandb=True, wandb_init_kwargs="project")


def test_a_run_whose_prompts_cannot_be_handed_over_is_finished_nevertheless(
    wandb: FakeWandb, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(run: FakeWandbRun, artifact: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(FakeWandbRun, "log_artifact", refuses)
    result = Words(None).compile(use_wandb=True, max_metric_calls=8)
    assert result.total_metric_calls == 8
    assert wandb.opened[0].exit_code == 0
    assert "could not be handed over" in caplog.text
