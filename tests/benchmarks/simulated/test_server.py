"""The fault-injecting server: what dspy.LM makes of it, by DSPy's own client and by LiteLLM."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dspy
import pytest
from dspy.utils.exceptions import (
    AdapterParseError,
    ContextWindowExceededError,
    LMAuthError,
    LMError,
    LMProviderError,
    LMRateLimitError,
    LMServerError,
    LMTimeoutError,
    LMTransportError,
    LMUnsupportedModelError,
)

from benchmarks.harness.models import Models
from benchmarks.simulated.faults import (
    TRANSIENT,
    Between,
    ByPrompt,
    Call,
    FaultKind,
    FaultPlan,
    OfModel,
    Randomly,
)
from benchmarks.simulated.latency import Latency
from benchmarks.simulated.server import SimulatedServer
from benchmarks.studies.faults import HEAD, Bench, show_fault
from benchmarks.tasks import bundled
from dspy_gepa.program.faults import fault_of, is_infrastructure
from dspy_gepa.program.redaction import describe
from tests.support import ScriptedEngine, knows_words

KEY = "correct-horse-battery-staple"
ROADS = ("auto", "litellm")


@pytest.fixture(scope="module", autouse=True)
def _litellm_is_imported() -> None:
    """It takes seconds, and no test of a time limit should pay for it."""
    pytest.importorskip("litellm")


def serve(*rules: object, retry_after: float | None = None) -> SimulatedServer:
    plan = FaultPlan(tuple(rules), retry_after=retry_after)  # type: ignore[arg-type]
    return SimulatedServer({"task": ScriptedEngine(knows_words)}, plan)


def lm_of(server: SimulatedServer, road: str = "auto", *, model: str = "task", timeout: float = 5) -> dspy.LM:
    options = {"api_base": server.url, "api_key": KEY, "timeout": timeout}
    return dspy.LM(f"openai/{model}", engine=road, cache=False, num_retries=0, **options)


def ask(lm: dspy.LM) -> str:
    with dspy.context(lm=lm):
        answer = dspy.Predict("question -> answer")(question="7: b needs w2").answer
    assert isinstance(answer, str)
    return answer


def error_of(kind: FaultKind, road: str) -> Exception:
    with serve(Between(kind), retry_after=0.25) as server:
        with pytest.raises((LMError, AdapterParseError)) as caught:
            ask(lm_of(server, road, timeout=0.2 if kind == "timeout" else 5))
        assert server.failed == server.count()
    return caught.value


# Answers --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
def test_a_served_engine_gives_the_answer_and_the_usage_that_it_gives_directly(road: str) -> None:
    with serve() as server, dspy.context(track_usage=True, lm=lm_of(server, road)):
        prediction = dspy.Predict("question -> answer")(question="7: b needs w2")
    assert prediction.answer == "wrong"
    (usage,) = prediction.get_lm_usage().values()
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (5, 3)


@pytest.mark.parametrize("road", ROADS)
def test_the_simulated_models_run_their_program_over_http_as_they_do_directly(road: str) -> None:
    task = bundled.load(0)
    direct = Models().task_lm(task, 0)
    row = task.train[0]
    with SimulatedServer({"task": direct.engine}) as server:
        answers = []
        for lm in (direct, lm_of(server, road)):
            with dspy.context(lm=lm):
                answers.append(task.program()(**row.inputs()).answer)
    assert answers[0] == answers[1]
    assert server.count("task") == 4


def test_async_calls_are_served_too() -> None:
    async def call(lm: dspy.LM) -> str:
        with dspy.context(lm=lm):
            prediction = await dspy.Predict("question -> answer").acall(question="7: b needs w2")
        await lm.aclose()
        return str(prediction.answer)

    with serve() as server:
        assert asyncio.run(call(lm_of(server))) == "wrong"


def test_the_models_are_listed() -> None:
    with serve() as server, urllib.request.urlopen(f"{server.url}/models") as response:
        assert [model["id"] for model in json.load(response)["data"]] == ["task"]


def test_a_model_that_is_not_there_is_not_found() -> None:
    with serve() as server, pytest.raises(LMUnsupportedModelError):
        ask(lm_of(server, model="other"))


def test_requests_side_by_side_are_all_counted_and_answered() -> None:
    with serve() as server:
        lm = lm_of(server)
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: ask(lm.copy()), range(64)))
    assert answers == ["wrong"] * 64
    assert [served.call.number for served in server.served] == list(range(1, 65))
    assert sorted(served.call.attempt for served in server.served) == list(range(1, 65))


def test_no_key_and_no_header_is_recorded() -> None:
    with serve() as server:
        ask(lm_of(server))
    assert KEY not in repr(vars(server))


# Faults ---------------------------------------------------------------------------------------------------

SEEN_BY_DSPY: dict[FaultKind, tuple[type[Exception], type[Exception]]] = {
    "429": (LMRateLimitError, LMRateLimitError),
    "500": (LMServerError, LMServerError),
    "503": (LMServerError, LMServerError),
    "reset": (LMTransportError, LMServerError),
    "timeout": (LMTransportError, LMTimeoutError),
    "truncated": (LMTransportError, LMServerError),
    "invalid_json": (LMProviderError, LMServerError),
    "content_type": (LMProviderError, LMServerError),
    "401": (LMAuthError, LMAuthError),
    "404": (LMUnsupportedModelError, LMUnsupportedModelError),
    "context_length": (ContextWindowExceededError, ContextWindowExceededError),
    "empty": (AdapterParseError, AdapterParseError),
}
FATAL, PROGRAMS_OWN = {"401", "404"}, {"context_length", "empty"}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("kind", SEEN_BY_DSPY)
def test_every_fault_arrives_as_the_error_it_is_and_is_judged_rightly(kind: FaultKind, road: str) -> None:
    error = error_of(kind, road)
    assert type(error) is SEEN_BY_DSPY[kind][ROADS.index(road)]
    assert is_infrastructure(error) == (kind not in PROGRAMS_OWN)
    if isinstance(error, LMError):
        assert fault_of(error).fatal == (kind in FATAL)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("kind", ["429", "503"])
def test_the_waiting_time_that_an_overloaded_provider_names_is_kept_to_on_both_roads(
    kind: FaultKind, road: str
) -> None:
    fault = fault_of(error_of(kind, road))
    assert (fault.retry_after, fault.overload) == (0.25, kind == "429")


@pytest.mark.parametrize("road", ROADS)
def test_a_key_that_the_provider_repeats_is_not_passed_on(road: str) -> None:
    error = error_of("401", road)
    assert KEY in str(error)
    assert KEY not in describe(error)
    assert "Incorrect API key provided: [redacted]" in fault_of(error).error


# Plans ----------------------------------------------------------------------------------------------------


def calls(count: int, *, prompts: int = 10**6, model: str = "task") -> Iterator[Call]:
    for i in range(count):
        yield Call(i + 1, model, f"p{i % prompts}", i // prompts + 1)


def test_a_share_of_all_requests_fails_in_every_way_about_equally_often() -> None:
    plan = FaultPlan.of(Randomly(0.2))
    met = [kind for call in calls(7_000) if (kind := plan.fault(call))]
    assert 0.18 < len(met) / 7_000 < 0.22
    assert {kind: met.count(kind) > 150 for kind in set(met)} == dict.fromkeys(TRANSIENT, True)


def test_sending_a_prompt_again_draws_again_and_the_order_of_requests_means_nothing() -> None:
    rule = Randomly(0.5, seed=3)
    draws = {call: rule(call) for call in calls(200, prompts=4)}
    assert all(len({draws[call] is None for call in draws if call.prompt == f"p{i}"}) == 2 for i in range(4))
    assert all(rule(Call(99, c.model, c.prompt, c.attempt)) == kind for c, kind in draws.items())


def test_another_seed_is_another_plan() -> None:
    assert [Randomly(0.5)(c) for c in calls(50)] != [Randomly(0.5, seed=1)(c) for c in calls(50)]


def test_a_prompt_that_cannot_be_answered_never_can() -> None:
    rule = ByPrompt(0.5, ("context_length",))
    kinds = {prompt: {rule(Call(n, "task", prompt, n)) for n in range(1, 20)} for prompt in "abcdefgh"}
    assert all(len(met) == 1 for met in kinds.values())
    assert {"context_length", None} == set().union(*kinds.values())


def test_a_script_says_which_requests_fail_and_the_first_rule_that_speaks_decides() -> None:
    plan = FaultPlan.of(OfModel("task", Between("500", last=2)), OfModel("task", Between("401", first=5)))
    expected = ["500", "500", None, None, "401", "401"]
    assert [plan.fault(call) for call in calls(6)] == expected
    assert [plan.fault(call) for call in calls(6, model="reflection")] == [None] * 6


def test_a_slow_server_is_slow() -> None:
    plan = FaultPlan(latency=Latency(median=0.05, sigma=0.0))
    with SimulatedServer({"task": ScriptedEngine(knows_words)}, plan) as server:
        with pytest.raises(LMTransportError, match="timed out"):
            ask(lm_of(server, timeout=0.01))
        assert ask(lm_of(server)) == "wrong"


# The table ------------------------------------------------------------------------------------------------


def test_the_table_of_faults_shows_what_became_of_the_runs(tmp_path: Path) -> None:
    bench = Bench.build("auto", threads=8)
    sound = bench.run(tmp_path / "sound")
    line, message = show_fault(bench, "500", sound, tmp_path / "500")
    told = dict(zip(HEAD, line, strict=True))
    assert (told["judged"], told["in a fifth of requests"]) == ("retried", "same outcome")
    assert told["always, from request 10 on"] == "InfrastructureError with program"
    assert str(told["resumed"]).startswith("same outcome")
    assert message is not None
    assert "LMServerError" in message
    assert "log_dir='LOG_DIR'" in message
