"""Validation rollouts by a provider's batch interface, against a stand-in on the loopback."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, BatchExecutor
from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.batching import in_batches
from dspy_gepa.runtime.policy import RetryPolicy
from tests.support import OneHop, is_right, knows_words, learns_words, scripted_lm, word_rows

TRAIN, VAL = word_rows(8, components="b"), word_rows(6, start=100, components="b")


@dataclass
class Provider:
    """A stand-in for OpenAI's files, batches and responses.

    Attributes:
        polls: Number of requests for the state of a batch before it is complete.
        fail: Number of status requests that are answered with HTTP 500.
        refused: Pattern of prompts that a batch answers with an error of that status.
        status: That status.
        ended: State of batches that end without answers, or "".
        batches: Prompts of each batch, by identifier.
        direct: Prompts that were asked at once.
    """

    polls: int = 1
    fail: int = 0
    refused: str = ""
    status: int = 400
    ended: str = ""
    batches: dict[str, list[str]] = field(default_factory=dict)
    direct: list[str] = field(default_factory=list)
    url: str = ""
    _files: dict[str, list[Any]] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    def upload(self, body: str) -> dict[str, Any]:
        lines = [json.loads(line) for line in body.splitlines() if line.startswith('{"custom_id"')]
        name = f"file-{len(self._files)}"
        self._files[name] = lines
        return {"id": name}

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"batch_{len(self.batches)}"
        self._files[name] = self._files[body["input_file_id"]]
        self.batches[name] = [prompt_of(line["body"]) for line in self._files[name]]
        return {"id": name, "status": "validating"}

    def state(self, name: str) -> dict[str, Any]:
        self._asked[name] = self._asked.get(name, 0) + 1
        if self._asked[name] <= self.polls:
            return {"id": name, "status": "in_progress"}
        total = len(self._files[name])
        state = {"id": name, "status": self.ended or "completed", "request_counts": {"total": total}}
        return state if self.ended else state | {"output_file_id": f"out-{name}"}

    def content(self, name: str) -> str:
        lines = []
        for line in self._files[name.removeprefix("out-")]:
            prompt = prompt_of(line["body"])
            if self.refused and re.search(self.refused, prompt):
                answer = {"status_code": self.status, "body": {"error": {"message": "not this one"}}}
            else:
                answer = {"status_code": 200, "body": response_to(prompt)}
            lines.append(json.dumps({"custom_id": line["custom_id"], "response": answer}))
        return "\n".join(reversed(lines))  # in any order


def prompt_of(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def response_to(prompt: str) -> dict[str, Any]:
    known = set(re.findall(r"know (w\d)", prompt))
    needed = re.findall(r"needs (w\d)", prompt)[-1]
    text = f"[[ ## answer ## ]]\n{'right' if needed in known else 'wrong'}\n\n[[ ## completed ## ]]"
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": "r",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": [
            {"type": "message", "id": "i", "role": "assistant", "status": "completed", "content": content}
        ],
        "usage": {"input_tokens": 50, "output_tokens": 5, "total_tokens": 55},
    }


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def reply(self, answer: Any, status: int = 200) -> None:
            data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path.endswith("/files"):
                self.reply(found.upload(body))
            elif self.path.endswith("/batches"):
                self.reply(found.submit(json.loads(body)))
            else:
                found.direct.append(prompt_of(json.loads(body)))
                self.reply(response_to(found.direct[-1]))

        def do_GET(self) -> None:
            *_, kind, name = self.path.removesuffix("/content").split("/")
            if kind == "files":
                self.reply(found.content(name))
            elif found.fail > 0:
                found.fail -= 1
                self.reply({"error": {"message": "try later"}}, 500)
            elif name not in found.batches:
                self.reply({"error": {"message": "no such batch"}}, 404)
            else:
                self.reply(found.state(name))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield found
    server.shutdown()
    server.server_close()


def executor_for(folder: Path | None = None, **options: Any) -> BatchExecutor:
    return BatchExecutor(folder, **{"quiet_seconds": 0.2, "poll_seconds": 0.01} | options)


def lm_of(provider: Provider, executor: BatchExecutor) -> dspy.LM:
    lm = dspy.LM("openai/gpt-5-mini", api_key="sk-none", api_base=provider.url, cache=False, num_retries=0)
    return executor.batched(lm)


def compile_with(
    provider: Provider, executor: BatchExecutor, log_dir: Path | None = None, **options: Any
) -> Any:
    lm = lm_of(provider, executor)
    settings: dict[str, Any] = {"strategy": "paper", "max_metric_calls": 40, "num_threads": 50, "seed": 1}
    settings |= options
    testset = settings.pop("testset", None)
    with dspy.context(lm=lm):
        return (
            GEPA(
                is_right,
                reflection_lm=scripted_lm(learns_words),
                executor=executor,
                retry=RetryPolicy(first_delay=0.0),
                log_dir=log_dir and str(log_dir),
                track_stats=True,
                **settings,
            )
            .compile(OneHop(), trainset=TRAIN, valset=VAL, testset=testset)
            .detailed_results
        )


def findings(result: Any) -> Any:
    return result.texts, result.val_subscores, [p.after for p in result.proposals]


def test_validation_rollouts_go_in_batches_and_the_others_at_once(provider: Provider) -> None:
    result = compile_with(provider, executor_for())
    validated = result.num_full_val_evals * len(VAL)
    first, second, *others = map(len, provider.batches.values())
    assert (first, first + second) == (1, len(VAL))  # the first rollout of a run goes alone
    assert set(others) == {len(VAL)}
    assert sum(map(len, provider.batches.values())) == validated
    assert len(provider.direct) == result.total_metric_calls - validated
    assert result.total_tokens >= 55 * result.total_metric_calls


def test_the_test_set_goes_in_a_batch_for_each_program(provider: Provider) -> None:
    test = word_rows(3, start=700, components="b")
    result = compile_with(provider, executor_for(), testset=test)
    assert result.test is not None
    batched = [prompt for prompts in provider.batches.values() for prompt in prompts]
    assert sum(any(row.question in prompt for row in test) for prompt in batched) == 2 * len(test)
    assert not any(row.question in prompt for row in test for prompt in provider.direct)


def test_what_a_run_finds_does_not_depend_on_batches(provider: Provider) -> None:
    batched = compile_with(provider, executor_for())
    lm = scripted_lm(knows_words)
    with dspy.context(lm=lm):
        gepa = GEPA(
            is_right,
            reflection_lm=scripted_lm(learns_words),
            strategy="paper",
            max_metric_calls=40,
            seed=1,
            track_stats=True,
        )
        direct = gepa.compile(OneHop(), trainset=TRAIN, valset=VAL).detailed_results
    assert findings(batched) == findings(direct)


def test_a_resumed_run_reads_the_answers_of_a_batch_that_was_submitted_before(
    provider: Provider, tmp_path: Path
) -> None:
    first = executor_for(tmp_path)
    with dspy.context(lm=lm_of(provider, first)), in_batches():
        answers = [dspy.Predict("question -> answer")(question=f"{i}: b needs w0").answer for i in range(2)]
    assert answers == ["wrong", "wrong"]
    assert len(provider.batches) == 2
    with (tmp_path / "batches.jsonl").open("a") as file:
        file.write('{"batch": "cut o')
    again = executor_for(tmp_path)
    with dspy.context(lm=lm_of(provider, again)), in_batches():
        repeated = [dspy.Predict("question -> answer")(question=f"{i}: b needs w0").answer for i in range(3)]
    assert repeated == ["wrong"] * 3
    assert len(provider.batches) == 3


def test_a_batch_that_the_provider_has_forgotten_is_submitted_again(
    provider: Provider, tmp_path: Path
) -> None:
    with dspy.context(lm=lm_of(provider, executor_for(tmp_path))), in_batches():
        dspy.Predict("question -> answer")(question="0: b needs w0")
    provider.batches["batch_later"] = provider.batches.pop("batch_0")
    with dspy.context(lm=lm_of(provider, executor_for(tmp_path))), in_batches():
        dspy.Predict("question -> answer")(question="0: b needs w0")
    assert len(provider.batches) == 2


def test_equal_calls_of_many_threads_are_asked_once(provider: Provider) -> None:
    lm = lm_of(provider, executor_for())

    def ask(_: int) -> str:
        with dspy.context(lm=lm), in_batches():
            return str(dspy.Predict("question -> answer")(question="0: b needs w0").answer)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"wrong"}
    assert [len(prompts) for prompts in provider.batches.values()] == [1]


def test_a_full_batch_is_submitted_without_waiting_for_more(provider: Provider) -> None:
    lm = lm_of(provider, executor_for(max_calls=2, quiet_seconds=1.0))

    def ask(number: int) -> str:
        with dspy.context(lm=lm), in_batches():
            return str(dspy.Predict("question -> answer")(question=f"{number}: b needs w0").answer)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(6)))
    assert max(map(len, provider.batches.values())) == 2
    assert sum(map(len, provider.batches.values())) == 6


def test_a_provider_that_fails_when_asked_for_a_batch_is_asked_again(provider: Provider) -> None:
    provider.fail = 5
    result = compile_with(provider, executor_for())
    assert not result.failed_rollouts
    assert result.num_full_val_evals >= 1


@pytest.mark.parametrize(("status", "error"), [(400, "LMInvalidRequestError"), (500, "LMServerError")])
def test_a_call_that_a_batch_refuses_is_an_error_of_its_own_class(
    provider: Provider, status: int, error: str
) -> None:
    provider.refused, provider.status = "1: b needs", status
    lm = lm_of(provider, executor_for())
    with dspy.context(lm=lm), in_batches(), pytest.raises(dspy.utils.exceptions.LMError) as caught:
        dspy.Predict("question -> answer")(question="1: b needs w0")
    assert type(caught.value).__name__ == error


def test_a_batch_that_expired_is_a_failure_of_the_provider_that_is_retried(provider: Provider) -> None:
    provider.ended = "expired"
    lm = lm_of(provider, executor_for())
    with dspy.context(lm=lm), in_batches(), pytest.raises(dspy.LMServerError, match="expired"):
        dspy.Predict("question -> answer")(question="1: b needs w0")


@pytest.mark.parametrize("model", ["groq/llama", "nowhere/x", "ollama_chat/x"])
def test_a_provider_without_a_batch_interface_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match=model):
        BatchExecutor().batched(dspy.LM(model, api_key="none"))


def test_what_is_no_language_model_of_a_provider_is_refused() -> None:
    for lm in (None, scripted_lm(knows_words)):
        with pytest.raises(ConfigurationError, match=r"dspy\.LM"):
            BatchExecutor().batched(lm)


@pytest.mark.parametrize("option", ["direct", "quiet_seconds", "poll_seconds", "max_calls"])
@pytest.mark.parametrize("value", [0, None, "8", math.nan])
def test_numbers_that_are_not_positive_are_refused(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        BatchExecutor(**{option: value})


@pytest.mark.parametrize("limit", [{"rollout_timeout": 60.0}, {"retry": RetryPolicy(timeout=60.0)}])
def test_a_time_limit_of_rollouts_is_refused_beside_batches(limit: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="60 seconds"):
        GEPA(
            is_right,
            reflection_lm=scripted_lm(learns_words),
            max_metric_calls=9,
            executor=BatchExecutor(),
            **limit,
        )


def test_a_rollout_that_waits_for_a_batch_is_not_started_a_second_time() -> None:
    gepa = GEPA(
        is_right, reflection_lm=scripted_lm(learns_words), max_metric_calls=9, executor=BatchExecutor()
    )
    assert gepa.options.retry_policy.straggler_seconds == math.inf


def test_a_batched_model_keeps_the_settings_of_the_one_given() -> None:
    lm = BatchExecutor().batched(
        dspy.LM("openai/gpt-4.1-mini", api_key="sk-none", temperature=0.3, max_tokens=77)
    )
    assert lm.kwargs["temperature"] == 0.3
    assert lm.kwargs["max_tokens"] == 77
    assert "api_key" not in lm.kwargs
