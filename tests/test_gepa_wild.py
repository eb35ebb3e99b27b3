"""Whole runs whose provider, metric, budget or callbacks are not as one would wish."""

from __future__ import annotations

import asyncio
import pickle
import re
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA
from dspy_gepa.errors import ConfigurationError, GEPAError, InfrastructureError, InternalError, RunInterrupted
from dspy_gepa.events import StepCommitted
from dspy_gepa.program.faults import bug
from dspy_gepa.runtime.dispatcher import Dispatcher
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.types import Candidate, Rollout, Row, Usage
from tests.support import OneHop, Prompt, ScriptedEngine, is_right, knows_words, learns_words, scripted_lm
from tests.support_runs import TRAIN, VAL, Words

SPOILT = "no answer is found in this"
EAGER = RetryPolicy(first_delay=0.0)


def breaks_outputs(prompt: Prompt) -> Any:
    """Give an answer that cannot be parsed once the instructions were rewritten."""
    return SPOILT if SPOILT in prompt.system else {"answer": "no"}


def proposes_spoilt_text(prompt: Prompt) -> Any:
    return dict.fromkeys(prompt.outputs, SPOILT)


def refuses(prompt: Prompt) -> Any:
    raise dspy.LMInvalidRequestError("temperature is not supported", status=400)


def minus_one_or_zero(gold: Any, pred: Any, trace: Any = None) -> float:
    return 0.0 if pred.answer == gold.answer else -1.0


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
def test_scores_below_zero_make_no_gain_of_a_failure(strategy: str) -> None:
    words = Words(None, reflection=proposes_spoilt_text)
    lm = scripted_lm(breaks_outputs)
    result = words.compile(OneHop(), lm=lm, strategy=strategy, metric=minus_one_or_zero, max_metric_calls=60)
    assert result.best_idx == 0
    assert result.failed_rollouts
    assert "AdapterParseError" in result.to_markdown()


def test_the_failure_score_of_the_user_stands_and_else_failures_follow_the_worst_score(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scores = {}
    for name, options in (("own", {"failure_score": 0.0}), ("default", {})):
        words = Words(None, reflection=proposes_spoilt_text)
        lm = scripted_lm(breaks_outputs)
        found = words.compile(OneHop(), lm=lm, strategy="adaptive", metric=minus_one_or_zero, **options)
        scores[name] = {score for p in found.proposals for score in p.after}
        warned = [message for message in caplog.messages if "failure_score" in message]
        assert len(warned) == (name == "default")
    assert scores == {"own": {0.0}, "default": {-1.0}}


def test_a_score_above_perfect_score_ends_the_skipping_and_is_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def points(gold: Any, pred: Any, trace: Any = None) -> int:
        return 5 if pred.answer == gold.answer else 2

    result = Words(None).compile(metric=points)
    assert result.reflection_calls
    assert sum("perfect_score" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
def test_a_provider_that_refuses_everything_ends_the_run_at_once(strategy: str) -> None:
    lm = scripted_lm(refuses)
    words = Words(None)
    with pytest.raises(InfrastructureError, match="temperature is not supported"):
        words.compile(OneHop(), lm=lm, strategy=strategy)
    assert len(lm.engine.prompts) < 20
    assert not words.reflection.engine.prompts


class Silent(ScriptedEngine):
    """An engine that reports usage with the first answers only."""

    reports = 0

    def complete(self, request: Any) -> Any:
        response = super().complete(request)
        reported = len(self.prompts) <= self.reports
        return response if reported else replace(response, usage=dspy.lm15.Usage())


def silent_lm(reports: int = 0) -> dspy.LM:
    engine = Silent(lambda prompt: {"answer": "no"})
    engine.reports = reports
    return dspy.LM("silent/model", engine=engine, cache=False, num_retries=0)


@pytest.mark.parametrize("limit", [{"max_tokens": 2_000}, {"max_cost": 1.0}])
def test_a_limit_that_cannot_hold_because_no_usage_is_reported_is_refused(limit: dict[str, Any]) -> None:
    lm = silent_lm()
    with pytest.raises(ConfigurationError, match=rf"usage.*{next(iter(limit))}"):
        Words(None).compile(OneHop(), lm=lm, **{"max_metric_calls": None, "num_threads": 1} | limit)
    assert len(lm.engine.prompts) <= 2


def test_usage_that_is_left_out_later_is_estimated_counted_and_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = {"max_metric_calls": None, "max_tokens": 6_000, "num_threads": 1}
    result = Words(None).compile(OneHop(), lm=silent_lm(reports=3), strategy="adaptive", **limits)
    usage = sum(result.usage.values(), start=Usage())
    assert usage.tokens["silent/model"] == (15, 9)
    assert usage.estimated.keys() == {"silent/model"}
    assert result.total_tokens == usage.spent_tokens < 10_000
    assert "tokens" in result.stop_reason
    assert f"{usage.estimated['silent/model']:,} of them estimated" in result.to_markdown()
    assert sum("reported no usage" in message for message in caplog.messages) == 1


def test_a_forecast_without_usage_is_estimated_and_says_so() -> None:
    with dspy.context(lm=silent_lm()):
        found = GEPA(is_right, reflection_lm=scripted_lm(learns_words), auto="light").plan(
            OneHop(), trainset=TRAIN, valset=VAL
        )
    assert found.tokens_estimated
    assert "estimated" in str(found)
    assert found.tokens is not None
    assert 1_000 < found.tokens < 1_000_000


@pytest.mark.parametrize("threads", [1, 4])
def test_a_row_that_its_provider_always_fails_is_left_out_and_the_run_resumes_the_same_way(
    threads: int, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    words = Words(tmp_path)
    knows = words.task.engine.script

    def fails_on_one(prompt: Prompt) -> Any:
        if "103: " in prompt.text:
            raise dspy.LMServerError("internal error", status=500)
        return knows(prompt)

    words.task.engine.script = fails_on_one
    first = words.compile(strategy="adaptive", retry=EAGER, num_threads=threads)
    assert 3 not in first.val_subscores[0]
    again = words.compile(strategy="adaptive", retry=EAGER, num_threads=threads)
    assert (again.val_subscores, again.texts, again.score) == (first.val_subscores, first.texts, first.score)
    assert sum("set aside" in message for message in caplog.messages) == 2  # once a session


def stops_after(steps: int) -> Any:
    """A callback that interrupts the run when this many steps are committed."""
    left = iter(range(steps - 1))

    def stop(event: Any) -> None:
        if isinstance(event, StepCommitted) and next(left, None) is None:
            raise KeyboardInterrupt

    return stop


def poisoned(prompt: Prompt) -> Any:
    """Answer as usual, but fail on texts that name a certain word."""
    if "know w2" in prompt.system:
        raise dspy.LMServerError("internal error", status=500)
    return knows_words(prompt)


def fails_on_the_first_row(prompt: Prompt) -> Any:
    if re.search(r"\b0: ", prompt.text):
        raise dspy.LMServerError("internal error", status=500)
    return knows_words(prompt)


def filters_some_rows(prompt: Prompt) -> Any:
    if re.search(r"\b[036]: ", prompt.text):
        raise dspy.LMInvalidRequestError("blocked by the content management policy", status=400)
    return knows_words(prompt)


@pytest.mark.usefixtures("dspy_cache")
@pytest.mark.parametrize("task", [poisoned, fails_on_the_first_row, filters_some_rows])
@pytest.mark.parametrize("cache", [False, True])
def test_what_a_provider_never_answers_changes_nothing_for_other_threads_or_a_resumed_run(
    task: Any, cache: bool, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    found = []
    for threads in (1, 4):
        words = Words(tmp_path / str(threads), reflection=learns_words)
        options = {"strategy": "adaptive", "retry": EAGER, "num_threads": threads, "max_metric_calls": 60}
        words.task = scripted_lm(task, f"scripted/{task.__name__}-{threads}", cache=cache)
        with pytest.raises(RunInterrupted):
            words.compile(**options, callbacks=[stops_after(4)])
        result = words.compile(**options)
        found.append((result.val_subscores, result.texts, [p.after for p in result.proposals]))
    assert found[0] == found[1]
    assert result.score > 0.3
    assert sum(result.record.unavailable.values()) > 0
    assert any("set aside" in message for message in caplog.messages)


FILTERED_ROWS = re.compile(r"\b\d*[36]: ")


class Filtering(ScriptedEngine):
    """An engine whose answers to prompts with a certain text are ended by a content filter."""

    def complete(self, request: Any) -> Any:
        response = super().complete(request)
        found = FILTERED_ROWS.search(repr(request.messages).replace("\\n", " "))
        return replace(response, finish_reason="content_filter") if found else response


def filtering_lm(script: Any) -> dspy.LM:
    return dspy.LM("scripted/filtering", engine=Filtering(script), cache=False, num_retries=0)


@pytest.mark.parametrize("filtered", ["task", "judge"])
def test_a_rollout_in_which_a_filter_ends_an_answer_has_no_score(filtered: str) -> None:
    words = Words(None, reflection=learns_words)
    judge = filtering_lm(lambda prompt: {"verdict": "fine"})

    def judged(gold: Any, pred: Any, trace: Any = None) -> float:
        dspy.Predict("question -> verdict")(question=gold.question, lm=judge)
        return is_right(gold, pred)

    if filtered == "task":
        words.task = filtering_lm(knows_words)
    metric = is_right if filtered == "task" else judged
    result = words.compile(strategy="paper", retry=EAGER, metric=metric)
    named = {row for row in range(len(VAL)) if re.search(r"[36]$", VAL[row].question.split(":")[0])}
    assert set(result.record.unavailable) == {"FilteredAnswerError"}
    assert named
    assert not named & {row for scores in result.val_subscores for row in scores}


@pytest.mark.parametrize("empty", [True, False])
def test_examples_on_which_a_filter_ends_the_reflection_are_left_out(
    empty: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def answers(prompt: Prompt) -> Any:
        return "" if empty and FILTERED_ROWS.search(prompt.text) else learns_words(prompt)

    words = Words(None)
    words.reflection = filtering_lm(answers)
    result = words.compile(strategy="adaptive", retry=EAGER)
    assert len(result.candidates) > 1
    assert any("left out of prompts" in message for message in caplog.messages)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_reflection_that_its_provider_always_fails_is_asked_with_half_the_examples_and_the_run_goes_on(
    threads: int, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails_later(prompt: Prompt) -> Any:
        if "know w" in prompt.text and re.search(r"\b[4]: ", prompt.text):
            raise dspy.LMServerError("internal error", status=500)
        return learns_words(prompt)

    words = Words(tmp_path, reflection=fails_later)
    options = {"strategy": "adaptive", "retry": EAGER, "num_threads": threads}
    first = words.compile(**options)
    assert len(first.candidates) > 1
    assert words.compile(**options).texts == first.texts
    assert any("failed a prompt in every attempt" in message for message in caplog.messages)


def filters(rows: str) -> Any:
    """A task model that refuses the rows whose numbers end so."""

    def answer(prompt: Prompt) -> Any:
        if re.search(rf"{rows}: ", prompt.text):
            raise dspy.LMInvalidRequestError("blocked by the content management policy", status=400)
        return knows_words(prompt)

    return answer


@pytest.mark.parametrize(
    ("rows", "said"),
    [("[0-7]", r"\d+ of \d+ rows.*content man"), ("[0-9]", r"none of the first 8.*content man")],
)
def test_a_run_most_of_whose_rows_are_filtered_ends_and_says_so(rows: str, said: str) -> None:
    words = Words(None)
    words.task = scripted_lm(filters(rows))
    with pytest.raises(InfrastructureError, match=said):
        words.compile(strategy="adaptive", retry=EAGER)


def test_half_of_the_rows_filtered_is_reported_and_does_not_end_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = Words(None)
    words.task = scripted_lm(filters("[02468]"))
    result = words.compile(strategy="adaptive", retry=EAGER)
    assert result.failed_rollouts["LMInvalidRequestError"] > 8
    assert any("content management" in message for message in caplog.messages)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    "place",
    [
        "program.rollout.mark_components",
        "program.rollout.trace_steps",
        "program.rollout.RolloutRunner._warn_of_tools",
        "program.call_log.hide_keys_of",
        "program.scoring.to_plain",
        "reflection.reflector.build_prompt",
        "reflection.reflector.read_answer",
        "search.pool.Pool.commit",
    ],
)
def test_a_bug_of_this_package_ends_the_run_and_is_never_scored(
    place: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"dspy_gepa.{place}", None)
    with pytest.raises(InternalError, match=r"callable \(dspy_gepa\.") as caught:
        Words(None).compile(strategy="adaptive", num_threads=threads)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_bug_in_a_process_of_its_own_ends_the_run_too() -> None:
    error = pickle.loads(pickle.dumps(bug(ValueError("a bug"), "in a rollout")))
    future: Future[Any] = Future()
    future.set_exception(error)
    dispatcher = Dispatcher(lambda effect: future, workers=1)
    dispatcher.request(Rollout(Candidate.of({"a": "text"}), Row("train", 0)), "key")
    with pytest.raises(InternalError, match="in a rollout"):
        dispatcher.next()


def test_a_budget_without_room_for_a_proposal_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    Words(None).compile(strategy="adaptive", max_metric_calls=12)
    assert any("max_metric_calls=12" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("option", "remedy"),
    [("max_steps", "max_metric_calls"), ("num_trials", "max_reflections"), ("prompt_model", "reflection_lm")],
)
def test_options_of_other_optimizers_are_refused_with_what_takes_their_place(
    option: str, remedy: str
) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        GEPA(is_right, reflection_lm=scripted_lm(refuses), **{option: 10})


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_any_exception_with_which_a_callback_ends_the_run_leaves_the_best_program(
    kind: type[BaseException],
) -> None:
    commits = 0

    def listener(event: Any) -> None:
        nonlocal commits
        commits += event.name() == "step_committed"
        if commits == 3:
            raise kind

    with pytest.raises(GEPAError) as caught:
        Words(None).compile(callbacks=[listener])
    assert caught.value.program is not None
