"""The speed and overhead commands at tiny sizes: they run to the end and write what they promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.harness.tables import markdown
from benchmarks.studies.overhead import overhead
from benchmarks.studies.random_pools import KINDS, outcome, random_pool
from benchmarks.studies.speed import ARMS, BASELINE, Curve, Timing, report, speed
from dspy_gepa.runtime.codec import decode, encode


def run(arm: str, seconds: float, curve: Curve) -> Timing:
    return Timing(arm, 8, 0, seconds, rollouts=100, busy=40.0, proposals=10, curve=curve, test=0.5)


def line_of(text: str, arm: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(f"| {arm} ")).strip("| ").split(" | ")


def test_speed_writes_a_table_and_every_run(tmp_path: Path) -> None:
    arms = f"{BASELINE},ours width 4"
    options = ["--threads", "4", "--budget", "20", "--scale", "0.002", "--arms", arms, "--out", str(tmp_path)]
    done = CliRunner().invoke(speed, options, catch_exceptions=False)
    assert done.exit_code == 0
    table = (tmp_path / "speed.md").read_text()
    assert "simulated LM" in table
    assert "0.002 of real ones" in table
    runs = json.loads((tmp_path / "speed.json").read_text())["runs"]
    assert [run["arm"] for run in runs] == arms.split(",")
    assert all(run["rollouts"] >= 10 and run["busy"] > 0 and run["curve"] and run["gaps"] for run in runs)
    assert runs[1]["rollouts"] <= 20


def test_speed_refuses_an_unknown_arm() -> None:
    done = CliRunner().invoke(speed, ["--arms", "ours width 3"])
    assert done.exit_code == 2
    assert all(arm in done.output.replace("\n", " ") for arm in list(ARMS)[:1])


def test_a_speed_table_sets_every_arm_against_the_baseline() -> None:
    runs = [
        run(BASELINE, 20.0, ((1.0, 0.2), (10.0, 0.6))),
        run("quick", 5.0, ((0.5, 0.2), (2.0, 0.5), (4.0, 0.7))),
    ]
    text = report(runs, baseline=BASELINE, heading="simulated LM")
    quick = line_of(text, "quick")
    assert quick[3:6] == ["0.050", "4.0x", "100%"]
    assert quick[8:10] == ["4.0", "2.5x"]


def test_a_target_that_an_arm_missed_has_no_time() -> None:
    runs = [run(BASELINE, 20.0, ((1.0, 0.2), (10.0, 0.6))), run("other", 5.0, ((0.5, 0.2),))]
    text = report(runs, baseline=BASELINE, heading="simulated LM", target=0.5)
    assert line_of(text, "other")[8:10] == ["-", "-"]
    assert line_of(text, BASELINE)[8:10] == ["10.0", "1.0x"]


@pytest.mark.slow
def test_the_target_may_be_the_best_of_an_arm_and_the_own_work_is_shown() -> None:
    runs = [
        run(BASELINE, 20.0, ((1.0, 0.2), (10.0, 0.6))),
        replace(run("quick", 5.0, ((0.5, 0.2), (4.0, 0.7))), gaps=(0.002, 0.004, 0.1)),
    ]
    text = report(runs, baseline=BASELINE, heading="simulated LM", target=BASELINE)
    assert line_of(text, "quick")[8:10] == ["4.0", "2.5x"]
    assert line_of(text, "quick")[12:] == ["4", "4"]
    assert line_of(text, BASELINE)[12:] == ["-", "-"]


def test_overhead_writes_a_table_and_its_figures(tmp_path: Path) -> None:
    options = ["--members", "3,8", "--rows", "12", "--rollouts", "5", "--out", str(tmp_path)]
    done = CliRunner().invoke(overhead, options, catch_exceptions=False)
    assert done.exit_code == 0
    assert "no language models" in (tmp_path / "overhead.md").read_text()
    found = json.loads((tmp_path / "overhead.json").read_text())
    assert [(s["members"], s["scores"]) for s in found["steps"]] == [(n, k) for n in (3, 8) for k in KINDS]
    assert all(s["step"] > 0 and s["reference"] > 0 for s in found["steps"])
    assert len(found["journal"]) == 2


@pytest.mark.slow
def test_every_row_in_flight_gives_one_outcome_on_every_road(tmp_path: Path) -> None:
    options = ["--members", "3", "--rows", "12", "--rollouts", "5", "--out", str(tmp_path)]
    options += ["--in-flight", "12", "--call-seconds", "0.01"]
    done = CliRunner().invoke(overhead, options, catch_exceptions=False)
    assert done.exit_code == 0
    flown = json.loads((tmp_path / "overhead.json").read_text())["in_flight"]
    assert len(flown) == 4
    assert all(road["outcomes"] == road["recorded"] == road["rollouts"] == 12 for road in flown)


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_pool_is_one_that_commits_could_have_made(kind: str) -> None:
    pool = random_pool(6, 10, kind)
    assert pool.val_scores.shape == (6, 10)
    assert all(parent < member.index for member in pool.members for parent in member.parents)
    assert len({member.candidate for member in pool.members}) == 6
    assert all(pool.knows(member.candidate) for member in pool.members)


@pytest.mark.parametrize("trace", [True, False])
def test_the_made_up_outcome_survives_the_journals_format(trace: bool) -> None:
    assert decode(encode(outcome(trace=trace))) == outcome(trace=trace)


def test_a_table_shows_three_digits_of_a_float() -> None:
    assert markdown(["a", "b"], [[1.23456, 12345.6]]) == "| a | b |\n| --- | --- |\n| 1.23 | 12,346 |"
