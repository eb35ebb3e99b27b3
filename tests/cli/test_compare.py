"""`dspy-gepa compare`: two runs side by side, and whether their scores may be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa.cli.compare import changed_settings, equal_rollouts, obstacles, on_shared_rows, paired_scores
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.texts import diff_texts
from tests.cli.conftest import Call, changed


@pytest.fixture(scope="module")
def records(runs: Path) -> tuple[RunRecord, RunRecord]:
    return read_run(runs / "first"), read_run(runs / "second")


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def section(output: str, title: str) -> list[list[str]]:
    """The cells of the table under a title, without its header."""
    below = output.split(f"\n{title}\n")[1].split("\n\n")[0]
    return [line.split() for line in below.splitlines()[1:]]


def test_figures_of_both_stand_beside_each_other_with_the_difference(
    call: Call, runs: Path, records: tuple[RunRecord, RunRecord]
) -> None:
    a, b = (record.last for record in records)
    assert a is not None
    assert b is not None
    result = call("compare", runs / "first", runs / "second")
    rows = {" ".join(row[:-3]) or row[0]: row[-3:] for row in section(result.output, "Result")}
    assert result.exit_code == 0
    assert rows["score"] == [f"{a.score:.3f}", f"{b.score:.3f}", f"{b.score - a.score:+.3f}"]
    low, high = a.interval
    assert f"{low:.3f} to {high:.3f}" in result.output
    assert rows["gain"] == [f"{a.gain:.3f}", f"{b.gain:.3f}", f"{b.gain - a.gain:+.3f}"]
    assert rows["rollouts"] == ["60", "100", "+40"]
    assert rows["tokens"] == [f"{a.tokens:,}", f"{b.tokens:,}", f"{b.tokens - a.tokens:+,}"]
    assert "cost" not in rows  # scripted models have no prices
    assert section(result.output, "Settings that differ") == [
        ["seed", "1", "2"],
        ["budget.rollouts", "60", "100"],
    ]
    texts = [record.members[record.best or 0].texts for record in records]
    assert diff_texts(*texts) in result.output
    assert diff_texts(*texts) not in call("compare", runs / "first", runs / "second", "--no-texts").output


def test_test_scores_stand_beside_each_other_and_are_compared_on_equal_rows(call: Call, tested: Path) -> None:
    one, again, other = (read_run(tested / name).test for name in ("one", "again", "other"))
    assert one is not None
    assert again is not None
    assert other is not None

    def rows_of(name: str) -> tuple[list[list[str]], str]:
        output = call("compare", tested / "one", tested / name).output
        return [row for row in section(output, "Result") if row[0].startswith("test")], output

    rows, output = rows_of("again")
    assert rows[0][2:4] == [f"{one.score:.3f}", f"{again.score:.3f}"]
    assert len(rows[0]) == 5
    assert f"{one.interval[0]:.3f} to {one.interval[1]:.3f}" in " ".join(rows[1])
    assert rows[2][2:4] == [f"{one.gain:.3f}", f"{again.gain:.3f}"]
    assert "test rows differ" not in output
    rows, output = rows_of("other")
    assert rows[0] == ["test", "score", f"{one.score:.3f}", f"{other.score:.3f}"]
    assert "Their test scores cannot be compared: the test rows differ." in output


def test_a_run_without_a_test_set_has_none_beside_one_that_has_it(
    call: Call, runs: Path, tested: Path
) -> None:
    output = call("compare", runs / "first", tested / "one").output
    rows = [row for row in section(output, "Result") if row[0] == "test"]
    assert [row[-2] for row in rows if row[1] in ("score", "gain")] == ["none", "none"]
    assert "test" not in [
        row[0] for row in section(call("compare", runs / "first", runs / "second").output, "Result")
    ]


def test_scores_are_compared_at_equal_rollouts(
    call: Call, runs: Path, records: tuple[RunRecord, RunRecord]
) -> None:
    a, b = records
    shared = equal_rollouts(a, b)
    marks = [mark for mark, _, _ in shared]
    assert marks[0] == max(a.curve[0].rollouts, b.curve[0].rollouts)
    assert marks[-1] == min(a.curve[-1].rollouts, b.curve[-1].rollouts)
    for mark, one, other in shared:
        for record, point in ((a, one), (b, other)):
            later = [p for p in record.curve if p.rollouts > point.rollouts]
            assert point in record.curve
            assert point.rollouts <= mark
            assert all(p.rollouts > mark for p in later)
    table = section(call("compare", runs / "first", runs / "second").output, "Best score at equal rollouts")
    assert [(row[0], row[1], row[2]) for row in table] == [
        (str(mark), f"{one.score:.3f}", f"{other.score:.3f}") for mark, one, other in shared
    ]


def test_runs_that_share_no_rollouts_have_no_curve_to_compare(records: tuple[RunRecord, RunRecord]) -> None:
    a, b = records
    early = replace(a, curve=a.curve[:1])
    late = replace(b, curve=b.curve[-1:])
    assert equal_rollouts(early, late) == []
    assert equal_rollouts(replace(a, curve=()), b) == []


def test_the_best_are_compared_on_the_rows_that_both_were_run_on(
    records: tuple[RunRecord, RunRecord],
) -> None:
    def scored(record: RunRecord, scores: dict[str, float]) -> RunRecord:
        return replace(record, members=(replace(record.members[0], scores=scores),), best=0)

    a = scored(records[0], {"val/0": 1.0, "val/1": 0.0, "val/2": 0.5, "train/0": 0.0})
    b = scored(records[1], {"val/1": 1.0, "val/2": 1.0, "val/3": 0.0, "train/0": 1.0})
    assert paired_scores(a, b) == [(0.0, 1.0), (0.5, 1.0)]
    assert on_shared_rows(a, b).endswith(
        "2 validation rows that the best of both were run on: "
        "A 0.250, B 1.000, difference +0.750, standard error 0.250."
    )
    assert paired_scores(a, scored(records[1], {"val/5": 1.0})) == []
    assert paired_scores(a, replace(b, best=None)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": "is_wrong"}, "the metric differs (is_right and is_wrong)"),
        ({"validation rows": "8 rows, 0123"}, "they were scored on different rows (8 rows, "),
        ({"validation rows": "the train rows"}, "they were scored on different rows (8 rows, "),
        ({"weights": "abc"}, "the weights differ (none and abc)"),
    ],
)
def test_runs_with_another_metric_or_other_data_are_marked_as_incomparable(
    change: dict[str, Any], said: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    settings = read_settings(runs / "second") | change
    del settings["budget"]
    other = changed(
        runs / "second",
        tmp_path / "other",
        f"UPDATE meta SET value = {quoted(json.dumps(settings))} WHERE name = 'identity'",
    )
    output = call("compare", runs / "first", other).output
    assert f"Their scores cannot be compared: {said}" in " ".join(output.split())
    assert "at equal rollouts" not in output
    rows = {row[0]: row[1:] for row in section(output, "Result")}
    assert len(rows["score"]) == 2  # no difference
    assert rows["rollouts"] == ["60", "100", "+40"]


def test_a_validation_set_left_out_is_the_train_set_itself() -> None:
    by_default = {"metric": "m", "train rows": "9 rows, ab", "validation rows": "the train rows"}
    assert obstacles(by_default, {"metric": "m", "train rows": "x", "validation rows": "9 rows, ab"}) == []


def test_settings_are_distinguished_one_by_one_and_long_ones_cut() -> None:
    first = {
        "strategy": {"name": "paper", "tie": 1},
        "program": {"a": 1},
        "keep": [],
        "budget": {"rollouts": 10**9},
    }
    second = {"strategy": {"name": "paper", "tie": 2}, "program": {"a": "x" * 90}, "keep": [], "budget": {}}
    found = changed_settings(first, second)
    assert found[0] == ("strategy.tie", "1", "2")
    assert [name for name, _, _ in found] == ["strategy.tie", "program"]
    assert len(found[1][2]) == 48


def test_a_run_without_a_score_is_compared_as_far_as_it_came(call: Call, runs: Path, tmp_path: Path) -> None:
    run = changed(
        runs / "first",
        tmp_path / "run",
        *("DELETE FROM events", "UPDATE sessions SET ended = NULL"),
        "DELETE FROM meta WHERE name = 'run_started'",
    )
    result = call("compare", run, runs / "second")
    assert result.exit_code == 0
    assert "There is no validation row that the best of both were run on." in result.output
