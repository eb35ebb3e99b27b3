"""A test set from end to end: scored once, after the search, beside its budget, and never decided on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, GEPAResult, JournalError, RunInterrupted
from dspy_gepa.cli.show import summary
from dspy_gepa.events import Finished, RolloutDone
from dspy_gepa.record.read import read_run
from dspy_gepa.report.sections import facts, settings_in_words
from dspy_gepa.testing import EventRecorder
from dspy_gepa.views.words import summary_text
from tests.support import TwoHops, is_right, knows_words, learns_words, scripted_lm, word_rows
from tests.support_runs import TRAIN, VAL, Words, contents

STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])
TEST = word_rows(10, start=500)


def run_of(words: Words | None = None, **options: Any) -> GEPAResult:
    options = {"testset": TEST, "max_metric_calls": 150, **options}
    return (words or Words(None, reflection=learns_words)).compile(**options)


def without_test(result: GEPAResult) -> dict[str, Any]:
    told = contents(result)
    told["usage"].pop("test rollouts", None)
    return {name: value for name, value in told.items() if name != "test"}


@STRATEGIES
def test_it_changes_nothing_of_the_search_and_is_no_part_of_its_budget(strategy: str) -> None:
    free, held = run_of(strategy=strategy, testset=None), run_of(strategy=strategy)
    assert without_test(held) == without_test(free)
    assert held.total_metric_calls <= 150
    assert free.test is None


@STRATEGIES
def test_both_programs_are_scored_on_every_test_row_after_all_else(strategy: str) -> None:
    recorder = EventRecorder()
    result = run_of(strategy=strategy, callbacks=[recorder])
    test = result.test
    assert test is not None
    assert result.best_idx > 0
    rollouts = [event for event in recorder.events if isinstance(event, RolloutDone)]
    tests = [event for event in rollouts if event.row.split == "test"]
    assert rollouts[-len(tests) :] == tests
    assert len(tests) == 2 * len(TEST)
    scores = {
        candidate: [e.outcome.score for e in tests if e.candidate == candidate]
        for candidate in (result.record.members[i].candidate for i in (0, result.best_idx))
    }
    assert [sum(found) / 10 for found in scores.values()] == [test.original, test.score]
    assert test.gain == pytest.approx(test.score - test.original)
    assert recorder.one(Finished).test == test
    assert all(e.outcome.trace == () for e in tests)


def test_no_test_row_is_shown_to_the_reflection_model() -> None:
    words = Words(None, reflection=learns_words)
    run_of(words)
    shown = "\n".join(prompt.text for prompt in words.reflection.engine.prompts)
    assert not any(row.question in shown for row in TEST)


def test_the_original_is_scored_once_where_it_is_returned() -> None:
    recorder = EventRecorder()
    same = scripted_lm(lambda prompt: {"new_instruction": "Be kind."}, "scripted/reflection")
    result = run_of(reflection_lm=same, callbacks=[recorder])
    assert result.best_idx == 0
    assert result.test is not None
    assert (result.test.gain, result.test.score) == (0.0, result.test.original)
    assert sum(e.row.split == "test" for e in recorder.of(RolloutDone)) == len(TEST)


@STRATEGIES
def test_a_run_that_stops_in_the_test_goes_on_there(strategy: str, tmp_path: Path) -> None:
    whole = run_of(Words(tmp_path / "whole", reflection=learns_words), strategy=strategy)
    words = Words(tmp_path / "parts", reflection=learns_words)
    seen: list[RolloutDone] = []

    def interrupts(event: Any) -> None:
        if isinstance(event, RolloutDone) and event.row.split == "test":
            seen.append(event)
            if len(seen) == 5:
                raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        run_of(words, strategy=strategy, callbacks=[interrupts])
    calls = words.calls
    recorder = EventRecorder()
    again = run_of(words, strategy=strategy, callbacks=[recorder])
    assert contents(again) == contents(whole)
    fresh = [e for e in recorder.of(RolloutDone) if not e.replayed]
    assert {e.row.split for e in fresh} == {"test"}
    assert words.calls - calls == 2 * len(fresh) < 2 * 2 * len(TEST)
    with pytest.raises(JournalError, match="test rows"):
        run_of(words, strategy=strategy, testset=TEST[1:])


def test_record_report_and_summary_show_it(tmp_path: Path) -> None:
    result = run_of(Words(tmp_path, reflection=learns_words))
    assert result.test is not None
    for record in (result.record, read_run(tmp_path)):
        assert record.test == result.test
        assert f"{result.test.score:.2f}" in summary_text(record)
        assert "on 10 test rows" in summary_text(record)
        shown = [fact.value for fact in facts(record) if fact.label == "Test score"]
        assert shown == [f"{result.test.score:.2f}"]
        assert any("10 test rows" in line for line in settings_in_words(record))
        assert record.usage["test rollouts"].calls == 4 * len(TEST)
        assert "on 10 test rows" in dict(summary(record))["test set"]
    assert "on 10 test rows" in result.to_markdown()
    assert "on 10 test rows" in result.report().to_html()
    assert json.loads(result.to_json())["test"]["score"] == result.test.score


def test_the_forecast_counts_it_apart() -> None:
    gepa = GEPA(is_right, reflection_lm=scripted_lm(learns_words), max_metric_calls=100)
    data = {"trainset": TRAIN, "valset": VAL}
    with dspy.context(lm=scripted_lm(knows_words)):
        free = gepa.plan(TwoHops(), **data)
        held = gepa.plan(TwoHops(), **data, testset=TEST)
    assert (held.rollouts, held.tokens, held.steps) == (free.rollouts, free.tokens, free.steps)
    assert (free.test_rollouts, held.test_rollouts) == (0, 2 * len(TEST))
    assert held.test_tokens is not None
    assert "then the test set, beside all limits: at most 20 rollouts" in str(held)
    assert "test" not in str(free)


def test_rows_that_are_not_held_out_are_reported_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    run_of(testset=[*TEST, TRAIN[0], VAL[0]])
    assert "2 of 12 rows of testset" in caplog.text
    for wrong, words in ((VAL, "nothing is held out"), ([], "testset is empty"), ("rows", "not a list")):
        with pytest.raises(ConfigurationError, match=words):
            run_of(testset=wrong)


def test_test_rows_have_weights_too() -> None:
    rows = {
        name: [
            dspy.Example(**row, weight=float(i + 1)).with_inputs("question") for i, row in enumerate(given)
        ]
        for name, given in (("trainset", TRAIN), ("valset", VAL), ("testset", TEST))
    }
    even, weighted = run_of(**rows), run_of(**rows, weights="weight")
    assert even.test is not None
    assert weighted.test is not None
    assert even.test.score == weighted.test.score == 1.0
    assert even.test.interval[0] > weighted.test.interval[0]  # few of the weighted rows decide
    with pytest.raises(ConfigurationError, match=r"testset\[0\]"):
        run_of(**{**rows, "testset": TEST}, weights="weight")
