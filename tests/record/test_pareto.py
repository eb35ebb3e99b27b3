"""Objectives and groups in a run's record, and which members are trade-offs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import GEPAResult, RunInterrupted
from dspy_gepa.events import StepCommitted
from dspy_gepa.record.pareto import pareto_front
from dspy_gepa.record.read import read_run
from dspy_gepa.testing.practice import is_right, practice_run


def with_objectives(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> dict[str, Any]:
    right = is_right(gold, pred)
    return {"score": right, "objective_scores": {"right": right, "wrong": 1 - right}}


def component_of(example: dspy.Example) -> str:
    return str(example.question.split()[1])


def run_of(**options: Any) -> GEPAResult:
    given = {"objectives": ["length"], "groups": component_of, "max_metric_calls": 120} | options
    return practice_run(metric=with_objectives, **given)


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
def test_a_record_has_the_levels_of_the_result(strategy: str, tmp_path: Path) -> None:
    result = run_of(strategy=strategy, log_dir=str(tmp_path))
    assert result.val_aggregate_subscores is not None
    assert result.group_scores is not None
    assert result.group_intervals is not None
    for record in (result.record, read_run(tmp_path)):
        assert set(record.objectives) == {"right", "wrong", "length"}
        assert set(record.groups) == set(record.group_intervals) == {"a", "b"}
        pairs: list[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = [
            (record.objectives, result.val_aggregate_subscores),
            (record.groups, result.group_scores),
            (record.group_intervals, result.group_intervals),
        ]
        for told, known in pairs:
            for member, levels in enumerate(known):
                for name, level in levels.items():
                    if isinstance(level, float) and math.isnan(level):
                        assert told[name][member] is None
                    else:
                        assert told[name][member] == level
        assert record.trade_offs == result.trade_offs


def test_without_objectives_and_groups_a_record_has_no_levels() -> None:
    record = practice_run().record
    assert (record.objectives, record.groups, record.group_intervals) == ({}, {}, {})


def test_of_a_run_that_was_interrupted_levels_are_shown_up_to_there(tmp_path: Path) -> None:
    limit = 60

    def stop(event: Any) -> None:
        if isinstance(event, StepCommitted) and event.spent.rollouts > limit:
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        run_of(log_dir=str(tmp_path), callbacks=[stop])
    record = read_run(tmp_path)
    assert record.state == "interrupted"
    assert len(record.objectives["length"]) == len(record.members) > 1
    assert len(record.groups["a"]) == len(record.members)
    # A session that is interrupted earlier than the one before it has fewer members to tell of.
    limit = 0
    with pytest.raises(RunInterrupted):
        run_of(log_dir=str(tmp_path), callbacks=[stop])
    again = read_run(tmp_path)
    assert len(again.members) == len(record.members)
    assert again.objectives["length"][0] == record.objectives["length"][0]
    assert again.objectives["length"][-1] is None
    assert again.trade_offs


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, math.nan])] * 3), max_size=12))
def test_the_front_is_what_no_point_beats(points: list[tuple[float, float, float]]) -> None:
    def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        pairs = list(zip(one, other, strict=True))
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    expected = [i for i, point in enumerate(points) if not any(beats(other, point) for other in points)]
    assert pareto_front(points) == expected


def test_a_point_that_another_one_beats_is_no_trade_off() -> None:
    assert pareto_front([(1, 0), (0, 1), (0.5, 0.5), (0.5, 0.4)]) == [0, 1, 2]
    assert pareto_front([(1, 1), (1, 1)]) == [0, 1]
    assert pareto_front([(1, math.nan), (0, 0)]) == [0, 1]
    assert pareto_front([]) == []
