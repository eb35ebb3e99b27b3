"""Runs that end before their time, and what becomes of them."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa import JournalError, RunInterrupted
from dspy_gepa.record.file import read_journal
from tests.support import (
    TwoHops,
    is_right,
    knows_words,
    learns_words,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, Words, contents

ROOT = Path(__file__).parent.parent


# Killed ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_moments_and_resumed_ends_like_one_that_was_not() -> None:
    kills = int(os.environ.get("KILLS", "5"))
    process = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "durability", "--json", "--effects", "0"),
            *("--kills", str(kills), "--budget", "120", "--width", "2", "--threads", "4"),
        ],
        cwd=ROOT,
        env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert report["kills"] == kills
    assert report["candidates, scores, proposals and program equal"]
    assert report["extra rollouts not in flight at a kill"] == 0
    assert report["most in flight at a kill"] <= 4


class CrashError(BaseException):
    """As good as a kill, without a process."""


# The error itself, or the interrupt that a run makes of whatever ends it from outside.
DEATHS = (CrashError, RunInterrupted)


@settings(max_examples=3)
@given(
    crashes=st.lists(st.integers(0, 99), min_size=1, max_size=4),
    width=st.integers(1, 3),
    threads=st.sampled_from([1, 4]),
)
def test_a_run_that_crashes_anywhere_goes_on_as_if_it_had_not(
    crashes: list[int], width: int, threads: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    calm = Words(None)
    expected = contents(calm.compile(width=width, num_threads=threads))
    words = Words(tmp_path_factory.mktemp("run"))
    for crash in sorted(crashes):
        with crashing_after(crash) as record, pytest.raises(DEATHS):
            words.compile(width=width, num_threads=threads)
        assert record.count <= crash
    assert contents(words.compile(width=width, num_threads=threads)) == expected


class crashing_after:  # noqa: N801  # used like a function
    """Within it, the run dies at the record of effect number `count` of its journal."""

    def __init__(self, count: int) -> None:
        self.limit = count
        self.count = 0

    def __enter__(self) -> crashing_after:
        from dspy_gepa.record.journal import Journal

        self._journal, self._record = Journal, Journal.record
        crash = self

        def record(journal: Journal, *args: Any, **kwargs: Any) -> None:
            if journal.recorded + crash.count >= crash.limit:
                raise CrashError
            crash.count += 1
            crash._record(journal, *args, **kwargs)

        Journal.record = record  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: Any) -> None:
        self._journal.record = self._record  # type: ignore[method-assign]


def test_what_was_recorded_is_not_asked_again(tmp_path: Path) -> None:
    calm = Words(None)
    calm.compile(num_threads=1)
    words = Words(tmp_path)
    with crashing_after(40), pytest.raises(DEATHS):
        words.compile(num_threads=1)
    words.compile(num_threads=1)
    # The rollout that was in flight, of two calls, and none else is paid twice.
    assert words.calls - calm.calls in (1, 2)


# Resumed, extended, refused -------------------------------------------------------------------------------


def test_a_finished_run_that_is_compiled_again_runs_nothing_and_says_the_same(tmp_path: Path) -> None:
    words = Words(tmp_path)
    first = words.compile()
    asked = words.calls
    assert contents(words.compile()) == contents(first)
    assert words.calls == asked


@pytest.mark.parametrize("width", [1, 3])
def test_extending_a_run_equals_the_larger_budget_from_the_start(tmp_path: Path, width: int) -> None:
    words = Words(tmp_path)
    words.compile(max_metric_calls=60, width=width)
    longer = words.compile(max_metric_calls=140, width=width, resume="extend")
    other = Words(None)
    assert contents(longer) == contents(other.compile(max_metric_calls=140, width=width))


@pytest.mark.parametrize("width", [1, 3])
def test_extending_twice_asks_for_little_that_the_longest_run_would_not(tmp_path: Path, width: int) -> None:
    words = Words(tmp_path)
    for budget in (40, 80, 140):
        words.compile(max_metric_calls=budget, width=width, resume="extend")
    other = Words(None)
    other.compile(max_metric_calls=140, width=width)
    if width == 1:
        assert words.calls == other.calls
    else:  # the end of a shorter run starts steps later, and so from other parents
        assert words.calls <= 1.4 * other.calls


def test_a_run_is_extended_at_the_width_that_it_had(tmp_path: Path) -> None:
    # Left to itself the larger budget would be searched at another width, which is another run.
    words, narrow = Words(tmp_path), {"strategy": "adaptive", "max_metric_calls": 300}
    words.compile(strategy="adaptive", max_metric_calls=150)
    longer = words.compile(**narrow, resume="extend")
    assert contents(longer)["candidates"] == contents(Words(None).compile(**narrow, width=1))["candidates"]
    with pytest.raises(JournalError, match="width was 1 and is now 2"):
        words.compile(**narrow, width=2, resume="extend")


def test_extending_a_damaged_journal_says_that_it_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(JournalError, match="not a readable journal"):
        Words(tmp_path).compile(resume="extend")


def test_another_budget_is_refused_with_the_way_to_extend(tmp_path: Path) -> None:
    words = Words(tmp_path)
    words.compile()
    with pytest.raises(JournalError, match=r"rollouts was 100 and is now 200.*resume='extend'"):
        words.compile(max_metric_calls=200)


def test_a_run_whose_time_is_up_is_resumed_with_all_it_had_found(tmp_path: Path) -> None:
    words = Words(tmp_path)
    with crashing_after(80), pytest.raises(DEATHS):
        words.compile(max_seconds=10_000, max_metric_calls=400)
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("UPDATE sessions SET started_at = last_seen - 20000")
    first = words.compile(max_seconds=10_000, max_metric_calls=400)
    assert first.stop_reason.startswith("budget: 10000 of 10000 seconds are spent")
    assert first.total_metric_calls >= 70
    assert len(first.texts) > 1
    asked = words.calls
    assert contents(words.compile(max_seconds=10_000, max_metric_calls=400)) == contents(first)
    assert words.calls == asked


class Another(TwoHops):
    pass


def with_field(description: str) -> TwoHops:
    student = TwoHops()
    signature = student.b.signature.with_updated_fields("answer", desc=description)
    student.b.signature = signature
    return student


def with_demo() -> TwoHops:
    student = TwoHops()
    student.b.demos = [dspy.Example(question="q", hint="h", answer="a")]
    return student


def with_instructions() -> TwoHops:
    student = TwoHops()
    student.b.signature = student.b.signature.with_instructions("Another text.")
    return student


def with_own_lm() -> TwoHops:
    student = TwoHops()
    student.b.lm = scripted_lm(knows_words, "scripted/own")
    return student


def f1(gold: Any, pred: Any) -> float:
    return is_right(gold, pred)


def lm_with(name: str = "scripted/reflection", **options: Any) -> dspy.LM:
    return dspy.LM(name, engine=scripted_lm(learns_words).engine, cache=False, **options)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"student": Another()}, "program"),
        ({"student": with_field("one word")}, "program"),
        ({"student": with_demo()}, "program"),
        ({"student": with_instructions()}, "instructions"),
        ({"student": with_own_lm()}, 'task model was "scripted/task" and is now {"a":'),
        ({"lm": scripted_lm(knows_words, "scripted/better")}, 'task model was "scripted/task" and is now'),
        ({"reflection_lm": lm_with("scripted/other")}, 'reflection model was "scripted/reflection" and is'),
        ({"reflection_lm": lm_with(temperature=0.9)}, "reflection model was"),
        ({"trainset": TRAIN[:-1]}, 'train rows was "12 rows,'),
        ({"trainset": TRAIN[::-1]}, 'train rows was "12 rows,'),
        ({"valset": word_rows(8, start=200)}, 'validation rows was "8 rows,'),
        ({"metric": f1}, "metric was"),
        ({"reflection_minibatch_size": 5}, "strategy"),
        ({"component_selector": "all"}, "strategy"),
        ({"use_merge": False}, "strategy"),
        ({"seed": 2}, "seed was 1 and is now 2"),
        ({"width": 2}, "width was 1 and is now 2"),
        ({"max_chars": 900}, "max_chars was null and is now 900"),
        ({"failure_score": -1.0}, "failure_score was null and is now -1.0"),
    ],
)
def test_another_run_in_the_same_place_is_refused_with_the_difference(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    first = Words(tmp_path)
    first.compile(max_metric_calls=8)
    asked = first.calls
    with pytest.raises(JournalError, match="belongs to another run: .*" + re.escape(words)):
        first.compile(max_metric_calls=8, **changes)
    assert first.calls == asked


def test_another_adapter_is_refused(tmp_path: Path) -> None:
    words = Words(tmp_path)
    words.compile(max_metric_calls=8)
    with dspy.context(adapter=dspy.XMLAdapter()), pytest.raises(JournalError, match=r"adapter was"):
        words.compile(max_metric_calls=8)


@pytest.mark.parametrize("changes", [{"num_threads": 7}, {"track_stats": True}, {"rollout_timeout": 50.0}])
def test_what_cannot_change_the_results_may_change(tmp_path: Path, changes: dict[str, Any]) -> None:
    words = Words(tmp_path)
    words.compile()
    asked = words.calls
    words.compile(**changes)
    assert words.calls == asked


# Interrupted ----------------------------------------------------------------------------------------------

INTERRUPTED = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
import tests.conftest
from dspy_gepa import RunInterrupted
from tests.support import knows_words, scripted_lm
from tests.support_runs import Words

go, asked = threading.Event(), []
def waits(prompt):
    asked.append(prompt)
    if len(asked) == 40:
        print("running", flush=True)
        threading.Thread(target=lambda: (sys.stdin.readline(), go.set()), daemon=True).start()
    if len(asked) >= 40:
        go.wait()
    return knows_words(prompt)

words = Words(Path(sys.argv[1]))
words.task = scripted_lm(waits)
try:
    words.compile()
except RunInterrupted as error:
    print(type(error.program).__name__, error, flush=True)
    raise SystemExit(7)
"""


def interrupted(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(root=str(ROOT)), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process


def waiting(process: subprocess.Popen[str]) -> str:
    """What a process that was interrupted says while its rollouts still run, and go on running."""
    assert process.stderr is not None
    return next(line for line in process.stderr if line.startswith("GEPA interrupted"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_the_program_and_the_way_to_go_on(tmp_path: Path, number: int) -> None:
    process = interrupted(tmp_path)
    process.send_signal(number)
    assert re.fullmatch(
        r"GEPA interrupted: waiting for \d rollouts to end, at most 30 s; "
        r"press Ctrl-C again to stop at once\n",
        waiting(process),
    )
    said, _ = process.communicate("go on\n", timeout=60)
    assert process.returncode == 7
    assert said.startswith(
        "TwoHops The run was interrupted. Every finished rollout and reflection is on record."
    )
    assert f"log_dir={str(tmp_path)!r}" in said
    assert re.search(
        r"error\.program is .+ \(best mean on all \d+ validation rows, [\d.]+\)\.$", said.strip()
    )
    with read_journal(tmp_path) as db:
        assert db.execute("SELECT ended FROM sessions").fetchall() == [("interrupted",)]
    words = Words(tmp_path)
    assert contents(words.compile()) == contents(Words(None).compile())


@pytest.mark.slow
def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    process = interrupted(tmp_path)
    process.send_signal(signal.SIGINT)
    waiting(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 7  # `communicate` would close its input, on which its rollouts go on
    said, _ = process.communicate()
    assert re.search(
        r"TwoHops The run was interrupted; \d that were still running were not waited for\.", said
    )
    assert contents(Words(tmp_path).compile()) == contents(Words(None).compile())
