"""The chart and the tree, as coordinates."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from dspy_gepa.record.model import RunRecord
from dspy_gepa.report.chart import draw, ticks
from dspy_gepa.report.tree import ACROSS, DOWN, HIGH, WIDE, arrange
from tests.report.support_records import member, point
from tests.support_reports import made_up_run


def run(*members: object, **fields: object) -> RunRecord:
    return RunRecord(state="finished", members=members, **fields)  # type: ignore[arg-type]


COURSE = run(
    member(0, {"a": "x"}, score=0.2, scores={"val/0": 0.0, "val/1": 1.0}),
    member(1, {"a": "y"}, [0], score=0.6, found_at=50),
    member(2, {"a": "z"}, [0], score=None, found_at=90),
    curve=(point(10, 0.2), point(50, 0.6, best=1), point(100, 0.6, best=1)),
)


def test_there_is_no_chart_before_the_first_commit() -> None:
    assert draw(run(member(0, {"a": "x"}, score=None))) is None


def test_the_line_keeps_a_score_until_another_one_is_known() -> None:
    chart = draw(COURSE)
    assert chart is not None
    points = [tuple(map(float, pair.split())) for pair in chart.line.lstrip("M").split(" L")]
    assert [x for x, _ in points] == [10, 50, 50, 100, 100]
    assert points[0][1] == points[1][1] > points[2][1] == points[3][1]


def test_members_stand_where_they_were_found_and_those_without_a_score_nowhere() -> None:
    chart = draw(COURSE)
    assert chart is not None
    assert [(dot.member, dot.x, dot.leading) for dot in chart.dots] == [(0, 0, True), (1, 50, True)]
    assert chart.original == chart.dots[0].y


def test_a_scale_of_scores_between_0_and_1_is_not_left() -> None:
    wide = draw(run(member(0, {"a": "x"}, score=0.02, scores={"val/0": 0.0}), curve=(point(5, 0.02),)))
    assert wide is not None
    assert wide.y_range[0] == 0.0
    other = draw(run(member(0, {"a": "x"}, score=-4.0, scores={"val/0": -4.0}), curve=(point(5, -4.0),)))
    assert other is not None
    assert other.y_range[0] < -4.1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 600, [0, 100, 200, 300, 400, 500, 600]),
        (0.13, 0.92, [0.2, 0.4, 0.6, 0.8]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 6) == pytest.approx(expected)


def test_children_stand_right_of_their_parents_and_nodes_never_lie_on_each_other() -> None:
    record = made_up_run(members=120, rows=3, seed=3)
    tree = arrange(record)
    for node in tree.nodes:
        for parent in record.members[node.member].parents:
            assert node.x >= tree.nodes[parent].x + ACROSS
        assert 0 <= node.x <= tree.width - WIDE
        assert 0 <= node.y <= tree.height - HIGH
    columns: dict[int, list[int]] = {}
    for node in tree.nodes:
        columns.setdefault(node.x, []).append(node.y)
    for heights in columns.values():
        ordered = sorted(heights)
        assert all(b - a >= DOWN - 1 for a, b in pairwise(ordered))


def test_the_line_to_the_best_is_marked_through_a_merge() -> None:
    record = run(
        member(0, {"a": "x"}),
        member(1, {"a": "x"}, [0]),
        member(2, {"a": "x"}, [0]),
        member(3, {"a": "x"}, [1, 2]),
        member(4, {"a": "x"}, [0], score=None),
        best=3,
    )
    tree = arrange(record)
    assert [node.leads for node in tree.nodes] == [True, True, True, True, False]
    assert [(edge.merge, edge.leads) for edge in tree.edges][2:] == [
        (False, True),
        (True, True),
        (False, False),
    ]
    assert tree.nodes[4].level is None
    assert all(re.fullmatch(r"M\d+ \d+ C[\d ]+", edge.path) for edge in tree.edges)


def test_the_lineage_of_the_best_is_the_top_row() -> None:
    tree = arrange(made_up_run(members=60, rows=3, seed=5))
    leading = [node for node in tree.nodes if node.leads]
    assert len(leading) > 2
    merged = {edge.merge for edge in tree.edges if edge.leads}
    assert merged != {False} or len({node.y for node in leading}) == 1


def test_the_finals_are_marked_from_their_first_rollout() -> None:
    assert draw(COURSE).finals is None  # type: ignore[union-attr]
    *before, last = COURSE.curve
    chart = draw(replace(COURSE, curve=(*before, replace(last, kind="finals"))))
    assert chart is not None
    assert chart.finals == 50
    assert chart.end is not None


def test_a_long_line_of_descent_is_drawn() -> None:
    record = run(member(0, {"a": "x"}), *(member(i, {"a": "x"}, [i - 1]) for i in range(1, 3000)), best=2999)
    assert arrange(record).width > 2999 * ACROSS


def test_scores_that_are_all_one_large_number_have_a_chart() -> None:
    record = RunRecord(state="running", members=(member(0, {"a": "x"}, score=1e17),), curve=(point(5, 1e17),))
    chart = draw(record)
    assert chart is not None
    assert chart.y_range[0] < 1e17 < chart.y_range[1]
