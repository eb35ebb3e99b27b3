"""The fold of a run's events into its progress."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.events import (
    EVENTS,
    BudgetSpent,
    Failed,
    ProposalAccepted,
    ProposalRejected,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepPlanned,
)
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.read import noted, read_events
from dspy_gepa.texts import split_sentences
from dspy_gepa.views.progress import _FOLDS, Progress, advance, brief
from dspy_gepa.views.state import Wait
from tests.recorder import Recorder
from tests.support import word_rows
from tests.support_runs import Words

# What depends on the clock, or on rollouts, of which the journal has no events.
OF_THE_CLOCK = ("started_at", "ended_at", "fresh_from", "told", "seconds_foreseen")
STARTED = {
    "event": "run_started",
    "forecast": {"seconds": None},
    "limits": {"rollouts": 100, "reflections": None, "tokens": None, "cost": None, "seconds": None},
    "resumed_steps": 0,
    "seconds_before": 0.0,
    "candidates": [{"a": "Answer. Be kind."}],
}
FORECAST = {"event": "forecast_made", "forecast": {"seconds": 200.0}}


def planned(step: int, kind: str = "mutation", rollouts: int = 10) -> dict[str, Any]:
    need = {"rollouts": rollouts, "reflections": 1, "tokens": 0, "cost": 0.0}
    return {"event": "step_planned", "step": step, "kind": kind, "members": [0], "need": need}


def rollout(step: int = 0, **changes: Any) -> dict[str, Any]:
    kept = {"event": "rollout_done", "step": step, "replayed": False, "attempts": 1, "tokens": 7, "cost": 0.5}
    return kept | changes


def accepted(changed: dict[str, str], parents: Sequence[int] = (0,), member: int = 1) -> dict[str, Any]:
    proposal = {"parents": list(parents), "changed": changed, "reason": "scored 3 on 6 rows"}
    return {"event": "proposal_accepted", "step": 0, "proposal": proposal, "member": member}


def failed(error: str) -> dict[str, Any]:
    spent = {"rollouts": 1, "reflections": 0, "tokens": 0, "cost": 0.0}
    return {"event": "failed", "error": error, "message": "It broke.\n\x1b[2JTo go on ...", "spent": spent}


def folded(*events: dict[str, Any], every: float = 1.0, progress: Progress | None = None) -> Progress:
    """The progress when these were told one after another."""
    progress = progress or Progress()
    for place, event in enumerate(events):
        progress = advance(progress, event, place * every)
    return progress


@pytest.fixture(scope="module")
def run() -> tuple[Recorder, Any]:
    heard = Recorder()
    data = {"trainset": word_rows(40, words=8), "valset": word_rows(20, words=8, start=100)}
    options = {"strategy": "adaptive", "max_metric_calls": 200, "width": 2, "max_tokens": 10**9}
    return heard, Words(None).compile(callbacks=[heard], **options, **data)


# A whole run ----------------------------------------------------------------------------------------------


def test_in_the_end_the_progress_is_the_result(run: Any) -> None:
    heard, result = run
    progress = folded(*map(brief, heard.events))
    assert progress.phase == "finished"
    assert progress.spent == {
        "rollouts": result.total_metric_calls,
        "reflections": result.reflection_calls,
        "tokens": result.total_tokens,
        "cost": result.total_cost,
    }
    assert (progress.score, progress.interval, progress.best) == (
        result.score,
        result.interval,
        result.best_idx,
    )
    assert progress.score - progress.seed_score == pytest.approx(result.gain)
    assert (progress.accepted, progress.rejected) == (
        len(heard.of(ProposalAccepted)),
        len(heard.of(ProposalRejected)),
    )
    assert progress.texts == dict(enumerate(result.texts))
    assert progress.limits == {"rollouts": 200, "tokens": 10**9}
    assert progress.stop_reason == result.stop_reason
    assert progress.steps == ()


def test_the_last_change_is_a_sentence_that_its_parent_does_not_have(run: Any) -> None:
    heard, result = run
    change = folded(*map(brief, heard.events)).change
    last = heard.of(ProposalAccepted)[-1]
    parent = result.texts[last.proposal.parents[0]]
    assert change.member == last.member
    assert change.added
    assert change.sentence in split_sentences(result.texts[last.member][change.component])
    assert change.sentence not in split_sentences(parent[change.component])
    assert change.reason == last.proposal.reason


def test_at_every_moment_the_steps_in_flight_are_those_begun_and_not_committed(run: Any) -> None:
    heard, _ = run
    progress, begun, most = Progress(), [], 0
    for event in heard.events:
        progress = advance(progress, brief(event), 0.0)
        if isinstance(event, StepPlanned):
            begun.append(event.step)
        if isinstance(event, BudgetSpent):
            begun.remove(event.step)
        if not progress.over:
            assert [step.number for step in progress.steps] == begun
        assert all(step.done <= step.most for step in progress.steps)
        most = max(most, len(progress.steps))
    assert most == 2


def test_a_reader_without_rollouts_sees_the_same_at_every_commit(run: Any) -> None:
    heard, _ = run
    full = without = Progress()
    for event in heard.events:
        full = advance(full, brief(event), 0.0)
        if isinstance(event, (RolloutDone, ReflectionDone)):
            continue
        data = json.loads(json.dumps(event.to_dict()))
        without = advance(without, data, 0.0)
        if isinstance(event, BudgetSpent) and not full.steps:
            assert without.spent == full.spent
    assert replace(without, told=full.told, fresh_from=full.fresh_from) == full


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_the_journal_tells_another_process_the_same(tmp_path: Path, strategy: str) -> None:
    heard = Recorder()
    result = Words(tmp_path).compile(callbacks=[heard], strategy=strategy)
    here, there = folded(*map(brief, heard.events)), Progress()
    with read_journal(tmp_path) as db:
        there = advance(there, noted(db, "run_started"), 0.0)
        for _, at, event in read_events(db):
            there = advance(there, event, at)
    assert replace(there, **dict.fromkeys(OF_THE_CLOCK)) == replace(here, **dict.fromkeys(OF_THE_CLOCK))
    assert there.score - there.seed_score == pytest.approx(result.gain)


def test_a_rollout_is_folded_in_a_small_form(run: Any) -> None:
    heard, _ = run
    data = brief(heard.of(RolloutDone)[0])
    assert len(json.dumps(data)) < 200
    assert data["tokens"] == heard.of(RolloutDone)[0].outcome.usage.total_tokens


def test_every_event_is_folded() -> None:
    assert {event.name() for event in EVENTS} <= set(_FOLDS)


def test_the_phases_come_in_their_order(run: Any) -> None:
    heard, _ = run
    progress, phases = Progress(), []
    for event in heard.events:
        progress = advance(progress, brief(event), 0.0)
        if progress.phase not in phases:
            phases.append(progress.phase)
    assert phases == ["starting", "seed", "search", "finals", "finished"]


def test_a_resumed_run_replays_until_something_is_executed(tmp_path: Path) -> None:
    class Stops(Recorder):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if len(self.of(RolloutDone)) == 40:
                raise KeyboardInterrupt

    first, second = Stops(), Recorder()
    with pytest.raises(RunInterrupted):
        Words(tmp_path).compile(callbacks=[first])
    interrupted = folded(*map(brief, first.events))
    assert interrupted.phase == "interrupted"
    assert "To go on, run the same compile again" in interrupted.error

    Words(tmp_path).compile(callbacks=[second])
    progress = Progress()
    for event in second.events:
        progress = advance(progress, brief(event), 0.0)
        if isinstance(event, RunStarted):
            assert progress.seconds_before > 0
            assert progress.replaying
        if isinstance(event, (RolloutDone, ReflectionDone)) and not event.replayed:
            break
    assert not progress.replaying
    before = len([e for e in second.of(RolloutDone) if e.replayed])
    assert progress.fresh_from == (0.0, before / 100)


# Single events --------------------------------------------------------------------------------------------


def test_an_event_that_is_not_known_changes_nothing() -> None:
    assert advance(Progress(), {"event": "from_the_future", "x": 1}, 3.0) == Progress()


def test_a_new_session_forgets_all_but_the_log_dir() -> None:
    progress = folded(STARTED, rollout(), failed("JournalError"), progress=Progress(log_dir="runs/x"))
    again = advance(progress, STARTED, 9.0)
    assert again == replace(folded(STARTED), log_dir="runs/x", started_at=9.0, fresh_from=(9.0, 0.0))


def test_a_change_that_only_removes_is_shown_as_such() -> None:
    change = folded(STARTED, accepted({"a": "Answer."})).change
    assert (change.sentence, change.added) == ("Be kind.", False)


def test_the_texts_of_a_child_of_a_child_are_compared_with_its_parents() -> None:
    first = accepted({"a": "Answer. Be brief."})
    second = accepted({"a": "Answer. Be brief. Be exact."}, parents=(1,), member=2)
    assert folded(STARTED, first, second).change.sentence == "Be exact."


def test_a_change_of_white_space_has_no_sentence() -> None:
    assert folded(STARTED, accepted({"a": "Answer.  Be kind."})).change.sentence == ""


@pytest.mark.parametrize(
    ("scores", "best", "member"),
    [([0.2, 0.5, 0.4], 0, 1), ([0.2, 0.5, 0.4], 1, None), ([0.2, None, 0.1], 0, None), ([None], 0, None)],
)
def test_who_is_believed_to_be_better_than_the_best_is_kept(
    scores: list[float | None], best: int, member: int | None
) -> None:
    standing = {"scores": scores, "intervals": [[0.1, 0.6]] * len(scores), "gain": 0.15}
    told = {"event": "best_so_far", "members": 3, "best": best, "score": 0.2, "interval": [0.1, 0.3]}
    told |= {"better_than_original": 0.5, "standing": standing}
    progress = folded(STARTED, told)
    assert (progress.contender and progress.contender.member) == member
    assert progress.seed_score == pytest.approx(0.05)


def test_failures_and_repetitions_are_counted_and_the_last_failure_is_kept() -> None:
    failure = {"event": "attempt_failed", "effect": "rollout", "cause": "RateLimit", "message": "slow\ndown"}
    progress = folded(STARTED, failure, failure, rollout(attempts=3))
    assert (progress.failures, progress.retries) == (2, 2)
    assert progress.last_failure == "RateLimit: slow down"


STOPPING = {"event": "stopping", "interrupted": True, "rollouts": 3, "reflections": 1, "can_hurry": True}


def test_what_is_waited_for_gets_less_until_the_run_has_ended() -> None:
    reflection = rollout(event="reflection_done")
    failure = {"event": "attempt_failed", "effect": "rollout", "cause": "RateLimit", "message": "slow"}
    progress = folded(STARTED, FORECAST, planned(0), STOPPING | {"seconds": 30.0})
    assert progress.wait == Wait(True, 3, 1, until=33.0, can_hurry=True)
    assert progress.seconds_left(now=4.0) is None
    progress = folded(rollout(), reflection, failure, progress=progress)
    assert progress.wait == Wait(True, 1, 0, until=33.0, can_hurry=True)
    assert folded(failed("RunInterrupted"), progress=progress).wait is None


def test_a_failure_says_what_and_how_to_go_on_in_one_line() -> None:
    progress = folded(STARTED, planned(0), failed("InfrastructureError"))
    assert progress.phase == "failed"
    assert progress.over
    assert progress.error == "InfrastructureError: It broke. To go on ..."
    assert progress.steps == ()


# Time -----------------------------------------------------------------------------------------------------


def test_time_stands_still_when_the_run_is_over() -> None:
    progress = folded(STARTED | {"seconds_before": 10.0}, planned(0), failed("MetricError"))
    assert progress.elapsed(now=100.0) == 12.0


def test_before_anything_is_known_no_time_is_told() -> None:
    assert folded(STARTED).seconds_left(5.0) is None
    assert Progress().seconds_left(5.0) is None
    assert Progress().elapsed(5.0) == 0.0


def test_at_first_the_forecast_tells_the_time_left() -> None:
    assert folded(STARTED, FORECAST).seconds_left(1.0) == pytest.approx(200)


def test_later_the_runs_own_pace_does() -> None:
    progress = folded(STARTED, FORECAST, planned(0), *[rollout()] * 50)
    assert progress.seconds_left(now=300.0) == pytest.approx(300)


def test_in_between_both_do() -> None:
    progress = folded(STARTED, FORECAST, *[rollout()] * 10)
    by_pace, by_forecast = 50.0 * 0.9 / 0.1, 200 * 0.9
    assert min(by_pace, by_forecast) < progress.seconds_left(now=50.0) < max(by_pace, by_forecast)


def test_what_was_replayed_does_not_count_as_pace() -> None:
    started = STARTED | {"resumed_steps": 5}
    replayed = folded(started, planned(0), *[rollout(replayed=True)] * 50, every=0.0)
    assert replayed.replaying
    assert replayed.seconds_left(1.0) is None
    progress = advance(replayed, planned(5), 100.0)
    for _ in range(25):
        progress = advance(progress, rollout(5), 200.0)
    assert progress.seconds_left(now=200.0) == pytest.approx(100)


def test_no_more_time_is_left_than_the_limit_allows() -> None:
    limits = {"rollouts": 100, "seconds": 60}
    progress = folded(STARTED | {"limits": limits}, FORECAST)
    assert progress.seconds_left(now=20.0) == pytest.approx(40)
    assert progress.share(now=45.0) == pytest.approx(0.75)


def test_the_limit_that_is_nearest_tells_how_much_is_spent() -> None:
    limits = {"rollouts": 100, "cost": 1.0}
    progress = folded(STARTED | {"limits": limits}, rollout(cost=0.5))
    assert progress.share(now=0.0) == pytest.approx(0.5)


def test_steps_count_their_own_rollouts_and_reflections() -> None:
    reflection = rollout(1, event="reflection_done")
    progress = folded(STARTED, planned(0), planned(1), rollout(0), rollout(1), rollout(1), reflection)
    assert [(step.done, step.reflections) for step in progress.steps] == [(1, 0), (2, 1)]


def test_a_failed_event_of_a_real_run_is_folded() -> None:
    heard = Recorder()
    with pytest.raises(Exception, match="unusable answers"):
        Words(None, reflection=lambda prompt: "no fields").compile(callbacks=[heard])
    progress = folded(*map(brief, heard.events))
    assert progress.phase == "failed"
    assert heard.one(Failed).error in progress.error
