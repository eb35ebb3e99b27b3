"""Runs over HTTP against failing providers: what is found all the same, what the user sees, what is kept."""

from __future__ import annotations

import logging
import re
import sqlite3
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Literal

import dspy
import httpx
import pytest
import requests

from benchmarks.simulated.faults import (
    TRANSIENT,
    Between,
    ByPrompt,
    FaultKind,
    FaultPlan,
    OfModel,
    Randomly,
    Rule,
)
from benchmarks.simulated.server import SimulatedServer
from dspy_gepa import GEPA, InfrastructureError, ReflectionError, RetryPolicy
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.faults import fault_of, is_infrastructure
from tests.support import OneHop, ScriptedEngine, TwoHops, is_right, knows_words, learns_words, word_rows

KEY = "sk-proj-0123456789abcdef"
TRAIN, VAL = word_rows(8, components="b"), word_rows(6, start=100, components="b")
NO_WAITING = RetryPolicy(first_delay=0.0)


@dataclass(frozen=True)
class Provider:
    """A server of a task and a reflection model, and how its clients reach it."""

    server: SimulatedServer
    road: str = "auto"
    key: str = KEY
    timeout: float = 10.0

    def lm(self, model: str) -> dspy.LM:
        options = {"api_base": self.server.url, "api_key": self.key, "timeout": self.timeout}
        return dspy.LM(f"openai/{model}", engine=self.road, cache=False, num_retries=0, **options)

    def compile(
        self, log_dir: Path | None = None, student: dspy.Module | None = None, **options: Any
    ) -> dspy.Module:
        settings = {"strategy": "paper", "max_metric_calls": 48, "num_threads": 1, "track_stats": True}
        settings |= {"retry": NO_WAITING}
        with dspy.context(lm=self.lm("task")):
            optimizer = GEPA(
                is_right,
                reflection_lm=self.lm("reflection"),
                log_dir=None if log_dir is None else str(log_dir),
                **(settings | options),
            )
            return optimizer.compile(student or OneHop(), trainset=TRAIN, valset=VAL)


def provider(*rules: Rule, **client: Any) -> Provider:
    if client.get("road") == "litellm":
        pytest.importorskip("litellm")
    engines = {"task": ScriptedEngine(knows_words), "reflection": ScriptedEngine(learns_words)}
    return Provider(SimulatedServer(engines, FaultPlan(rules, retry_after=0.001)), **client)


def found(program: dspy.Module) -> dict[str, Any]:
    """Everything that a run came to."""
    return program.detailed_results.to_dict() | {"log_dir": None, "program": dict(read_candidate(program))}


def rows_of(log_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(log_dir / "run.sqlite")
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def recorded(log_dir: Path) -> dict[str, str]:
    return dict(rows_of(log_dir, "SELECT key, result FROM effects"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[dict[str, Any]]:
    """What a run without any failure comes to."""
    with (healthy := provider()).server:
        yield found(healthy.compile())


# Now and then ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fifth_of_requests_failing_changes_nothing_in_the_outcome(
    threads: int, seed: int, undisturbed: dict[str, Any]
) -> None:
    flaky = provider(Randomly(0.2, TRANSIENT, seed))
    with flaky.server:
        outcome = found(flaky.compile(num_threads=threads))
    assert outcome == undisturbed
    assert flaky.server.failed > 6


def test_a_fifth_of_requests_failing_changes_nothing_through_litellm_either(
    undisturbed: dict[str, Any],
) -> None:
    flaky = provider(Randomly(0.2, TRANSIENT, 2), road="litellm")
    with flaky.server:
        assert found(flaky.compile(num_threads=8)) == undisturbed
        assert flaky.server.failed > 5


def test_a_program_of_several_calls_gets_through_with_more_attempts() -> None:
    outcomes = []
    for rules in ((), (Randomly(0.2, TRANSIENT, 5),)):
        with (some := provider(*rules)).server:
            patience = RetryPolicy(first_delay=0.0, attempts=12, failures_in_a_row=24)
            outcomes.append(found(some.compile(student=TwoHops(), retry=patience, num_threads=8)))
    undisturbed, disturbed = outcomes
    # The first call of an attempt whose second call fails is paid.
    assert disturbed.pop("total_tokens") > undisturbed.pop("total_tokens")
    for outcome in outcomes:
        del outcome["usage"]
    assert undisturbed == disturbed


def test_a_provider_that_does_not_answer_is_asked_again(undisturbed: dict[str, Any]) -> None:
    mute = provider(OfModel("task", Between("timeout", first=3, last=4)), timeout=0.15)
    with mute.server:
        assert found(mute.compile()) == undisturbed
        assert mute.server.failed == 2


def test_no_failed_attempt_is_recorded_as_a_result(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    flaky = provider(Randomly(0.2, TRANSIENT, 1))
    with flaky.server:
        flaky.compile(tmp_path)
    results = recorded(tmp_path)
    assert len([key for key in results if "reflection" not in key]) == undisturbed["total_metric_calls"]
    assert not [text for text in results.values() if "program_failed" in text]
    (failures,) = rows_of(tmp_path, "SELECT count(*) FROM failures")[0]
    assert failures == flaky.server.failed


# For good -------------------------------------------------------------------------------------------------


def death(model: Literal["task", "reflection"], after: int, kind: FaultKind) -> Provider:
    return provider(OfModel(model, Between(kind, first=after + 1)))


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize(
    ("model", "after", "kind"),
    [("task", 0, "reset"), ("task", 10, "500"), ("reflection", 0, "invalid_json"), ("reflection", 1, "503")],
)
def test_a_dead_model_stops_the_run_within_ten_failures_and_a_later_compile_finishes_it(
    model: Literal["task", "reflection"],
    after: int,
    threads: int,
    kind: FaultKind,
    tmp_path: Path,
    undisturbed: dict[str, Any],
) -> None:
    dying = death(model, after, kind)
    with dying.server, pytest.raises(InfrastructureError) as caught:
        dying.compile(tmp_path, num_threads=threads)
    error = caught.value
    kept = recorded(tmp_path)
    assert dying.server.failed <= 10 + threads - 1  # those under way at the tenth failure are waited for
    assert sum(error.causes.values()) <= 10 + threads - 1
    assert (error.program is not None) == (after > 0 or model == "reflection")

    message = str(error)
    (cause,) = error.causes
    assert cause in message
    assert f"[openai/{model}]" in message
    assert f"Failures by cause: {{'{cause}': " in message
    assert f"GEPA(..., log_dir={str(tmp_path)!r})" in message

    with (healthy := provider()).server:
        assert found(healthy.compile(tmp_path, num_threads=threads)) == undisturbed
        bought = len(recorded(tmp_path)) - len(kept)
        assert healthy.server.count() == bought  # one call each: nothing recorded is asked again
    assert {key: recorded(tmp_path)[key] for key in kept} == kept
    assert len(kept) >= after


def test_the_program_of_a_run_that_died_is_the_best_so_far() -> None:
    dying = death("task", 26, "500")
    with dying.server, pytest.raises(InfrastructureError) as caught:
        dying.compile()
    assert re.search(r"know w\d", read_candidate(caught.value.program)["b"])


def test_without_a_log_dir_the_user_reads_how_the_next_run_can_be_resumed() -> None:
    dying = death("task", 0, "500")
    with dying.server, pytest.raises(InfrastructureError, match=r"kept no journal. With GEPA\(log_dir=...\)"):
        dying.compile()


@pytest.mark.parametrize("kind", ["401", "404"])
@pytest.mark.parametrize("model", ["task", "reflection"])
def test_a_wrong_key_and_a_model_that_is_not_there_stop_the_run_at_once(
    kind: FaultKind, model: Literal["task", "reflection"], tmp_path: Path
) -> None:
    closed = death(model, 0, kind)
    with (
        closed.server,
        pytest.raises(InfrastructureError, match="failed for good after the first attempt") as caught,
    ):
        closed.compile(tmp_path)
    assert closed.server.failed == 1
    assert {"401": "Incorrect API key", "404": "does not exist"}[kind] in str(caught.value)


# The candidate's fault ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"), [("context_length", "maximum context length"), ("empty", "empty or null response")]
)
def test_prompts_too_long_and_empty_answers_are_the_programs_failures_with_feedback(
    kind: FaultKind, words: str, tmp_path: Path
) -> None:
    some = provider(OfModel("task", ByPrompt(0.3, (kind,), 7)))
    with some.server, dspy.context(adapter=dspy.ChatAdapter(use_json_adapter_fallback=False)):
        result = some.compile(tmp_path, failure_score=-1.0).detailed_results
    outcomes = [text for key, text in recorded(tmp_path).items() if "reflection" not in key]
    failed = [text for text in outcomes if "program_failed" in text]
    assert 3 < len(failed) < len(outcomes)
    assert all(words in text for text in failed)
    assert any(-1.0 in scores.values() for scores in result.val_subscores)
    assert result.total_metric_calls >= 28
    assert some.server.failed == len(failed)  # none was tried twice
    assert rows_of(tmp_path, "SELECT count(*) FROM failures") == [(0,)]


@pytest.mark.parametrize("kind", ["context_length", "empty"])
def test_reflections_that_now_and_then_cannot_be_used_do_not_stop_the_run(kind: FaultKind) -> None:
    with (some := provider(OfModel("reflection", Between(kind, first=2, last=3)))).server:
        assert some.compile().detailed_results.total_metric_calls >= 28


def test_a_reflection_model_that_has_never_anything_to_say_stops_the_run() -> None:
    with (mute := provider(OfModel("reflection", Between("empty")))).server, pytest.raises(ReflectionError):
        mute.compile()


# Secrets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "swordfish"])
@pytest.mark.parametrize("road", ["auto", "litellm"])
def test_no_key_gets_into_journal_error_or_log(
    key: str, road: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    closed = provider(OfModel("task", Between("401", first=8)), key=key, road=road)
    with closed.server, pytest.raises(InfrastructureError) as caught:
        closed.compile(tmp_path)
    assert "Incorrect API key provided: [redacted]" in str(caught.value)
    assert key not in repr(vars(caught.value)) + caplog.text
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert (tmp_path / "run.sqlite") in files
    assert not [path for path in files if key.encode() in path.read_bytes()]
    assert rows_of(tmp_path, "SELECT count(*) FROM failures") == [(1,)]


# Services that programs call by themselves ----------------------------------------------------------------


def refused_by_httpx(status: int, **headers: str) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://localhost")
    response = httpx.Response(status, request=request, headers=headers)
    return httpx.HTTPStatusError("refused", request=request, response=response)


def refused_by_requests(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("refused", response=response)


def refused_by_urllib(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://localhost", status, "refused", Message(), None)


REFUSALS = [refused_by_httpx, refused_by_requests, refused_by_urllib]


@pytest.mark.parametrize("refused", REFUSALS)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_service_that_refuses_what_the_program_asks_is_not_to_blame(refused: Any, status: int) -> None:
    assert not is_infrastructure(refused(status))


@pytest.mark.parametrize("refused", REFUSALS)
@pytest.mark.parametrize("status", [401, 408, 429, 500, 503])
def test_a_service_that_is_closed_busy_or_broken_is_to_blame(refused: Any, status: int) -> None:
    assert is_infrastructure(refused(status))
    assert fault_of(refused(status)).overload == (status == 429)


def test_services_out_of_reach_are_to_blame_and_impossible_addresses_are_not() -> None:
    assert is_infrastructure(urllib.error.URLError("no route to host"))
    assert is_infrastructure(requests.ConnectTimeout())
    assert not is_infrastructure(requests.exceptions.InvalidURL("no host"))
    assert not is_infrastructure(httpx.UnsupportedProtocol("gopher"))


def test_the_waiting_time_that_a_busy_service_names_is_kept_to() -> None:
    assert fault_of(refused_by_httpx(429, **{"Retry-After": "7"})).retry_after == 7.0
