"""Rows that must pass, from end to end: guarded in the search, decided by at the end, shown everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, GEPAResult, JournalError
from dspy_gepa.cli.show import summary
from dspy_gepa.events import StepCommitted
from dspy_gepa.record.read import read_run
from dspy_gepa.report.sections import facts
from dspy_gepa.testing import EventRecorder
from dspy_gepa.views.words import summary_text
from tests.support import (
    Prompt,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, VAL, Words, contents

STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])
KNOWN = "know w0."


def student() -> TwoHops:
    """A program that passes the rows that ask `b` for w0."""
    program = TwoHops()
    program.b.signature = program.b.signature.with_instructions(f"Answer. {KNOWN}")
    return program


def is_known(example: Any) -> bool:
    return "b needs w0" in example.question


def mends_what_is_shown(prompt: Prompt) -> dict[str, str]:
    """A reflection model that forgets words, unless it is shown that a row must pass."""
    text = forgets_words(prompt)["new_instruction"]
    shown = "This is a regression" in prompt.field("examples_with_feedback")
    needed = shown and prompt.field("component") == "b" and KNOWN not in text
    return {"new_instruction": f"{text} {KNOWN}" if needed else text}


def drops_what_is_known(prompt: Prompt) -> dict[str, str]:
    """A reflection model that writes what is better on the whole, without w0 unless it must be there."""
    text = f"Version {len(prompt.text)}. know w1. know w2."
    shown = "This is a regression" in prompt.field("examples_with_feedback")
    return {"new_instruction": f"{text} {KNOWN}" if shown else text}


def run_of(reflection: Any = forgets_words, log_dir: Path | None = None, **options: Any) -> GEPAResult:
    options = {"must_pass": is_known, "max_metric_calls": 200, **options}
    return Words(log_dir, reflection=reflection).compile(student(), **options)


def guards(result: GEPAResult) -> list[str]:
    return list(result.record.guarded)


# Who is returned ------------------------------------------------------------------------------------------


@STRATEGIES
def test_a_candidate_that_fails_a_row_of_either_set_is_not_returned(strategy: str) -> None:
    free, held = (
        run_of(drops_what_is_known, strategy=strategy, must_pass=must_pass, freeze=["a"])
        for must_pass in (None, is_known)
    )
    assert KNOWN not in free.texts[free.best_idx]["b"]
    assert KNOWN in held.texts[held.best_idx]["b"]
    assert {row.split("/")[0] for row in guards(held)} == {"train", "val"}
    assert held.regressions is not None
    assert held.regressions[held.best_idx] == []
    assert any(held.regressions)
    assert free.regressions is None


@STRATEGIES
def test_if_none_holds_the_original_is_returned_with_the_reason(strategy: str) -> None:
    result = run_of(
        lambda prompt: {"new_instruction": f"Version {len(prompt.text)}. know w1. know w2."},
        strategy=strategy,
        freeze=["a"],
    )
    assert result.best_idx == 0
    assert any(result.regressions or ())
    assert "must pass" in result.choice_reason


@STRATEGIES
def test_the_candidate_returned_was_run_on_every_guarded_row(strategy: str) -> None:
    result = run_of(learns_words, strategy=strategy, max_metric_calls=150)
    assert result.best_idx > 0
    scores = result.record.members[result.best_idx].scores
    assert all(scores[row] >= 1.0 for row in guards(result))


@STRATEGIES
@pytest.mark.parametrize("calls", [60, 90, 140])
def test_the_budget_is_never_exceeded(strategy: str, calls: int) -> None:
    assert run_of(strategy=strategy, max_metric_calls=calls).total_metric_calls <= calls


def test_rows_that_the_original_fails_guard_nothing() -> None:
    nothing = run_of(must_pass=lambda example: "a needs w1" in example.question)
    assert guards(nothing) == []
    assert nothing.best_idx > 0
    assert nothing.regressions == [[] for _ in nothing.texts]


# Forms ----------------------------------------------------------------------------------------------------


def test_rows_can_be_named_by_examples_by_a_field_or_by_a_function() -> None:
    rows = [dspy.Example(**row, smoke=is_known(row)).with_inputs("question") for row in (*TRAIN, *VAL)]
    data = {"trainset": rows[: len(TRAIN)], "valset": rows[len(TRAIN) :]}
    copies = [row.copy().with_inputs("question") for row in rows if row.smoke]
    forms = [run_of(must_pass=form, **data) for form in ("smoke", copies, lambda row: row.smoke)]
    assert len({json.dumps(form.record.started["must_pass"]) for form in forms}) == 1
    assert guards(forms[0])
    assert len({form.to_json() for form in forms}) == 1


def test_a_number_is_the_lowest_score_that_passes() -> None:
    def half(gold: Any, pred: Any, trace: Any = None) -> float:
        return 0.5 + is_right(gold, pred) / 2

    result = run_of(metric=half, must_pass=lambda row: 0.5)
    assert set(result.record.started["must_pass"].values()) == {0.5}
    assert len(guards(result)) == len(TRAIN) + len(VAL)
    assert not any(result.regressions or ())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda row: "yes", "True, False, or the lowest score"),
        (lambda row: False, "true of no row"),
        ("urgency", "names a field"),
        (word_rows(1, start=999), "neither trainset nor valset"),
        (3, "must be the name of a field"),
        (["q"], r"must_pass\[0\] is str, not dspy.Example. Pass examples of trainset or valset"),
        ([0, 1], r"must_pass\[0\] is int, not dspy.Example. Pass examples of trainset or valset"),
        ([], "empty"),
    ],
)
def test_what_names_no_row_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        run_of(must_pass=given)


# The reflection model -------------------------------------------------------------------------------------


@STRATEGIES
def test_the_reflection_model_is_shown_what_was_lost_and_how_it_was_answered(strategy: str) -> None:
    words = Words(None, reflection=mends_what_is_shown)
    result = words.compile(student(), strategy=strategy, must_pass=is_known, max_metric_calls=250)
    shown = [p.field("examples_with_feedback") for p in prompts_of(words.reflection)]
    assert any("This is a regression" in text and '{"answer": "right"}' in text for text in shown)
    assert result.best_idx > 0
    assert result.score > result.val_aggregate_scores[0]
    other = Words(None, reflection=mends_what_is_shown)
    other.compile(student(), strategy=strategy, max_metric_calls=250)
    assert not any("This is a regression" in p.text for p in prompts_of(other.reflection))


# Budget, record, resuming ---------------------------------------------------------------------------------


@STRATEGIES
def test_the_forecast_counts_its_rollouts_and_auto_makes_room(strategy: str) -> None:
    def plan(**options: Any) -> Any:
        gepa = GEPA(is_right, strategy=strategy, reflection_lm=scripted_lm(learns_words), **options)
        with dspy.context(lm=scripted_lm(knows_words)):
            return gepa.plan(student(), trainset=TRAIN, valset=VAL)

    free, held = plan(max_metric_calls=200), plan(max_metric_calls=200, must_pass=is_known)
    assert held.rollouts == free.rollouts == 200
    assert held.must_pass > 0
    assert held.steps < free.steps
    assert f"about {held.must_pass} of them on rows that must pass" in str(held)
    assert (free.must_pass, "must pass" in str(free)) == (0, False)
    auto = plan(auto="light"), plan(auto="light", must_pass=is_known)
    assert auto[1].rollouts > auto[0].rollouts
    assert abs(auto[1].steps - auto[0].steps) <= 1
    with pytest.raises(ConfigurationError, match="must_pass"):
        plan(max_metric_calls=9, must_pass=lambda row: True)


@STRATEGIES
def test_a_run_that_stops_and_goes_on_ends_like_one_that_does_not(strategy: str, tmp_path: Path) -> None:
    whole = run_of(strategy=strategy, log_dir=tmp_path / "whole")
    words = Words(tmp_path / "parts", reflection=forgets_words)

    def interrupts(event: Any) -> None:
        if isinstance(event, StepCommitted) and event.step == 5:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"strategy": strategy, "must_pass": is_known, "max_metric_calls": 200}
    with pytest.raises(BaseException, match=r"interrupted|Interrupt|log_dir"):
        words.compile(student(), callbacks=[interrupts], **options)
    assert contents(words.compile(student(), **options)) == contents(whole)
    with pytest.raises(JournalError, match="must_pass"):
        words.compile(student(), **options | {"must_pass": lambda row: "w0" in row.question})


def test_record_report_and_summary_show_it(tmp_path: Path) -> None:
    recorder = EventRecorder()
    result = run_of(log_dir=tmp_path, callbacks=[recorder], strategy="adaptive")
    lost = [(i, rows) for i, rows in enumerate(result.regressions or ()) if rows]
    assert lost
    for record in (result.record, read_run(tmp_path)):
        assert [(m.index, list(record.regressions(m.index) or ())) for m in record.members] == [
            (i, rows or []) for i, rows in enumerate(result.regressions or ())
        ]
        (fact,) = [fact for fact in facts(record) if fact.label == "Rows that must pass"]
        assert f"{lost[0][0]} ({lost[0][1][0]}" in fact.note
        assert f"passes all {len(guards(result))} rows that must pass" in summary_text(record)
        assert fact.note == dict(summary(record))["must pass"]
    assert "Rows that must pass" in result.to_markdown()
    assert "Rows that must pass" in result.report().to_html()
    assert json.loads(result.to_json())["regressions"] == result.regressions
