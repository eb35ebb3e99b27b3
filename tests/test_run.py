"""Runs under journal, limits and executors: what reaches the workers, what ends them, what they tell."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.callback import BaseCallback
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa import GEPA, AsyncExecutor, ConfigurationError, JournalError, RunInterrupted
from dspy_gepa.events import Event, StepCommitted
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.journal import Journal
from tests.support import (
    TOKENS_IN,
    TOKENS_OUT,
    OneHop,
    PricedLM,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, VAL, Words, contents

ROOT = Path(__file__).parent.parent


# Determinism ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 3, 8])
def test_the_number_of_threads_changes_nothing(tmp_path: Path, width: int) -> None:
    results = [
        contents(Words(tmp_path / str(threads)).compile(width=width, num_threads=threads))
        for threads in (1, 4, 32)
    ]
    assert results[0] == results[1] == results[2]


@pytest.mark.slow
def test_the_hash_seed_changes_nothing(tmp_path: Path) -> None:
    code = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import tests.conftest
from tests.support_runs import Words, contents
print(json.dumps(contents(Words(Path(sys.argv[2])).compile(width=2, num_threads=4)), sort_keys=True))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(ROOT), str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1")
    ]
    said = [process.communicate()[0] for process in processes]
    assert said[0] == said[1] != ""
    words = Words(tmp_path / "0")  # neither does a journal of another hash seed
    assert json.dumps(contents(words.compile(width=2, num_threads=4)), sort_keys=True) == said[0].strip()
    assert words.calls == 0


@settings(max_examples=3)
@given(order=st.randoms(use_true_random=False), width=st.integers(1, 8))
def test_the_order_in_which_an_executor_answers_changes_nothing(order: Any, width: int) -> None:
    calm = contents(Words(None).compile(width=width, num_threads=1))
    executor = Shuffling(order)
    assert contents(Words(None).compile(width=width, num_threads=6, executor=executor)) == calm
    executor.shutdown()


class Shuffling(AsyncExecutor):
    """An event loop on which every task waits for a random number of turns."""

    def __init__(self, order: Any) -> None:
        super().__init__()
        self._order = order

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        turns = self._order.randrange(20)

        async def later() -> Any:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await fn(*args, **kwargs)

        return super().submit(later)


# What reaches the workers ---------------------------------------------------------------------------------


class Listener(BaseCallback):
    def __init__(self) -> None:
        self.models: list[str] = []

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.models.append(instance.model)


EXECUTORS = [lambda: None, AsyncExecutor]


@pytest.mark.parametrize("executor", EXECUTORS, ids=["threads", "async"])
def test_callbacks_models_and_trackers_of_the_context_are_there(executor: Any) -> None:
    words, listener, own = Words(None), Listener(), scripted_lm(knows_words, "scripted/own")
    student = TwoHops()
    student.b.lm = own
    with dspy.context(callbacks=[listener]), dspy.track_usage() as tracker:
        words.compile(student, executor=executor())
    seen = {model: listener.models.count(model) for model in set(listener.models)}
    assert seen == {
        "scripted/task": len(prompts_of(words.task)),
        "scripted/reflection": len(prompts_of(words.reflection)),
        "scripted/own": len(prompts_of(own)),
    }
    assert {model: len(entries) for model, entries in tracker.usage_data.items()} == seen


@pytest.mark.parametrize("executor", EXECUTORS, ids=["threads", "async"])
def test_a_metric_sees_the_usage_of_its_rollout_only(executor: Any) -> None:
    seen = []

    def metric(gold: Any, pred: Any) -> float:
        seen.append(pred.get_lm_usage())
        return is_right(gold, pred)

    with dspy.context(track_usage=True):
        Words(None).compile(metric=metric, executor=executor(), num_threads=4)
    assert {usage["scripted/task"]["prompt_tokens"] for usage in seen} == {2 * TOKENS_IN}


class AsyncOnly(dspy.Module):
    """A program that can only be awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        RUNNING.enter()
        for _ in range(20):
            await asyncio.sleep(0)
        RUNNING.leave()
        return await self.b.acall(question=question)


class Running:
    """How many are inside at a time, and how many threads there were then."""

    def __init__(self) -> None:
        self.now = self.most = self.threads = 0

    def enter(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.threads = max(self.threads, threading.active_count())

    def leave(self) -> None:
        self.now -= 1


RUNNING = Running()


@pytest.mark.slow
def test_programs_that_are_awaited_need_no_thread_each_on_an_event_loop() -> None:
    RUNNING.__init__()  # type: ignore[misc]
    before = threading.active_count()
    words = Words(None)
    rows = word_rows(200, components="b")
    words.compile(
        AsyncOnly(),
        executor=AsyncExecutor(),
        num_threads=150,
        valset=rows,
        trainset=word_rows(6, components="b"),
        max_metric_calls=200,
    )
    assert RUNNING.most > 50
    assert RUNNING.threads - before < 40


@pytest.mark.parametrize("executor", EXECUTORS, ids=["threads", "async"])
def test_programs_that_are_awaited_find_the_same_anywhere(executor: Any) -> None:
    rows = {"trainset": word_rows(12, components="b"), "valset": word_rows(4, components="b")}
    result = Words(None, reflection=learns_words).compile(AsyncOnly(), executor=executor(), **rows)
    assert max(result.val_aggregate_scores) == 1.0


# Limits ---------------------------------------------------------------------------------------------------


def compile_priced(**options: Any) -> Any:
    words = Words(None)
    words.reflection = PricedLM(forgets_words, 0.05, "priced/reflection")  # type: ignore[assignment]
    return words.compile(OneHop(), lm=PricedLM(knows_words, 0.01), **options)


# DSPy prices no custom engine, so the models with prices are of the older kind, deprecated in 3.4.
old_models = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@old_models
def test_dollars_of_task_and_reflection_models_are_counted() -> None:
    result = compile_priced()
    expected = 0.01 * result.total_metric_calls + 0.05 * result.reflection_calls
    assert result.total_cost == pytest.approx(expected)


@old_models
@pytest.mark.parametrize("dollars", [0.3, 0.6])
def test_max_cost_ends_a_run_before_it_is_exceeded(dollars: float) -> None:
    result = compile_priced(max_cost=dollars, max_metric_calls=10_000)
    assert 0.4 * dollars < result.total_cost <= dollars
    assert f"of ${dollars:g} are spent" in result.stop_reason


def test_max_cost_alone_is_refused_when_no_price_is_known() -> None:
    with pytest.raises(ConfigurationError, match=r"No price is known of scripted/task.*Set max_metric_calls"):
        Words(None).compile(max_cost=1.0, max_metric_calls=None)


def test_max_cost_without_prices_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "dspy_gepa"):
        Words(None).compile(max_cost=1.0)
    assert "no price is known of scripted/task" in caplog.text


def test_max_tokens_ends_a_run_before_it_is_exceeded() -> None:
    words = Words(None)
    result = words.compile(max_tokens=1_000, max_metric_calls=None)
    assert 400 < result.total_tokens <= 1_000
    assert result.total_tokens == (TOKENS_IN + TOKENS_OUT) * words.calls
    assert "of 1000 tokens are spent" in result.stop_reason


def test_max_reflections_ends_a_run_and_is_never_exceeded() -> None:
    words = Words(None)
    result = words.compile(max_reflections=7, max_metric_calls=None)
    assert result.reflection_calls == len(prompts_of(words.reflection)) <= 7
    assert "of 7 reflections are spent" in result.stop_reason


def test_max_seconds_ends_a_run_after_the_step_in_which_they_pass() -> None:
    result = Words(None).compile(max_seconds=1e-6, max_metric_calls=None)
    assert result.total_metric_calls == len(VAL)
    assert result.stop_reason == "budget: 1e-06 of 1e-06 seconds are spent, and no step starts after them"


def test_limits_hold_together_and_the_first_one_reached_is_named() -> None:
    result = Words(None).compile(max_metric_calls=60, max_tokens=10**6, max_reflections=3)
    assert "reflections are spent" in result.stop_reason
    result = Words(None).compile(max_metric_calls=60, max_tokens=10**6, max_reflections=300)
    assert "of 60 rollouts are spent" in result.stop_reason


def test_judges_in_the_metric_are_counted() -> None:
    judge = scripted_lm(lambda prompt: {"verdict": "fine"}, "scripted/judge")
    asks = dspy.Predict("answer -> verdict")

    def metric(gold: Any, pred: Any) -> float:
        with dspy.context(lm=judge):
            asks(answer=pred.answer)
        return is_right(gold, pred)

    words = Words(None)
    result = words.compile(metric=metric)
    judged = len(prompts_of(judge))
    assert judged == result.total_metric_calls
    assert result.total_tokens == (TOKENS_IN + TOKENS_OUT) * (words.calls + judged)


@pytest.mark.parametrize("auto", ["light", "medium", "heavy"])
def test_auto_runs_end_within_their_size(auto: str) -> None:
    result = Words(None).compile(auto=auto, max_metric_calls=None)
    limit = len(VAL) + {"light": 6, "medium": 12, "heavy": 18}[auto] * (len(VAL) + 4 * 2 * 3)
    assert result.total_metric_calls <= limit
    assert f"of {limit} rollouts are spent" in result.stop_reason or "nothing left" in result.stop_reason


# Forecasts ------------------------------------------------------------------------------------------------


def test_a_plan_runs_one_rollout_and_nothing_else(tmp_path: Path) -> None:
    words = Words(tmp_path)
    with dspy.context(lm=words.task):
        optimizer = GEPA(
            is_right, reflection_lm=words.reflection, max_metric_calls=100, log_dir=str(tmp_path / "none")
        )
        forecast = optimizer.plan(TwoHops(), trainset=TRAIN, valset=VAL)
    assert (len(prompts_of(words.task)), len(prompts_of(words.reflection))) == (2, 0)
    assert (forecast.rollouts, forecast.cost) == (100, None)
    assert forecast.steps > 0
    assert forecast.tokens is not None
    assert not (tmp_path / "none").exists()


def test_the_forecast_is_reported_once_after_the_first_rollout(caplog: pytest.LogCaptureFixture) -> None:
    rollouts: list[int] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("forecast: about"):
                rollouts.append(len(prompts_of(words.task)) // 2)

    words = Words(None)
    handler = Handler()
    logging.getLogger("dspy_gepa").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "dspy_gepa"):
            words.compile()
    finally:
        logging.getLogger("dspy_gepa").removeHandler(handler)
    assert rollouts == [1]
    assert "at most 100 rollouts" in caplog.text


# The journal in the run -----------------------------------------------------------------------------------


def test_every_rollout_and_reflection_is_on_record_once_and_every_step_is_reported(tmp_path: Path) -> None:
    result = Words(tmp_path).compile(width=3, num_threads=4)
    with read_journal(tmp_path) as db:
        count = dict(db.execute("SELECT kind, count(*) FROM effects GROUP BY kind").fetchall())
        steps = [
            json.loads(text)
            for (text,) in db.execute("SELECT data FROM events WHERE committed IS NOT NULL ORDER BY number")
        ]
        ended = db.execute("SELECT ended FROM sessions").fetchall()
    assert count == {"rollout": result.total_metric_calls, "reflection": result.reflection_calls}
    assert [step["step"] for step in steps] == list(range(len(steps)))
    trials = [step["proposal"] for step in steps if "proposal" in step]
    assert [trial["verdict"] for trial in trials] == [p.verdict for p in result.proposals[1:]]
    evaluated = [m for step in steps if "evaluated" in step for m in step["evaluated"]["members"]]
    assert evaluated == [str(member) for member in range(len(result.candidates))]
    assert ended == [("finished",)]


def test_a_journal_that_cannot_be_written_ends_the_run_with_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Journal.record

    def full(journal: Journal, *args: Any, **kwargs: Any) -> None:
        if journal._first("SELECT count(*) FROM effects")[0] == 40:
            journal._db.execute("PRAGMA query_only = 1")
        record(journal, *args, **kwargs)

    monkeypatch.setattr(Journal, "record", full)
    with pytest.raises(JournalError, match="cannot be used: attempt to write a readonly") as caught:
        Words(tmp_path).compile()
    assert isinstance(caught.value.program, TwoHops)
    monkeypatch.undo()
    assert contents(Words(tmp_path).compile()) == contents(Words(None).compile())


def test_a_second_compile_in_the_same_place_waits_for_nobody(tmp_path: Path) -> None:
    refused = []

    def metric(gold: Any, pred: Any) -> float:
        if not refused:
            try:
                Words(tmp_path).compile(max_metric_calls=8)
            except JournalError as error:
                refused.append(str(error))
        return is_right(gold, pred)

    Words(tmp_path).compile(metric=metric, max_metric_calls=8, num_threads=1)
    assert f"Another process (pid {os.getpid()}) is running" in refused[0]


# What is left of a run that was interrupted ---------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "members"), [("paper", 3), ("adaptive", 1), ("adaptive", 4)])
def test_an_interrupted_run_says_which_program_it_leaves_and_why(strategy: str, members: int) -> None:
    told: list[StepCommitted] = []

    def stop(event: Event) -> None:
        if isinstance(event, StepCommitted):
            told.append(event)
            if event.members >= members:
                raise KeyboardInterrupt

    with pytest.raises(RunInterrupted) as raised:
        Words(None).compile(strategy=strategy, callbacks=[stop], max_metric_calls=300)
    best = told[-1].best
    who = f"candidate {best}" if best else "your program"
    assert f"error.program is {who} (" in str(raised.value)
    assert isinstance(raised.value.program, TwoHops)


def test_an_interrupt_before_the_first_scores_leaves_no_program_and_says_nothing_of_one() -> None:
    def stop(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(RunInterrupted) as raised:
        Words(None).compile(callbacks=[stop])
    assert raised.value.program is None
    assert "error.program" not in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself Ctrl-C there")
def test_ctrl_c_is_noticed_while_a_record_is_replayed(tmp_path: Path) -> None:
    Words(tmp_path).compile(max_metric_calls=60)
    commits: list[StepCommitted] = []

    def press(event: Event) -> None:
        if isinstance(event, StepCommitted):
            commits.append(event)
            if len(commits) == 2:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(RunInterrupted) as raised:
        Words(tmp_path).compile(max_metric_calls=60, callbacks=[press])
    assert len(commits) == 2
    assert raised.value.program is not None


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
@pytest.mark.parametrize("commits", [1, 2, 3, 6])
def test_the_program_of_an_error_has_its_result(strategy: str, commits: int) -> None:
    told: list[StepCommitted] = []

    def stop(event: Event) -> None:
        if isinstance(event, StepCommitted):
            told.append(event)
            if len(told) == commits:
                raise KeyboardInterrupt

    tracked = {"strategy": strategy, "callbacks": [stop], "max_metric_calls": 300, "track_stats": True}
    with pytest.raises(RunInterrupted) as raised:
        Words(None).compile(**tracked, track_best_outputs=True)
    result = raised.value.program.detailed_results
    assert result.best_idx == told[-1].best
    assert result.score == told[-1].score
    assert result.stop_reason.startswith("RunInterrupted: ")
    assert result.record.state == "interrupted"
    assert result.best_outputs_valset is not None
    assert str(result)


def test_without_statistics_the_program_of_an_error_has_no_result() -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StepCommitted):
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted) as raised:
        Words(None).compile(callbacks=[stop], track_stats=False)
    assert not hasattr(raised.value.program, "detailed_results")
