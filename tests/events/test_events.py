"""What a run tells, compared with what it did."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.callback import BaseCallback

from dspy_gepa import ConfigurationError, InfrastructureError, ReflectionError, RunInterrupted
from dspy_gepa.events import (
    EVENTS,
    Failed,
    Finished,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.events.emit import MOST_SCORED
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.lines import EventLines
from dspy_gepa.record.read import read_events
from dspy_gepa.search import pool
from tests.support import forgets_words, learns_words, prompts_of, scripted_lm, word_rows
from tests.support_recorder import Insists, Recorder
from tests.support_runs import TRAIN, VAL, Words

DOCS = Path(__file__).parents[2] / "docs" / "events.md"


def listened(log_dir: Path | None = None, **options: Any) -> tuple[Recorder, Any, Words]:
    """A run, its events and its result."""
    heard, words = Recorder(), Words(log_dir, reflection=options.pop("reflection", forgets_words))
    return heard, words.compile(callbacks=[heard], **options), words


def trials(heard: Recorder, *verdicts: str) -> list[Any]:
    """The commits of trials, with these verdicts if any are given."""
    found = [event for event in heard.of(StepCommitted) if event.proposal is not None]
    return [event for event in found if not verdicts or event.proposal.verdict in verdicts]


def evaluations(heard: Recorder) -> list[StepCommitted]:
    return [event for event in heard.of(StepCommitted) if event.proposal is None]


@pytest.fixture(scope="module")
def paper() -> tuple[Recorder, Any, Words]:
    return listened(max_metric_calls=150)


@pytest.fixture(scope="module")
def adaptive() -> tuple[Recorder, Any, Words]:
    data = {"trainset": word_rows(40, words=8), "valset": word_rows(20, words=8, start=100)}
    return listened(strategy="adaptive", max_metric_calls=300, width=1, **data)


# What each event tells ------------------------------------------------------------------------------------


def test_a_run_starts_with_its_sizes_and_its_limits(paper: Any) -> None:
    heard, _, _ = paper
    started = heard.events[0]
    assert isinstance(started, RunStarted)
    assert (started.train_rows, started.val_rows, started.seed) == (len(TRAIN), len(VAL), 1)
    assert (started.strategy["name"], started.limits.rollouts, started.forecast.rollouts) == (
        "paper",
        150,
        150,
    )
    assert (started.forecast.tokens, started.resumed_steps) == (None, 0)
    assert list(started.candidates[0]) == ["a", "b"]


def test_the_forecast_is_made_again_after_the_first_rollout(paper: Any) -> None:
    heard, _, _ = paper
    place = heard.events.index(heard.one(ForecastMade))
    assert [type(event) for event in heard.events[:place]] == [RunStarted, StepPlanned, RolloutDone]
    assert heard.one(ForecastMade).forecast.tokens > 0


def test_every_rollout_and_reflection_is_reported_once_with_its_usage(paper: Any) -> None:
    heard, result, words = paper
    rollouts, reflections = heard.of(RolloutDone), heard.of(ReflectionDone)
    assert len({(event.row, event.candidate) for event in rollouts}) == len(rollouts)
    assert len(rollouts) == result.total_metric_calls
    assert len(reflections) == result.reflection_calls == len(prompts_of(words.reflection))
    used = sum(event.outcome.usage.total_tokens for event in rollouts)
    used += sum(event.reflection.usage.total_tokens for event in reflections)
    assert used == result.total_tokens
    assert not any(event.replayed for event in [*rollouts, *reflections])
    assert all(event.attempts == 1 and event.seconds > 0 for event in [*rollouts, *reflections])


def test_a_rollout_shows_row_candidate_and_score(paper: Any) -> None:
    heard, result, _ = paper
    seed = heard.one(RunStarted).candidates[0].id
    scores = {
        event.row.position: event.outcome.score
        for event in heard.of(RolloutDone)
        if event.row.split == "val" and event.candidate == seed
    }
    assert scores == result.val_subscores[0]


@pytest.mark.parametrize("run", ["paper", "adaptive"])
def test_every_proposal_is_reported_with_its_verdict_and_its_member(
    run: str, request: pytest.FixtureRequest
) -> None:
    heard, result, _ = request.getfixturevalue(run)
    told = trials(heard)
    assert [event.proposal for event in told] == list(result.proposals[1:])
    accepted = trials(heard, "accepted")
    for event in accepted:
        assert dict(event.proposal.candidate) == result.texts[event.member]
    assert [event.member for event in accepted] == list(range(1, len(result.candidates)))
    assert {event.member for event in trials(heard, "rejected", "skipped")} <= {None}


def test_a_merge_is_a_kind_of_proposal(paper: Any) -> None:
    heard, _, _ = paper
    merges = [event for event in trials(heard, "accepted", "rejected") if event.proposal.kind == "merge"]
    plans = {event.step: event for event in heard.of(StepPlanned)}
    assert merges
    assert {event.kind for event in merges} == {plans[event.step].kind for event in merges} == {"merge"}
    assert all(plans[event.step].members == event.proposal.parents for event in merges)


def test_a_trial_in_which_nothing_is_proposed_is_skipped() -> None:
    heard, _, _ = listened(reflection=learns_words, trainset=VAL[:3], strategy="paper")
    skipped = trials(heard, "skipped")
    assert skipped
    assert all(e.proposal.candidate is None and "perfect" in e.proposal.reason for e in skipped)


def test_validations_report_the_scores_of_all_rows(paper: Any) -> None:
    heard, result, _ = paper
    first, *later = evaluations(heard)
    assert (first.kind, {event.kind for event in later}) == ("original", {"validation"})
    for event in evaluations(heard):
        ((member, scores),) = event.evaluated.items()
        assert event.val_means == {member: pytest.approx(result.val_aggregate_scores[member])}
        assert event.scores[member].score == event.val_means[member]
        assert set(scores.values()) <= set(result.val_subscores[member].values())


@pytest.mark.parametrize("run", ["paper", "adaptive"])
def test_a_commit_has_the_scores_of_those_that_it_concerns(run: str, request: pytest.FixtureRequest) -> None:
    heard, _, _ = request.getfixturevalue(run)
    contenders = 0
    for event in heard.of(StepCommitted):
        concerned = {0, event.best, *event.evaluated, *([] if event.member is None else [event.member])}
        concerned |= set() if event.proposal is None else set(event.proposal.parents)
        concerned |= set() if event.contender is None else {event.contender}
        assert set(event.scores) == concerned
        scores = {member: own.score for member, own in event.scores.items() if own.score is not None}
        if event.contender is not None:
            contenders += 1
            assert scores[event.contender] > scores[event.best]
        elif run == "paper":
            assert scores[event.best] == max(scores.values())
    assert bool(contenders) == (run == "adaptive")


@pytest.mark.parametrize("run", ["paper", "adaptive"])
def test_a_commit_takes_less_than_two_kilobytes_beside_its_texts_and_new_scores(
    run: str, request: pytest.FixtureRequest
) -> None:
    heard, _, _ = request.getfixturevalue(run)
    for event in heard.of(StepCommitted):
        data = event.to_dict()
        texts = data["proposal"] and [data["proposal"]["changed"], data["proposal"]["reason"]]
        assert len(json.dumps(data)) - len(json.dumps([texts, data["evaluated"]])) < 2_000


def test_with_the_adaptive_strategy_there_are_top_ups_and_finals(adaptive: Any) -> None:
    heard, _, _ = adaptive
    kinds = [event.kind for event in evaluations(heard)]
    assert (kinds[0], kinds[-1]) == ("original", "finals")
    assert set(kinds[1:-1]) == {"top-up"}
    assert len(evaluations(heard)[-1].evaluated) > 1


def test_initial_candidates_are_reported_at_the_start_and_when_they_are_run() -> None:
    heard, _, _ = listened(initial_candidates=[{"a": "Other."}])
    assert heard.one(RunStarted).candidates[1]["a"] == "Other."
    assert [event.kind for event in evaluations(heard)][:2] == ["original", "initial"]


@pytest.mark.parametrize("run", ["paper", "adaptive"])
def test_a_commit_has_the_best_so_far_and_what_was_spent(run: str, request: pytest.FixtureRequest) -> None:
    heard, result, _ = request.getfixturevalue(run)
    in_order = [e for e in heard.in_order() if not isinstance(e, (StepPlanned, ForecastMade))][1:-1]
    assert in_order == heard.of(StepCommitted)
    assert [event.step for event in heard.of(StepCommitted)] == list(range(len(in_order)))
    assert all(event.interval[0] <= event.score <= event.interval[1] for event in heard.of(StepCommitted))
    rollouts = [event.spent.rollouts for event in heard.of(StepCommitted)]
    assert rollouts == sorted(rollouts)
    assert rollouts[-1] == result.total_metric_calls <= heard.one(RunStarted).limits.rollouts


def test_in_long_runs_the_figures_of_the_best_are_worked_out_when_the_scores_have_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "FITTED_ALWAYS", 30)
    monkeypatch.setattr(pool, "FITTED_GROWTH", 1.5)
    data = {"trainset": word_rows(40, words=8), "valset": word_rows(20, words=8, start=100)}
    heard, result, _ = listened(strategy="adaptive", max_metric_calls=200, width=1, **data)
    commits = heard.of(StepCommitted)
    repeated = [(last, event) for last, event in pairwise(commits) if not event.scores]
    assert 0 < len(repeated) < len(commits) - 3
    for last, event in repeated:
        assert (event.best, event.score, event.interval) == (last.best, last.score, last.interval)
        assert event.spent.rollouts > 30
        assert event.estimated_at == last.estimated_at < event.spent.rollouts
    assert all(event.estimated_at == event.spent.rollouts for event in commits if event.scores)
    assert heard.one(Finished).interval == result.interval
    assert all(len(event.scores) <= MOST_SCORED + 3 for event in commits)


@pytest.mark.parametrize("run", ["paper", "adaptive"])
def test_the_last_event_is_the_result(run: str, request: pytest.FixtureRequest) -> None:
    heard, result, _ = request.getfixturevalue(run)
    last = heard.events[-1]
    assert isinstance(last, Finished)
    assert (last.best, last.score, last.interval) == (result.best_idx, result.score, result.interval)
    assert (last.gain, last.gain_interval) == (result.gain, result.gain_interval)
    assert [own.score for own in last.scores] == pytest.approx(result.val_aggregate_scores)
    assert [own.interval for own in last.scores] == result.intervals
    assert (last.choice_reason, last.stop_reason) == (result.choice_reason, result.stop_reason)
    assert dict(last.candidate) == result.texts[result.best_idx]
    assert heard.of(Failed) == []


def test_an_error_that_ends_the_run_is_the_last_event() -> None:
    heard, words = Recorder(), Words(None, reflection=lambda prompt: "no")
    with pytest.raises(ReflectionError):
        words.compile(callbacks=[heard])
    assert isinstance(heard.events[-1], Failed)
    assert heard.events[-1].error == "ReflectionError"
    assert "unusable answers in a row" in heard.events[-1].message
    assert heard.of(Finished) == []


def test_the_message_of_a_failure_holds_no_keys() -> None:
    def refuses(prompt: Any) -> Exception:
        return dspy.LMAuthError("Incorrect API key provided: sk-abcdef123456", model="m", provider="p")

    heard = Recorder()
    with pytest.raises(InfrastructureError):
        Words(None).compile(callbacks=[heard], lm=scripted_lm(refuses))
    assert heard.one(Failed).error == "InfrastructureError"
    assert "sk-abcdef" not in json.dumps(heard.one(Failed).to_dict())


def test_a_run_that_has_to_stop_names_what_it_waits_for_and_waits_for_all_of_it(tmp_path: Path) -> None:
    heard = Insists()
    with pytest.raises(RunInterrupted) as raised:
        Words(tmp_path).compile(callbacks=[heard], num_threads=4)
    stopping = heard.one(Stopping)
    after = heard.events[heard.events.index(stopping) + 1 :]
    assert stopping == Stopping(True, stopping.rollouts, stopping.reflections, 30.0, can_hurry=True)
    assert 0 < stopping.rollouts <= 3
    assert [type(event) for event in after] == [RolloutDone] * stopping.rollouts + [Failed]
    assert "not waited for" not in str(raised.value)


# As data --------------------------------------------------------------------------------------------------


def test_all_events_are_json_like_and_documented(paper: Any, adaptive: Any) -> None:
    page = DOCS.read_text(encoding="utf-8")
    for event in [*paper[0].events, *adaptive[0].events, Failed("E", "m", paper[0].events[-1].spent)]:
        data = event.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert list(data) == ["event", *(f.name for f in fields(event))]
        assert data["event"] == event.name()
    for kind in EVENTS:
        (row,) = re.findall(rf"^\| `{kind.__name__}` \|(.*)$", page, flags=re.MULTILINE)
        assert re.findall(r"`(\w+)`", row.split("|")[0]) == [f.name for f in fields(kind)]
        described = " ".join(base.__doc__ or "" for base in kind.__mro__)
        for field in fields(kind):
            assert f"{field.name}: " in described


def test_limits_that_are_none_are_none_in_the_data() -> None:
    heard, _, _ = listened(max_metric_calls=None, max_reflections=3)
    data = heard.one(RunStarted).to_dict()["limits"]
    assert (data["rollouts"], data["reflections"], data["cost"]) == (None, 3, None)


# Order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "width"), [("paper", 1), ("adaptive", 3)])
def test_threads_change_nothing_but_the_order_of_arrivals(strategy: str, width: int) -> None:
    options = {"strategy": strategy, "width": width}
    one, _, _ = listened(num_threads=1, **options)
    many, _, _ = listened(num_threads=16, **options)

    def timeless(heard: Recorder) -> list[Any]:
        events = [e for e in heard.in_order() if not isinstance(e, ForecastMade)]
        return [replace(e, threads=0, forecast=None) if isinstance(e, RunStarted) else e for e in events]

    assert timeless(one) == timeless(many)
    assert one.arrived() == many.arrived()


def test_callbacks_are_called_on_the_callers_thread() -> None:
    heard, _, _ = listened(num_threads=8)
    assert [thread.name for thread in heard.threads] == ["MainThread"]


# Resumed runs ---------------------------------------------------------------------------------------------


def test_a_resumed_run_shows_what_is_replayed_and_what_is_fresh(tmp_path: Path) -> None:
    class Stops(Recorder):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if len(self.of(RolloutDone)) == 40:
                raise KeyboardInterrupt

    first, second = Stops(), Recorder()
    words = Words(tmp_path)
    with pytest.raises(RunInterrupted):
        words.compile(callbacks=[first])
    result = words.compile(callbacks=[second])
    uninterrupted, _, _ = listened()
    before = len(first.of(RolloutDone))
    count = Counter(event.replayed for event in second.of(RolloutDone))
    assert 40 <= before <= 42
    assert count == {True: before, False: result.total_metric_calls - before}
    assert all(e.attempts == 0 and e.seconds == 0 for e in second.of(RolloutDone) if e.replayed)
    assert second.one(RunStarted).resumed_steps > second.one(RunStarted).resumed_trials > 0
    begun = [event for event in first.of(StepPlanned) if event.kind in ("mutation", "merge")]
    assert second.one(RunStarted).resumed_trials == len(begun)
    assert second.arrived() == uninterrupted.arrived()
    forgetting = (RunStarted, ForecastMade)
    assert [e for e in second.in_order() if not isinstance(e, forgetting)] == [
        e for e in uninterrupted.in_order() if not isinstance(e, forgetting)
    ]


def test_a_finished_run_that_is_compiled_again_replays_everything(tmp_path: Path) -> None:
    _, result, _ = listened(tmp_path)
    heard, again, words = listened(tmp_path)
    assert words.calls == 0
    assert again.to_dict() == result.to_dict()
    assert all(event.replayed for event in heard.of(RolloutDone, ReflectionDone))
    assert len(heard.of(RolloutDone)) == result.total_metric_calls
    assert heard.of(ForecastMade) == []


def test_the_events_agree_with_the_journal(tmp_path: Path) -> None:
    heard, _, _ = listened(tmp_path, strategy="adaptive", width=2)
    with read_journal(tmp_path) as db:
        effects = dict(db.execute("SELECT kind, count(*) FROM effects GROUP BY kind").fetchall())
        written = [data for _, _, data in read_events(db)]
    assert effects == {
        "rollout": len(heard.of(RolloutDone)),
        "reflection": len(heard.of(ReflectionDone)),
    }
    kept = (StepPlanned, StepCommitted, Finished)
    lines = EventLines()
    assert written == [json.loads(json.dumps(lines.write(event).data)) for event in heard.of(*kept)]


# DSPy's own callbacks -------------------------------------------------------------------------------------


class Calls(BaseCallback):
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen[type(instance).__name__] += 1

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen[instance.model] += 1

    def on_compile_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen["compile"] += 1


def test_dspys_own_callbacks_receive_the_program_beside_ours() -> None:
    calls = Calls()
    with dspy.context(callbacks=[calls]):
        heard, result, words = listened()
    assert calls.seen["TwoHops"] == result.total_metric_calls == len(heard.of(RolloutDone))
    assert calls.seen["scripted/task"] == len(prompts_of(words.task))
    assert calls.seen["scripted/reflection"] == result.reflection_calls
    assert calls.seen["compile"] == 1


def test_dspys_own_callbacks_are_refused_with_where_they_belong() -> None:
    with pytest.raises(ConfigurationError, match=r"dspy\.configure\(callbacks="):
        Words(None).compile(callbacks=[Calls()])
