"""What the page tells of objectives and groups."""

from __future__ import annotations

import dataclasses

from dspy_gepa.record.model import RunRecord
from dspy_gepa.report.levels import MOST_TRADE_OFFS, groups, objectives
from tests.report.support_records import member
from tests.support_reports import made_up_run

RUN = RunRecord(
    state="finished",
    members=tuple(member(i, {"a": str(i)}, score=score) for i, score in enumerate((0.2, 0.9, 0.5, 0.1))),
    best=1,
    objectives={"brief": (3.0, 1.0, 2.0, 2.5), "kind": (0.0, 0.0, 0.0, None)},
    groups={"x": (0.1, 0.8, 0.4, None)},
    group_intervals={"x": ((0.0, 0.2), (0.7, 0.9), (0.3, 0.5), None)},
)


def test_the_seed_and_the_best_come_first_and_then_what_no_member_beats() -> None:
    found = objectives(RUN)
    assert found is not None
    assert [(line.member, line.role) for line in found.lines] == [
        (0, "your program"),
        (1, "returned"),
        (2, "a trade-off"),
        (3, "a trade-off"),  # it is not known in all, so that nothing is known to beat it
    ]
    assert found.lines[1].levels == (1.0, 0.0)
    assert found.lines[3].levels == (2.5, None)
    assert found.more == 0


def test_a_run_that_did_not_finish_has_returned_nothing() -> None:
    found = objectives(dataclasses.replace(RUN, state="interrupted"))
    assert found is not None
    assert found.lines[1].role == "the best so far"


def test_where_the_seed_is_the_best_it_is_shown_once() -> None:
    record = dataclasses.replace(RUN, best=0)
    found = objectives(record)
    assert found is not None
    assert [line.member for line in found.lines] == [0, 1, 2, 3]
    assert groups(record)[0].members == (0,)


def test_of_many_trade_offs_those_with_the_highest_scores_are_shown() -> None:
    run = made_up_run(members=60, rows=4)
    ranks = sorted(m.index for m in run.members)
    record = dataclasses.replace(run, objectives={"worse": [-(run.members[i].score or 0.0) for i in ranks]})
    found = objectives(record)
    assert found is not None
    others = [line for line in found.lines if line.role == "a trade-off"]
    assert len(others) == MOST_TRADE_OFFS
    assert found.more == len(set(record.trade_offs) - {0, record.best}) - MOST_TRADE_OFFS > 0
    scores = [line.score or 0.0 for line in others]
    assert scores == sorted(scores, reverse=True)


def test_groups_set_the_best_beside_the_seed() -> None:
    (found,) = groups(RUN)
    assert (found.name, found.members, found.scores) == ("x", (0, 1), (0.1, 0.8))
    assert found.intervals == ((0.0, 0.2), (0.7, 0.9))
    assert groups(dataclasses.replace(RUN, groups={})) == []
