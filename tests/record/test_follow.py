"""Following a run of another process: look by look the same as all at once, whatever sessions come."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.events import BudgetSpent, Event, Stopping
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.follow import Follower, News, Told
from dspy_gepa.testing.practice import practice_run
from tests.recorder import Insists


class Looks:
    """A callback that follows the very run that calls it, through the journal, at every commit."""

    def __init__(self, directory: Path, stop_after: int | None = None) -> None:
        self.news: list[News] = []
        self._directory, self._stop_after = directory, stop_after
        self._stack = ExitStack()
        self._follower: Follower | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, BudgetSpent):
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
    return sorted(f"{t.at} {t.data}" for t in told)


def kinds(told: tuple[Told, ...]) -> Counter[str]:
    return Counter(t.data["event"] for t in told)


def test_look_by_look_it_tells_what_it_tells_at_once(tmp_path: Path) -> None:
    looks = Looks(tmp_path)
    result = practice_run(log_dir=str(tmp_path), callbacks=[looks])
    looks.look()
    looks.close()
    assert [news.anew for news in looks.news] == [True] + [False] * (len(looks.news) - 1)
    assert {news.state for news in looks.news[:-1]} == {"running"}
    piece_by_piece = [told for news in looks.news for told in news.told]
    whole = at_once(tmp_path)
    assert whole.state == looks.news[-1].state == "finished"
    # The forecast is made on the way; who comes later is told it first.
    started = {"run_started", "forecast_made"}
    assert in_order(t for t in piece_by_piece if t.data["event"] not in started) == in_order(
        t for t in whole.told if t.data["event"] not in started
    )
    assert whole.told[0].data["event"] == "run_started"
    assert whole.told[-1].data["event"] == "finished"
    counts = kinds(whole.told)
    assert counts["rollout_done"] == result.total_metric_calls
    assert counts["reflection_done"] == result.reflection_calls
    tokens = sum(t.data["tokens"] for t in whole.told if t.data["event"].endswith("_done"))
    assert tokens == result.total_tokens
    assert [t.at for t in whole.told] == sorted(t.at for t in whole.told)


def test_a_new_session_is_told_from_the_beginning(tmp_path: Path) -> None:
    looks = Looks(tmp_path, stop_after=20)
    with pytest.raises(RunInterrupted):
        practice_run(log_dir=str(tmp_path), callbacks=[looks])
    ended = looks.look()
    assert ended.state == "interrupted"
    assert ended.told[-1].data["event"] == "failed"
    assert looks.look() == News("interrupted", anew=False, told=())
    practice_run(log_dir=str(tmp_path), max_metric_calls=80, resume="extend")
    again = looks.look()
    looks.close()
    assert again.anew
    assert again == at_once(tmp_path)
    assert again.told[0].data["seconds_before"] > 0
    replayed = Counter(t.data["replayed"] for t in again.told if t.data["event"].endswith("_done"))
    before = sum(kinds(n.told)["rollout_done"] + kinds(n.told)["reflection_done"] for n in looks.news[:-1])
    assert replayed[True] == before > 0
    assert replayed[False] > 0


def test_that_a_run_has_to_stop_is_told_once_and_forgotten_by_the_next_session(tmp_path: Path) -> None:
    looks, heard = Looks(tmp_path), Insists()

    def look(event: Event) -> None:
        if isinstance(event, Stopping):
            looks.look()

    with pytest.raises(RunInterrupted):
        practice_run(log_dir=str(tmp_path), num_threads=2, callbacks=[heard, look])
    looks.look()
    assert [kinds(news.told)["stopping"] for news in looks.news] == [1, 0]
    seen = next(t for t in looks.news[0].told if t.data["event"] == "stopping")
    # Ctrl-C where somebody looks on ends the looking.
    assert seen.data == heard.one(Stopping).to_dict() | {"can_hurry": False, "at": seen.at}
    practice_run(log_dir=str(tmp_path))
    assert kinds(looks.look().told)["stopping"] == 0
    looks.close()


def test_a_run_that_goes_on_has_not_finished_though_it_had_before(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)
    looks = Looks(tmp_path)
    practice_run(log_dir=str(tmp_path), max_metric_calls=60, resume="extend", callbacks=[looks])
    while_it_goes_on = Counter[str]()
    for news in looks.news:
        while_it_goes_on = kinds(news.told) if news.anew else while_it_goes_on + kinds(news.told)
    assert while_it_goes_on["finished"] == 0
    looks.look()
    looks.close()
    assert looks.news[-1].told[-1].data["event"] == "finished"


def test_failed_attempts_are_told_once(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)

    def fail(message: str) -> None:
        with sqlite3.connect(tmp_path / "run.sqlite") as db:
            db.execute("INSERT INTO failures VALUES ('RateLimit', 'rollout', ?, 1.0)", (message,))

    with read_journal(tmp_path) as db:
        follower = Follower(db, tmp_path)
        follower.look()
        fail("one")
        fail("two")
        failed = follower.look().told
        assert [t.data["message"] for t in failed] == ["one", "two"]
        assert failed[0].data == {
            "event": "attempt_failed",
            "effect": "rollout",
            "cause": "RateLimit",
            "message": "one",
        }
        assert follower.look().told == ()


def test_what_is_told_another_way_is_told_from_the_beginning(tmp_path: Path) -> None:
    practice_run(log_dir=str(tmp_path), max_metric_calls=30)
    with read_journal(tmp_path) as db:
        follower = Follower(db, tmp_path)
        first = follower.look()
        with sqlite3.connect(tmp_path / "run.sqlite") as writing:
            (last,) = writing.execute("SELECT max(number) FROM events").fetchone()
            writing.execute("UPDATE events SET at = at + 1 WHERE number = ?", (last,))
        again = follower.look()
    assert again.anew
    assert len(again.told) == len(first.told)
