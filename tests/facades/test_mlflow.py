"""Prompts of MLflow's registry, optimized with a real MLflow server on this machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dspy_gepa import ConfigurationError, MetricError, ProgramError, RetryPolicy
from dspy_gepa.testing import Prompt, ScriptedLM

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when it is imported; tests stay on this machine
mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
genai = pytest.importorskip("mlflow.genai.optimize.optimizers", reason="MLflow is older than 3.5")

from dspy_gepa.facades.mlflow import OneByOne, PromptOptimizer, placeholders  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RULE = "Answer in capitals."
ROWS = [{"inputs": {"question": f"q{i}"}, "expectations": {"answer": f"Q{i}"}} for i in range(20)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server on a database of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # nothing here needs its jobs
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any("running on" in line for line in process.stdout)  # until then its log is read
    threading.Thread(target=process.stdout.read, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, 15)
    process.wait(timeout=30)


@pytest.fixture
def prompt(server: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A prompt in the registry."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(server)
    name = re.sub(r"\W", "-", request.node.name)[:60]
    mlflow.set_experiment(name)
    yield mlflow.genai.register_prompt(name=name, template="Answer this: {{question}}")
    mlflow.set_tracking_uri(before)


def scorer() -> Any:
    @mlflow.genai.scorers.scorer(name="right")
    def right(outputs: str, expectations: Mapping[str, str]) -> Any:
        is_right = outputs == expectations["answer"]
        words = "Good." if is_right else f"Answer in capitals: {expectations['answer']}"
        return mlflow.entities.Feedback(value=float(is_right), rationale=words)

    return right


def writes(reflection: Prompt) -> dict[str, str]:
    """A reflection model that first forgets the placeholder."""
    if not reflection.field("objection"):
        return {"new_text": RULE}
    return {"new_text": f"{reflection.field('current_text')} {RULE}"}


def predict_with(prompt: Any, fail: Any = None) -> Any:
    def predict_fn(question: str) -> str:
        sent = prompt.format(question=question)
        if fail is not None:
            fail(sent)
        return question.upper() if RULE in sent else question

    return predict_fn


def optimized(prompt: Any, optimizer: PromptOptimizer, predict_fn: Any = None, **changes: Any) -> Any:
    given = {
        "predict_fn": predict_fn or predict_with(prompt),
        "train_data": ROWS,
        "prompt_uris": [prompt.uri],
        "optimizer": optimizer,
        "scorers": [scorer()],
    }
    return mlflow.genai.optimize_prompts(**{**given, **changes})


def optimizer(lm: ScriptedLM | None = None, **options: Any) -> PromptOptimizer:
    settings = {"max_metric_calls": 32, "progress": "off", "num_threads": 4, "objective": "Quiz answers."}
    return PromptOptimizer(lm or ScriptedLM(writes), **{**settings, **options})


def test_the_registry_gets_a_better_prompt_and_the_run_its_intervals(prompt: Any, tmp_path: Path) -> None:
    lm = ScriptedLM(writes)
    chosen = optimizer(lm, log_dir=tmp_path / "run", perfect_score=1.0)
    result = optimized(prompt, chosen)
    (version,) = result.optimized_prompts
    assert version.version > prompt.version
    assert version.template == f"Answer this: {{{{question}}}} {RULE}"
    assert mlflow.genai.load_prompt(version.uri).template == version.template
    assert result.initial_eval_score < 0.3 < 0.8 < result.final_eval_score
    assert result.final_eval_score_per_scorer["right"] > result.initial_eval_score_per_scorer["right"]
    assert "Quiz answers." in lm.prompts[0].field("subject")
    assert "Answer in capitals: Q" in lm.prompts[0].field("examples_with_feedback")
    assert "{{question}}" in lm.prompts[1].field("objection")  # it was missing

    assert chosen.result is not None
    low, high = chosen.result.interval or (0.0, 0.0)
    experiment = mlflow.get_experiment_by_name(prompt.name)
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    outer = next(run for run in runs if "final_eval_score" in run.data.metrics)
    assert outer.data.metrics["final_eval_score.low"] == pytest.approx(low)
    assert outer.data.metrics["final_eval_score.high"] == pytest.approx(high)
    assert outer.data.params["optimizer"] == "PromptOptimizer"
    inner = next(run for run in runs if run.data.tags.get("mlflow.parentRunId") == outer.info.run_id)
    names = {file.path for file in mlflow.MlflowClient().list_artifacts(inner.info.run_id)}
    assert "report.html" in names

    again = ScriptedLM(writes)
    resumed = optimizer(again, log_dir=tmp_path / "run", perfect_score=1.0)
    optimized(prompt, resumed, enable_tracking=False)
    assert again.prompts == []
    assert resumed.result is not None
    assert resumed.result.texts == chosen.result.texts


def test_a_test_set_and_rows_that_must_pass_are_rows_like_the_others(prompt: Any) -> None:
    held_out = [{"inputs": {"question": f"t{i}"}, "expectations": {"answer": f"T{i}"}} for i in range(3)]
    chosen = optimizer(testset=held_out, must_pass=ROWS[:2])
    optimized(prompt, chosen, enable_tracking=False)
    assert chosen.result is not None
    found = chosen.result.result
    assert found.test is not None
    assert (found.test.rows, found.test.original, found.test.score) == (3, 0.0, 1.0)
    assert len(found.record.started["must_pass"]) == 2


def test_a_providers_failure_is_retried_and_never_scored(prompt: Any) -> None:
    class RateLimitError(Exception):
        """As providers' clients have it."""

    lock, calls = threading.Lock(), [0]

    def fail(sent: str) -> None:
        with lock:
            calls[0] += 1
            if calls[0] % 5 == 0:
                raise RateLimitError("slow down")

    chosen = optimizer(retry=RetryPolicy(first_delay=0.0, attempts=20))
    optimized(prompt, chosen, predict_with(prompt, fail), enable_tracking=False)
    assert chosen.result is not None
    assert chosen.result.result.failed_rollouts == {}
    assert chosen.result.result.record.failures["ConnectionError"] > 0


def test_a_function_that_raises_ends_the_run_with_its_words(prompt: Any) -> None:
    calls: list[str] = []

    def fail(sent: str) -> None:
        calls.append(sent)
        if len(calls) > 1:  # MLflow itself tries the function once
            raise KeyError("no such table")

    with pytest.raises(ProgramError, match="no such table"):
        optimized(prompt, optimizer(), predict_with(prompt, fail), enable_tracking=False)


def test_a_chat_prompt_keeps_its_form(prompt: Any) -> None:
    chat = mlflow.genai.register_prompt(
        name=f"{prompt.name}-chat", template=[{"role": "user", "content": "Answer this: {{question}}"}]
    )

    def predict_fn(question: str) -> str:
        sent = str(chat.format(question=question))
        return question.upper() if RULE in sent else question

    def rewrites(reflection: Prompt) -> dict[str, str]:
        assert "JSON list of messages" in reflection.field("subject")
        return {"new_text": reflection.field("current_text").replace("Answer this", f"{RULE} Answer this")}

    result = optimized(chat, optimizer(ScriptedLM(rewrites)), predict_fn, enable_tracking=False)
    (message,) = result.optimized_prompts[0].template
    assert message["role"] == "user"
    assert message["content"].startswith(RULE)
    assert message["content"].endswith("Answer this: {{question}}")


def test_what_gepa_cannot_learn_from_is_refused(prompt: Any) -> None:
    with pytest.raises(ConfigurationError, match="train_data"):
        optimized(prompt, optimizer(), train_data=None, scorers=None, enable_tracking=False)
    with pytest.raises(MetricError, match="scorers"):
        optimized(prompt, optimizer(), scorers=None, enable_tracking=False)
    with pytest.raises(ConfigurationError, match="validation_share"):
        optimizer(validation_share=1.0)
    with pytest.raises(ConfigurationError, match="max_metric_calls"):
        optimized(prompt, optimizer(max_metric_calls=None), enable_tracking=False)


def test_few_rows_are_not_split() -> None:
    chosen = optimizer()
    assert chosen._split(ROWS[:19]) == (ROWS[:19], [])
    train, validation = chosen._split(ROWS)
    assert (len(train), len(validation)) == (10, 10)
    assert chosen._split(ROWS) == (train, validation)
    assert sorted(str(r) for r in [*train, *validation]) == sorted(map(str, ROWS))


def test_whatever_a_template_has_filled_in_is_kept() -> None:
    templates = [
        "{{question}} of {{ user.name }}, {{ad-hoc rules}}",
        "{% if a %}{{b}}{% endif %} {x}",
    ]
    assert placeholders(templates) == {
        "{{question}}",
        "{{ user.name }}",
        "{{ad-hoc rules}}",
        "{% if a %}",
        "{{b}}",
        "{% endif %}",
    }


def test_a_record_that_a_scorer_raises_on_fails_alone() -> None:
    started, release = threading.Event(), threading.Event()

    def eval_fn(prompts: dict[str, str], records: list[Any]) -> list[Any]:
        if records == ["first"]:
            started.set()
            assert release.wait(10)
        if "bad" in records:
            raise ValueError("no score")
        return evaluated(records)

    together = OneByOne(eval_fn)
    found: dict[str, Any] = {}

    def ask(record: str) -> None:
        try:
            found[record] = together({"p": "a"}, record)["score"]
        except ValueError as error:
            found[record] = str(error)

    threads = [threading.Thread(target=ask, args=(record,)) for record in ("first", "good", "bad", "fine")]
    threads[0].start()
    assert started.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < 3:
        threading.Event().wait(0.001)
    release.set()
    for thread in threads:
        thread.join(10)
    assert found == {"first": 1.0, "good": 1.0, "bad": "no score", "fine": 1.0}


def test_the_reflection_model_may_have_mlflows_name() -> None:
    assert PromptOptimizer("openai:/gpt-5", max_metric_calls=10).reflection_lm.model == "openai/gpt-5"


def evaluated(records: list[Any]) -> list[Any]:
    known = {"score": 1.0, "trace": None, "rationales": {}, "individual_scores": {}, "expectations": {}}
    return [SimpleNamespace(outputs=record, **known) for record in records]


def test_records_that_wait_together_are_evaluated_together_and_never_two_batches_at_a_time() -> None:
    running, batches, lock = [0], [], threading.Lock()
    first = threading.Event()

    def eval_fn(prompts: dict[str, str], records: list[Any]) -> list[Any]:
        with lock:
            running[0] += 1
            assert running[0] == 1
        batches.append((prompts["p"], len(records)))
        if len(batches) == 1:
            assert first.wait(10)  # until all others wait
        with lock:
            running[0] -= 1
        return [
            SimpleNamespace(
                outputs=record, score=1.0, trace=None, rationales={}, individual_scores={}, expectations={}
            )
            for record in records
        ]

    together = OneByOne(eval_fn)
    found: list[Any] = []

    def ask(text: str, record: int) -> None:
        found.append((record, together({"p": text}, record)["output"]))

    threads = [threading.Thread(target=ask, args=("a" if i < 5 else "b", i)) for i in range(8)]
    for thread in threads:
        thread.start()
    while len(together._waiting) + sum(count for _, count in batches) < 8:
        threading.Event().wait(0.001)
    first.set()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == [(i, i) for i in range(8)]
    assert sum(count for _, count in batches) == 8
    assert len(batches) <= 4
