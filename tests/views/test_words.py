"""Progress in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dspy_gepa.events import AttemptFailed
from dspy_gepa.record.model import MemberRecord, RunRecord
from dspy_gepa.record.progress import Progress
from dspy_gepa.views.words import (
    activity,
    amount,
    best_text,
    change_text,
    contender_text,
    duration,
    left_text,
    line_of,
    measured_text,
    meters,
    must_pass_text,
    next_step,
    rejection_text,
    roughly,
    score_text,
    seed_text,
    start_text,
    step_text,
    steps_text,
    summary_text,
    trials_text,
    trouble_text,
)
from tests.support_progress import POINT, RUNNING, WAIT, limited, recorded, step, trial, trials, with_trials


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (4320, "1 h 12 min"),
        (-1, "0 s"),
    ],
)
def test_a_time_is_written_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "about 10 s"), (44, "about 40 s"), (130, "about 2 min"), (5400, "about 1.5 h")]
)
def test_an_estimated_time_is_coarse(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cost", 0.41, "$0.41"),
        ("cost", 0.0, "$0.00"),
        ("cost", 0.00123, "$0.0012"),
        ("cost", 1234.5, "$1,234.50"),
        ("tokens", 9_999, "9,999"),
        ("tokens", 45_200, "45 k"),
        ("tokens", 999_600, "1.0 M"),
        ("tokens", 1_234_567, "1.2 M"),
        ("rollouts", 12_345, "12,345"),
        ("seconds", 600, "10 min 00 s"),
    ],
)
def test_an_amount_has_its_unit(name: str, value: float, text: str) -> None:
    assert amount(name, value) == text


def test_what_is_limited_comes_first_and_has_a_share() -> None:
    assert [(m.name, m.text, m.share) for m in meters(RUNNING, 60.0)] == [
        ("rollouts", "300 of 600", 0.5),
        ("cost", "$0.41 of $5.00", pytest.approx(0.082)),
        ("reflections", "12", None),
        ("tokens", "45 k", None),
    ]


def test_a_limit_in_seconds_is_measured_in_time() -> None:
    (meter,) = meters(limited(seconds=120), 30.0)
    assert (meter.name, meter.text, meter.share) == ("time", "30 s of 2 min 00 s", 0.25)


def test_the_score_stands_beside_its_interval_the_seed_and_the_gain() -> None:
    assert score_text(RUNNING) == "0.71 (0.65 to 0.77)"
    assert seed_text(RUNNING) == "0.58, gain +0.13"
    assert score_text(Progress()) == seed_text(Progress()) == ""


def test_figures_that_a_long_run_repeats_are_shown_with_their_age() -> None:
    progress = recorded(curve=(replace(POINT, rollouts=5_200, estimated_at=4_812),))
    assert score_text(progress) == "0.71 (0.65 to 0.77) as of 4,812 rollouts"


def test_no_score_is_less_than_zero_by_a_digit_that_is_not_shown() -> None:
    point = replace(POINT, score=-0.0001, interval=(-0.0004, 0.1), gain=-0.0001)
    progress = recorded(curve=(point,))
    assert score_text(progress) == "0.00 (0.00 to 0.10)"
    assert seed_text(progress) == "0.00, gain +0.00"


def test_the_best_is_shown_with_its_probability_and_at_the_end_with_the_reason() -> None:
    assert (
        best_text(RUNNING)
        == "candidate 3, better than your program with probability 0.97; 5 candidates in all"
    )
    ended = recorded(state="finished", choice_reason="it is surely better")
    assert best_text(ended) == "candidate 3, it is surely better; 5 candidates in all"
    assert best_text(recorded(best=0)) == "your program; 5 candidates in all"


MEMBERS = (
    *RUNNING.record.members[:4],
    MemberRecord(4, "id4", {"hop": "Answer."}, score=0.8, interval=(0.6, 0.9)),
)
CONTESTED = replace(recorded(members=MEMBERS), contender=4)


def test_a_member_that_may_be_better_is_shown_while_it_is_not_sure() -> None:
    told = contender_text(CONTESTED)
    assert told == "candidate 4 may reach 0.80 (0.60 to 0.90), which is not certain yet"
    assert contender_text(recorded(CONTESTED, "finished")) == contender_text(RUNNING) == ""


@pytest.mark.parametrize("state", ["interrupted", "failed"])
def test_a_run_that_ends_before_its_finals_says_how_to_get_who_may_be_better(state: Any) -> None:
    ended = recorded(CONTESTED, state, log_dir="my runs")
    assert contender_text(ended).endswith(
        "not certain yet; its texts: dspy-gepa export 'my runs' --candidate 4"
    )
    assert contender_text(ended) in line_of(ended, 1.0)
    assert contender_text(recorded(ended, log_dir=None)).endswith("not certain yet")


def test_a_step_shows_what_it_tries_and_how_far_it_is() -> None:
    mutation = step(7, "mutation", (3,), most=14, rollouts=5, reflections=1)
    assert step_text(mutation) == "mutation of candidate 3: 5 of at most 14 rollouts, 1 reflection"
    merge = step(8, "merge", (1, 4), most=5)
    assert step_text(merge) == "merge of candidates 1 and 4: 0 of at most 5 rollouts"
    assert step_text(step(9, "finals", (), most=60, rollouts=2)) == "finals: 2 of at most 60 rollouts"


def test_of_many_steps_the_oldest_are_shown() -> None:
    steps = tuple(step(n, "mutation", (n,), most=3) for n in range(9))
    shown = steps_text(replace(RUNNING, steps=steps))
    assert len(shown) == 5
    assert shown[-1] == "and 5 more"


def test_the_share_of_accepted_proposals_leaves_trials_without_one_out() -> None:
    text = trials_text(recorded(trials=trials(1, 3, 2)).record)
    assert text == "1 accepted, 3 rejected, 2 without a proposal (25% accepted)"
    assert trials_text(recorded(trials=trials(0, 0, 2)).record).endswith("2 without a proposal")
    assert trials_text(Progress().record) == ""


def test_where_every_candidate_is_kept_there_is_no_acceptance_rate() -> None:
    scores = (0.5, 0.6, 0.4, None)
    members = tuple(
        MemberRecord(n, f"id{n}", {"a": str(n)}, (0,) if n else (), score=score, believed=score)
        for n, score in enumerate(scores)
    )
    started = {"strategy": {"validates_all": False}}
    run = recorded(members=members, trials=trials(3, 1, 1), started=started).record
    rest = "1 rejected before a rollout, 1 without a proposal"
    assert trials_text(run) == f"3 tried, 1 expected to be better than their parents, {rest}"
    assert trials_text(recorded(members=members, trials=trials(1, 0), started=started).record).startswith(
        "1 tried"
    )


def test_a_proposal_that_was_rejected_before_a_rollout_does_not_count_as_tried() -> None:
    started = {"strategy": {"validates_all": False}}
    run, refused = trial("accepted", after=(1.0,)), trial("rejected")
    text = trials_text(recorded(trials=(run, refused, refused), started=started).record)
    assert text.startswith("1 tried, ")
    assert text.endswith(", 2 rejected before a rollout")
    only = trials_text(recorded(trials=(refused, trial("skipped")), started=started).record)
    assert only == "1 rejected before a rollout, 1 without a proposal"


def test_a_result_is_one_line() -> None:
    scores = {"val/0": 1.0, "val/1": 0.0, "train/0": 1.0}
    members = (
        MemberRecord(0, "id0", {"a": "x"}, score=0.42, interval=(0.3, 0.54), believed=0.42),
        MemberRecord(1, "id1", {"a": "y"}, (0,), score=0.71, interval=(0.63, 0.79), scores=scores),
    )
    started = {"val_rows": 3}
    point = replace(POINT, best=1, score=0.71, interval=(0.63, 0.79))
    run = RunRecord("finished", started, members, curve=(point,), best=1, log_dir="runs/one")
    assert summary_text(run) == "0.42 -> 0.71 (0.63 to 0.79) on 2 validation rows; 300 rollouts; runs/one"
    assert measured_text(run) == "1 of 2 validation rows right"
    half = replace(members[1], scores={**scores, "val/1": 0.5})
    assert measured_text(replace(run, members=(members[0], half))) == "mean 0.75 on 2 validation rows"
    same = replace(run, best=0, curve=(replace(point, best=0, score=0.42, interval=(0.3, 0.54)),))
    assert summary_text(same) == "no gain, your program has 0.42 (0.30 to 0.54); 300 rollouts; runs/one"
    assert (measured_text(same), summary_text(RunRecord("failed"))) == ("", "your program was not run")


def test_rows_that_must_pass_are_counted_for_the_result_where_your_program_fails_them_too() -> None:
    named = {"train/0": 1.0, "train/1": 1.0, "train/2": 1.0, "train/3": 1.0}
    members = (
        MemberRecord(0, "id0", {"a": "x"}, scores={**dict.fromkeys(named, 0.0), "train/0": 1.0}),
        MemberRecord(1, "id1", {"a": "y"}, (0,), scores={"train/0": 1.0, "train/1": 1.0, "train/2": 0.0}),
    )
    run = RunRecord("finished", {"must_pass": named}, members, curve=(replace(POINT, best=1),), best=1)
    text = must_pass_text(run)
    assert "your program passes 1 of the 4 rows named" in text
    assert text.endswith("candidate 1 passes 1 of the 3 others, and was not run on 1")
    assert "passes all 1 guarded row of 4 that must pass" in summary_text(run)
    assert "others" not in must_pass_text(replace(run, best=0))
    fails_all = replace(members[0], scores=dict.fromkeys(named, 0.0))
    none = replace(run, members=(fails_all, members[1]))
    assert must_pass_text(none).startswith("your program passes none of the 4 rows named")
    assert "candidate 1 passes 2 of the 4, and was not run on 1" in must_pass_text(none)
    assert "must pass" not in summary_text(none)


def test_a_run_begins_with_its_rows_limits_and_forecast() -> None:
    limits = {"rollouts": 600, "cost": 5.0, "reflections": None, "seconds": 60}
    forecast = {"steps": 30, "reflections": 31}
    started = {"train_rows": 20, "val_rows": 1, "limits": limits, "forecast": forecast}
    begun = recorded(Progress(), started=started, log_dir="runs/one")
    assert start_text(begun) == (
        "GEPA starts: 20 train rows and 1 validation row; at most 600 rollouts, $5.00, 1 min 00 s; "
        "about 30 trials and 31 reflections; runs/one"
    )
    resumed = {**started, "in_sample": True, "resumed_trials": 3}
    again = start_text(replace(recorded(begun, started=resumed), resumed_steps=4))
    assert again.startswith("GEPA resumes after 3 trials: 20 train rows; at most 600")
    assert "about 30 trials and 31 reflections in all" in again


def changed(before: str, after: str) -> list[str]:
    members = (MemberRecord(0, "id0", {"hop.query": before}),)
    made = trial("accepted", changed={"hop.query": after}, member=1)
    return change_text(recorded(members=members, trials=(made, trial("rejected"))))


def test_a_change_is_shown_before_where_it_is_and_why() -> None:
    where = "hop.query: scored 3 on 6 rows"
    assert changed("Answer. Be kind.", "Answer. Be kind. Be exact.") == ['+ "Be exact."', where]
    assert changed("Answer. Be kind.", "Answer.") == ['- "Be kind."', where]
    assert changed("Answer. Be kind.", "Answer.  Be kind.") == [where]
    assert change_text(Progress()) == []


def test_a_text_is_compared_with_that_of_its_parent() -> None:
    texts = ("Answer.", "Answer. Be brief.", "Answer. Be brief. Be exact.")
    members = tuple(MemberRecord(n, f"id{n}", {"a": text}) for n, text in enumerate(texts))
    second = trial("accepted", parents=(1,), changed={"a": texts[2]}, member=2)
    assert change_text(recorded(members=members, trials=(second,)))[0] == '+ "Be exact."'


def test_the_last_rejection_is_shown_with_its_reason_on_one_line() -> None:
    made = with_trials(trial("rejected", reason="went\nfrom 3 to 2"), trial("accepted"))
    assert rejection_text(made) == "went from 3 to 2"
    assert rejection_text(Progress()) == ""


def test_trouble_is_shown_only_where_there_is_some() -> None:
    assert trouble_text(Progress()) == ""
    assert trouble_text(Progress(retries=1)) == "1 repeated attempt"
    failed = recorded(
        Progress(last_failure=AttemptFailed("rollout", "Timeout", "sl\now")), failures={"Timeout": 2}
    )
    told = trouble_text(failed)
    assert told == "2 failed attempts, never scored; the last: Timeout: sl ow"


def test_time_left_is_shown_only_where_it_is_known() -> None:
    assert left_text(RUNNING, 120.0) == "about 2 min"
    assert left_text(replace(recorded(state="finished"), ended_at=90.0), 120.0) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": ""}, "starting"),
        ({"kind": "original"}, "running your program"),
        ({"kind": "finals"}, "finals"),
        ({"record": RunRecord("interrupted")}, "interrupted"),
        ({"replaying": True, "resumed_steps": 1}, "resuming: going through 1 recorded step"),
    ],
)
def test_the_headline_says_what_the_run_does(changes: dict[str, Any], words: str) -> None:
    assert activity(replace(RUNNING, **changes)).startswith(words)


def test_the_next_step_names_the_record_and_the_command() -> None:
    told = next_step(recorded(log_dir="runs/one"))
    assert told == "recorded in runs/one; read it with: dspy-gepa report runs/one"
    assert next_step(recorded(log_dir="my runs")).endswith("dspy-gepa report 'my runs'")
    assert "GEPA(log_dir=...)" in next_step(Progress())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "GEPA interrupted: waiting for 5 rollouts and 1 reflection to end, at most 30 s; "
            "press Ctrl-C again to stop at once",
        ),
        (
            {"interrupted": False, "rollouts": 1, "reflections": 0, "can_hurry": False},
            "GEPA failed: waiting for 1 rollout to end, at most 30 s",
        ),
        (
            {"rollouts": 0, "reflections": 0, "until": 0.0, "can_hurry": False},
            "GEPA interrupted: waiting for the last ones to end, at most 0 s",
        ),
    ],
)
def test_a_run_that_waits_says_for_what_how_long_and_how_not_to(changes: dict[str, Any], line: str) -> None:
    assert line_of(replace(RUNNING, wait=replace(WAIT, **changes)), 120.0) == line


def test_a_line_for_a_log_is_ascii_and_shows_all_that_matters() -> None:
    line = line_of(RUNNING, 120.0)
    assert line == (
        "GEPA searching: 300 of 600 rollouts, $0.41 of $5.00, 12 reflections, 45 k tokens; "
        "best 0.71 (0.65 to 0.77), your program 0.58, gain +0.13; 5 accepted, 9 rejected (36% accepted); "
        "2 min 00 s, about 2 min left"
    )
    failed = recorded(state="failed", error="MetricError: oh\n\x1b[2J")
    ended = replace(failed, ended_at=120.0, retries=2)
    assert line_of(ended, 999.0).endswith(
        "; 2 min 00 s; 2 repeated attempts; MetricError: oh; "
        "no record was kept: GEPA(log_dir=...) keeps one, for reports and for going on"
    )
    assert line.isascii()
