"""From options to a run: every step of the set-up happens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA
from dspy_gepa.program.metric import Metric
from dspy_gepa.run import RunSettings
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search import Problem
from dspy_gepa.setup import data, options, prepare
from tests.support import OneHop, TwoHops, is_right, knows_words, learns_words, scripted_lm, word_rows


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each step of the set-up was taken."""
    found: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            found[f"{owner.__name__.rpartition('.')[2]}.{name}"] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    for kind in (Metric, Problem, RunSettings, Worker):
        count(kind, "__init__")
    count(options, "_read_strategy")
    count(options, "translate")
    count(options, "select")
    count(data, "same_rows")
    count(data, "read_examples")
    count(prepare, "read_text_places")
    count(prepare, "identify")
    return found


def test_a_compile_takes_every_step_of_its_set_up_once(counts: Counter[str]) -> None:
    with dspy.context(lm=scripted_lm(knows_words)):
        optimizer = GEPA(is_right, reflection_lm=scripted_lm(learns_words), max_metric_calls=20)
        optimizer.compile(TwoHops(), trainset=word_rows(6), valset=word_rows(5, start=50))
    assert counts.pop("data.read_examples") == 2  # the two sets
    assert counts == dict.fromkeys(
        (
            *("Metric.__init__", "Problem.__init__", "RunSettings.__init__", "Worker.__init__"),
            *("options._read_strategy", "options.translate", "options.select"),
            *("data.same_rows", "prepare.read_text_places", "prepare.identify"),
        ),
        1,
    )


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_a_budget_of_as_many_rollouts_as_there_are_tasks_is_enough_to_begin(strategy: str) -> None:
    rows = word_rows(5, components="b")
    with dspy.context(lm=scripted_lm(knows_words)):
        reflection = scripted_lm(learns_words, "scripted/reflection")
        optimizer = GEPA(is_right, reflection_lm=reflection, max_metric_calls=5, strategy=strategy)
        assert optimizer.plan(OneHop(), trainset=rows).rollouts == 5
