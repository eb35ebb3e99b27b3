"""A function of the user's own that fails in the middle of a run ends it in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import dspy
import numpy as np
import pytest

from dspy_gepa import GEPA, ConfigurationError, InfrastructureError, JournalError
from dspy_gepa.record.file import read_journal
from dspy_gepa.testing import Prompt, ScriptedLM, practice_run
from tests.support import TwoHops, is_right, knows_words, learns_words, word_rows

GOOD: dict[str, Callable[..., Any]] = {
    "candidate_selection_strategy": lambda pool, rng: 0,
    "component_selector": lambda occasion: occasion.components,
    "batch_sampler": lambda pool, parent, size, rng: [0, 1, 2],
    "acceptance": lambda before, after: True,
}


def later(option: str, end: Callable[[], Any]) -> Callable[..., Any]:
    """A part that works twice and ends like `end` then."""
    calls: list[int] = []

    def part(*args: Any) -> Any:
        calls.append(1)
        return GOOD[option](*args) if len(calls) < 3 else end()

    return part


def fails(error: Exception) -> Callable[[], Any]:
    def end() -> Any:
        raise error

    return end


def run(option: str, end: Callable[[], Any], **options: Any) -> Any:
    strategy = {"strategy": "paper", "max_metric_calls": 100}
    return practice_run(**{option: later(option, end)}, **(strategy | options))


@pytest.mark.parametrize("option", GOOD)
def test_an_error_ends_the_run_with_the_name_of_the_part_and_the_best_program(option: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{option}: .*part failed with KeyError: 'no'") as caught:
        run(option, fails(KeyError("no")))
    assert isinstance(caught.value.__cause__, KeyError)
    assert isinstance(caught.value.program, dspy.Module)
    assert f"dspy_gepa.testing.check('{option}'" in str(caught.value)


@pytest.mark.parametrize("option", GOOD)
def test_a_provider_that_a_part_asked_in_vain_is_reported_as_such(option: str, tmp_path: Any) -> None:
    def refuses() -> Any:
        raise dspy.LMRateLimitError("slow down", model="m", provider="p")

    with pytest.raises(InfrastructureError, match=r"slow down.*run the same compile again") as caught:
        run(option, refuses, log_dir=str(tmp_path))
    assert caught.value.program is not None


@pytest.mark.parametrize(
    ("option", "answer", "words"),
    [
        ("candidate_selection_strategy", "x", "'str' object cannot be interpreted as an integer"),
        ("candidate_selection_strategy", 1.0, "'float' object cannot be interpreted"),
        ("candidate_selection_strategy", 99, "chose candidate 99"),
        ("component_selector", 3, "'int' object is not iterable"),
        ("component_selector", "a", r"the string 'a' where several names belong: \['a'\]"),
        ("component_selector", ["c"], "chose 'c'; the components are a, b"),
        ("batch_sampler", 3, "'int' object is not iterable"),
        ("batch_sampler", [99], "chose train row 99"),
        ("acceptance", np.array([True, False]), "truth value of an array"),
    ],
)
def test_an_answer_of_another_form_ends_the_run_too(option: str, answer: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        run(option, lambda: answer)
    assert caught.value.program is not None


def test_a_run_is_distinguished_from_another_by_the_names_of_its_parts(tmp_path: Any) -> None:
    def one(before: Any, after: Any) -> bool:
        return True

    def two(before: Any, after: Any) -> bool:
        return True

    practice_run(acceptance=one, strategy="paper", log_dir=str(tmp_path))
    practice_run(acceptance=one, strategy="paper", log_dir=str(tmp_path))
    with pytest.raises(JournalError, match="strategy differs"):
        practice_run(acceptance=two, strategy="paper", log_dir=str(tmp_path))


def exactly(gold: Any, pred: Any, *, strict: bool) -> float:
    return is_right(gold, pred) if strict else 1.0


class Exactly:
    def __call__(self, gold: Any, pred: Any) -> float:
        return is_right(gold, pred)


def test_a_metric_is_known_by_its_function_or_its_class(tmp_path: Any) -> None:
    practice_run(metric=partial(exactly, strict=True), log_dir=str(tmp_path))
    practice_run(metric=partial(exactly, strict=True), log_dir=str(tmp_path))
    with pytest.raises(JournalError, match="metric"):
        practice_run(metric=Exactly(), log_dir=str(tmp_path))
    with pytest.raises(JournalError, match='was "exactly" and is now "is_right"'):
        practice_run(metric=partial(is_right, trace=None), log_dir=str(tmp_path))


def test_what_was_running_when_a_part_failed_is_on_record(tmp_path: Any) -> None:
    begun, gate = threading.Event(), threading.Event()
    asked: list[str] = []
    plans: list[int] = []

    def waits(prompt: Prompt) -> dict[str, str]:
        if prompt.outputs == ["hint"]:
            asked.append(prompt.user)
            if len(asked) > 8:  # the validation of the seed is over
                begun.set()
                assert gate.wait(30)
        return knows_words(prompt)

    def fails_beside_another(pool: Any, parent: int, size: int, rng: Any) -> list[int]:
        plans.append(parent)
        if len(plans) == 1:
            return [0, 1, 2]
        assert begun.wait(30)
        gate.set()
        raise LookupError("no")

    gepa = GEPA(
        is_right,
        reflection_lm=ScriptedLM(learns_words),
        strategy="paper",
        width=2,
        num_threads=4,
        max_metric_calls=100,
        batch_sampler=fails_beside_another,
        log_dir=str(tmp_path),
    )
    data = {"trainset": word_rows(12), "valset": word_rows(8, start=100)}
    with dspy.context(lm=ScriptedLM(waits)), pytest.raises(ConfigurationError, match="LookupError: no"):
        gepa.compile(TwoHops(), **data)
    with read_journal(tmp_path) as db:
        (recorded,) = db.execute("SELECT count(*) FROM effects WHERE kind = 'rollout'").fetchone()
    assert recorded == len(asked) > 8
