"""Following a run of another process: look by look the same as all at once, whatever sessions come."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    Stopping,
)
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.follow import Dated, Follower, News
from dspy_gepa.testing.practice import practice_run
from tests.support_recorder import Insists


class Looks:
    """A callback that follows the very run that calls it, through the journal, at every commit."""

    def __init__(self, directory: Path, stop_after: int | None = None) -> None:
        self.news: list[News] = []
        self._directory, self._stop_after = directory, stop_after
        self._stack = ExitStack()
        self._follower: Follower | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepCommitted):
            self.look()
            if self._stop_after is not None and event.spent.rollouts > self._stop_after:
                raise KeyboardInterrupt

    def look(self) -> News:
        if self._follower is None:
            self._follower = Follower(
                self._stack.enter_context(read_journal(self._directory)), self._directory
            )
        self.news.append(self._follower.look())
        return self.news[-1]

    def close(self) -> None:
        self._stack.close()


def at_once(directory: Path) -> News:
    with read_journal(directory) as db:
        return Follower(db, directory).look()


def in_order(told: Any) -> list[str]:
    return sorted(f"{t.at} {t.event}" for t in told)


def kinds(dated: tuple[Dated, ...]) -> Counter[type[Event]]:
    return Counter(type(d.event) for d in dated)


def effects(dated: tuple[Dated, ...]) -> list[RolloutDone | ReflectionDone]:
    return [d.event for d in dated if isinstance(d.event, (RolloutDone, ReflectionDone))]


def test_look_by_look_it_reports_what_it_reports_at_once(tmp_path: Path) -> None:
    looks = Looks(tmp_path)
    result = practice_run(log_dir=str(tmp_path), callbacks=[looks])
    looks.look()
    looks.close()
    assert [news.anew for news in looks.news] == [True] + [False] * (len(looks.news) - 1)
    assert {news.state for news in looks.news[:-1]} == {"running"}
    piece_by_piece = [told for news in looks.news for told in news.events]
    whole = at_once(tmp_path)
    assert whole.state == looks.news[-1].state == "finished"
    # The forecast is made on the way; who comes later receives it first.
    started = (RunStarted, ForecastMade)
    assert in_order(t for t in piece_by_piece if not isinstance(t.event, started)) == in_order(
        t for t in whole.events if not isinstance(t.event, started)
    )
    assert isinstance(whole.events[0].event, RunStarted)
    assert isinstance(whole.events[-1].event, Finished)
    counts = kinds(whole.events)
    assert counts[RolloutDone] == result.total_metric_calls
    assert counts[ReflectionDone] == result.reflection_calls
    used = [
        e.outcome.usage if isinstance(e, RolloutDone) else e.reflection.usage for e in effects(whole.events)
    ]
    assert sum(usage.total_tokens for usage in used) == result.total_tokens
    assert [t.at for t in whole.events] == sorted(t.at for t in whole.events)


def test_a_new_session_is_followed_from_the_beginning(tmp_path: Path) -> None:
    looks = Looks(tmp_path, stop_after=20)
    with pytest.raises(RunInterrupted):
        practice_run(log_dir=str(tmp_path), callbacks=[looks])
    ended = looks.look()
    assert ended.state == "interrupted"
    assert isinstance(ended.events[-1].event, Failed)
    assert looks.look() == News("interrupted", anew=False, events=())
    practice_run(log_dir=str(tmp_path), max_metric_calls=80, resume="extend")
    again = looks.look()
    looks.close()
    assert again.anew
    assert again == at_once(tmp_path)
    first = again.events[0].event
    assert isinstance(first, RunStarted)
    assert first.seconds_before > 0
    replayed = Counter(event.replayed for event in effects(again.events))
    before = sum(len(effects(news.events)) for news in looks.news[:-1])
    assert replayed[True] == before > 0
    assert replayed[False] > 0


def test_that_a_run_has_to_stop_is_reported_once_and_forgotten_by_the_next_session(tmp_path: Path) -> None:
    looks, heard = Looks(tmp_path), Insists()

    def look(event: Event) -> None:
        if isinstance(event, Stopping):
            looks.look()

    with pytest.raises(RunInterrupted):
        practice_run(log_dir=str(tmp_path), num_threads=2, callbacks=[heard, look])
    looks.look()
    assert [kinds(news.events)[Stopping] for news in looks.news] == [1, 0]
    (seen,) = [d.event for d in looks.news[0].events if isinstance(d.event, Stopping)]
    # Ctrl-C where somebody looks on ends the looking.
    assert seen == replace(heard.one(Stopping), can_hurry=False)
    practice_run(log_dir=str(tmp_path))
    assert kinds(looks.look().events)[Stopping] == 0
    looks.close()


def test_a_run_that_goes_on_has_not_finished_though_it_had_before(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)
    looks = Looks(tmp_path)
    practice_run(log_dir=str(tmp_path), max_metric_calls=60, resume="extend", callbacks=[looks])
    while_it_goes_on = Counter[type[Event]]()
    for news in looks.news:
        while_it_goes_on = kinds(news.events) if news.anew else while_it_goes_on + kinds(news.events)
    assert while_it_goes_on[Finished] == 0
    looks.look()
    looks.close()
    assert isinstance(looks.news[-1].events[-1].event, Finished)


def test_failed_attempts_are_reported_once(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)

    def fail(message: str) -> None:
        with sqlite3.connect(tmp_path / "run.sqlite") as db:
            db.execute("INSERT INTO failures VALUES ('RateLimit', 'rollout', ?, 1.0)", (message,))

    with read_journal(tmp_path) as db:
        follower = Follower(db, tmp_path)
        follower.look()
        fail("one")
        fail("two")
        failed = follower.look().events
        assert [d.event for d in failed] == [
            AttemptFailed("rollout", "RateLimit", "one"),
            AttemptFailed("rollout", "RateLimit", "two"),
        ]
        assert follower.look().events == ()


def test_a_record_that_changed_is_followed_from_the_beginning(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)
    with read_journal(tmp_path) as db:
        follower = Follower(db, tmp_path)
        first = follower.look()
        with sqlite3.connect(tmp_path / "run.sqlite") as writing:
            (last,) = writing.execute("SELECT max(number) FROM events").fetchone()
            writing.execute("UPDATE events SET at = at + 1 WHERE number = ?", (last,))
        again = follower.look()
    assert again.anew
    assert len(again.events) == len(first.events)
