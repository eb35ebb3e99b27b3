"""A run's record: the same from its events and from its journal, and what it says of a run."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, GEPAResult, RunInterrupted
from dspy_gepa.errors import JournalError
from dspy_gepa.events import StepCommitted
from dspy_gepa.record.builder import FEEDBACK, INPUTS
from dspy_gepa.record.file import FILE_NAME, open_journal, read_journal
from dspy_gepa.record.lock import lock
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.read import read_run
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.runtime.policy import RetryPolicy
from tests.support import TwoHops, forgets_words, is_right, knows_words, scripted_lm, word_rows

TRAIN, VAL = word_rows(12), word_rows(6, start=100)


def says_why(gold: dspy.Example, pred: dspy.Prediction) -> dict[str, Any]:
    return {"score": is_right(gold, pred), "feedback": f"expected something like {gold.question} " * 200}


def compiled(log_dir: Path | None, **options: Any) -> GEPAResult:
    chosen = {"max_metric_calls": 60, "num_threads": 2, "track_stats": True} | options
    with dspy.context(lm=scripted_lm(knows_words)):
        gepa = GEPA(
            chosen.pop("metric", says_why),
            reflection_lm=scripted_lm(forgets_words, "scripted/reflection"),
            log_dir=log_dir and str(log_dir),
            **chosen,
        )
        result = gepa.compile(TwoHops(), trainset=TRAIN, valset=VAL).detailed_results
    assert isinstance(result, GEPAResult)
    return result


@pytest.fixture(scope="module", params=["adaptive", "paper"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GEPAResult]:
    log_dir = tmp_path_factory.mktemp(request.param)
    return log_dir, compiled(log_dir, strategy=request.param)


def timeless(record: RunRecord) -> RunRecord:
    return dataclasses.replace(record, seconds=0.0, log_dir=None)


def test_the_journal_holds_the_record_that_the_run_kept(run: tuple[Path, GEPAResult]) -> None:
    log_dir, result = run
    assert timeless(read_run(log_dir)) == timeless(result.record)
    assert read_run(log_dir).log_dir == str(log_dir)
    assert 0 < read_run(log_dir).seconds <= result.record.seconds


def test_a_record_says_what_the_result_says(run: tuple[Path, GEPAResult]) -> None:
    _, result = run
    record = result.record
    assert record.state == "finished"
    assert [dict(m.texts) for m in record.members] == result.texts
    assert [list(m.parents) or [None] for m in record.members] == result.parents
    assert [m.score for m in record.members] == pytest.approx(result.val_aggregate_scores)
    assert [m.interval for m in record.members] == result.intervals
    assert [m.found_at for m in record.members] == result.discovery_eval_counts
    assert [len(m.scores) for m in record.members] == result.coverage
    assert (record.best, record.stop_reason) == (result.best_idx, result.stop_reason)
    assert record.choice_reason == result.choice_reason
    assert record.usage == result.usage
    assert record.lineage(result.best_idx) == tuple(result.lineage())
    last = record.last
    assert last is not None
    assert (last.rollouts, last.reflections) == (result.total_metric_calls, result.reflection_calls)
    assert (last.gain, last.gain_interval) == (result.gain, result.gain_interval)
    assert {row: set(best) for row, best in record.frontier.items()} == {
        f"val/{row}": best for row, best in result.per_val_instance_best_candidates.items()
    }
    tried = [p for p in result.proposals if p.kind != "original"]
    assert [(t.verdict, t.reason) for t in record.trials] == [(p.verdict, p.reason) for p in tried]


def test_what_a_member_is_believed_to_score_lies_amid_its_interval(run: tuple[Path, GEPAResult]) -> None:
    record = run[1].record
    last = record.last
    assert last is not None
    best, seed = record.members[last.best], record.members[0]
    assert best.believed == pytest.approx(last.score)
    assert seed.believed == pytest.approx(last.score - last.gain)
    if not record.started["strategy"]["validates_all"]:
        assert [m.believed for m in record.members] == pytest.approx([m.score for m in record.members])


def test_a_trial_shows_the_rollouts_that_were_reflected_on(run: tuple[Path, GEPAResult]) -> None:
    record = run[1].record
    shown = [e for trial in record.trials if trial.kind == "mutation" for e in trial.evidence]
    assert shown
    for evidence in shown:
        assert evidence.row.startswith("train/")
        question = TRAIN[int(evidence.row.removeprefix("train/"))].question
        assert question in evidence.feedback
        assert question in json.loads(evidence.inputs).values()
        assert len(evidence.feedback) <= FEEDBACK
        assert len(evidence.inputs) <= INPUTS


def test_rows_are_train_rows_where_these_are_the_validation_rows() -> None:
    with dspy.context(lm=scripted_lm(knows_words)):
        gepa = GEPA(is_right, reflection_lm=scripted_lm(forgets_words), max_metric_calls=40, track_stats=True)
        record = gepa.compile(TwoHops(), trainset=TRAIN).detailed_results.record
    assert record.val_rows == tuple(f"train/{i}" for i in range(len(TRAIN)))
    assert set(record.frontier) <= set(record.val_rows)


def test_a_run_that_was_interrupted_is_followed_as_far_as_it_came_and_then_to_its_end(tmp_path: Path) -> None:
    def stop(event: Any) -> None:
        if isinstance(event, StepCommitted) and event.spent.rollouts > 30:
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        compiled(tmp_path, callbacks=[stop])
    halfway = read_run(tmp_path)
    assert halfway.state == "interrupted"
    assert halfway.error.startswith("RunInterrupted: ")
    assert halfway.last is not None
    assert halfway.last.rollouts > 30
    assert halfway.spent.rollouts == _rollouts_on_record(tmp_path)
    whole = compiled(tmp_path).record
    told = read_run(tmp_path)
    assert (told.state, told.error, told.sessions) == ("finished", "", 2)
    assert told.curve == whole.curve
    assert told.curve[: len(halfway.curve)] == halfway.curve
    assert told.trials == whole.trials
    assert told.spent.rollouts == _rollouts_on_record(tmp_path)
    assert told.uncommitted == Spending()


def _rollouts_on_record(log_dir: Path) -> int:
    with sqlite3.connect(log_dir / "run.sqlite") as db:
        return int(db.execute("SELECT count(*) FROM effects WHERE kind = 'rollout'").fetchone()[0])


def test_before_the_first_commit_what_is_on_record_counts_as_spent(tmp_path: Path) -> None:
    compiled(tmp_path)
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("UPDATE sessions SET ended = NULL")
        db.execute("DELETE FROM events WHERE number > 0")
        (first,) = db.execute("SELECT count(*) FROM effects WHERE step = 0").fetchone()
    record = read_run(tmp_path)
    assert (record.last, record.spent.rollouts) == (None, first)
    assert first > 0


def test_what_a_larger_budget_changes_takes_the_place_of_what_was_shown_before(tmp_path: Path) -> None:
    compiled(tmp_path, max_metric_calls=40)
    longer = compiled(tmp_path, max_metric_calls=80, resume="extend").record
    told = read_run(tmp_path)
    # What only the shorter run needed, its finals, was paid all the same.
    assert timeless(dataclasses.replace(told, sessions=1, usage=longer.usage)) == timeless(longer)
    assert sum(used.calls for used in told.usage.values()) > sum(u.calls for u in longer.usage.values())


def test_a_run_whose_process_is_gone_without_a_word_counts_as_killed(tmp_path: Path) -> None:
    compiled(tmp_path)
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("UPDATE sessions SET ended = NULL")
        db.execute("DELETE FROM events WHERE number > 6")
    (tmp_path / "run.lock").write_text("999999999")
    record = read_run(tmp_path)
    assert record.state == "killed"
    assert len(record.members) > 0
    assert record.stop_reason == ""


def test_failures_of_providers_are_counted_by_cause_and_never_scored(tmp_path: Path) -> None:
    attempts: set[str] = set()

    def limited(prompt: str) -> str:
        if prompt not in attempts and len(attempts) < 3:
            attempts.add(prompt)
            raise ConnectionError("the provider is away")
        return knows_words(prompt)

    with dspy.context(lm=scripted_lm(limited)):
        gepa = GEPA(
            is_right,
            reflection_lm=scripted_lm(forgets_words),
            max_metric_calls=30,
            track_stats=True,
            log_dir=str(tmp_path),
            retry=RetryPolicy(first_delay=0.0),
        )
        record = gepa.compile(TwoHops(), trainset=TRAIN, valset=VAL).detailed_results.record
    assert record.failures == {"LMUnexpectedError": 3}
    assert read_run(tmp_path).failures == record.failures


def test_a_directory_without_a_journal_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal in"):
        read_run(tmp_path)


def test_events_are_written_while_the_run_goes_on(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(event: Any) -> None:
        if isinstance(event, StepCommitted):
            with read_journal(tmp_path) as db:
                seen.append(db.execute("SELECT count(*) FROM events").fetchone()[0])
            if len(seen) == 5:
                assert read_run(tmp_path).state == "running"

    result = compiled(tmp_path, callbacks=[look])
    assert len(seen) == len(result.record.curve)
    assert seen == sorted(set(seen))


def test_a_run_that_has_not_yet_noted_that_it_began_can_be_read(tmp_path: Path) -> None:
    open_journal(tmp_path / FILE_NAME).close()
    with closing(lock(tmp_path)):
        record = read_run(tmp_path)
    assert (record.state, record.seconds, record.members) == ("running", 0.0, ())
