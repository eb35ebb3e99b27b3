"""What members compete on: rows, objectives, both, or each objective on each row."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.search import Adaptive, Paper
from dspy_gepa.search.belief.frontier import FrontierType, drawn_winner, observed_tracks
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.choices.parents import pareto, robust_frontier
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.table import Table
from tests.support import Entry, pool_of

# The seed is good and slow, the first child bad and fast, the second in between; on two rows.
QUALITY = [[0.9, 0.8], [0.1, 0.2], [0.5, 0.5]]
SPEED = [[0.1, 0.1], [0.9, 1.0], [0.5, 0.5]]


def rated(*, objectives: bool = True) -> Pool:
    pool = pool_of(*(Entry({"a": str(i)}, tuple(line), (0,) if i else ()) for i, line in enumerate(QUALITY)))
    if not objectives:
        return pool
    width = pool.scores.shape[1]

    def wide(lines: list[list[float]]) -> Table:
        return Table.of(np.array([[*line, *[np.nan] * (width - 2)] for line in lines]))

    return replace(pool, objective_tables={"quality": wide(QUALITY), "speed": wide(SPEED)})


def test_the_tracks_of_each_kind() -> None:
    pool = rated()
    assert observed_tracks(pool, "instance").tolist() == QUALITY
    means = [[np.mean(q), np.mean(s)] for q, s in zip(QUALITY, SPEED, strict=True)]
    np.testing.assert_allclose(observed_tracks(pool, "objective"), means)
    np.testing.assert_allclose(observed_tracks(pool, "hybrid"), np.hstack([QUALITY, means]))
    np.testing.assert_allclose(observed_tracks(pool, "cartesian"), np.hstack([QUALITY, SPEED]))


def test_a_member_that_is_best_by_an_objective_only_is_on_that_frontier_only() -> None:
    pool = rated()
    chosen = {
        kind: {pareto(pool, Random(seed), kind) for seed in range(40)}
        for kind in ("instance", "objective", "hybrid", "cartesian")
    }
    assert chosen == {"instance": {0}, "objective": {0, 1}, "hybrid": {0, 1}, "cartesian": {0, 1}}


@pytest.mark.parametrize("kind", ["objective", "hybrid", "cartesian"])
def test_who_is_best_by_an_objective_is_drawn_more_often_where_objectives_count(kind: FrontierType) -> None:
    def drawn(kind: FrontierType) -> int:
        return sum(drawn_winner(rated(), kind, Random(seed)) == 1 for seed in range(100))

    assert drawn(kind) > drawn("instance") + 10


def test_a_row_is_drawn_by_its_weight() -> None:
    # The child is good on the second row alone.
    pool = pool_of(Entry({"a": "0"}, (1.0, 0.0) * 10), Entry({"a": "1"}, (0.0, 1.0) * 10, (0,)))
    shares = []
    for second in (0.1, 1.9):
        weights = np.ones(pool.scores.shape[1])
        weights[:20] = [2 - second, second] * 10
        weighted = replace(pool, row_weights=RowWeights(weights))
        shares.append(np.mean([drawn_winner(weighted, "instance", Random(seed)) for seed in range(150)]))
    assert shares[1] > shares[0] + 0.2


def test_without_any_score_a_parent_is_drawn_all_the_same() -> None:
    assert drawn_winner(pool_of(Entry({"a": "0"}, ())), "instance", Random(0)) == 0


def test_a_parent_is_drawn_by_the_robust_frontier_of_every_kind() -> None:
    fast = [robust_frontier(rated(), Random(seed), "objective") == 1 for seed in range(60)]
    slow = [robust_frontier(rated(), Random(seed), "instance") == 1 for seed in range(60)]
    assert sum(fast) > sum(slow) + 10


def test_an_objective_that_is_missing_on_some_rows_is_averaged_over_the_others() -> None:
    pool = rated()
    speed = pool.objective_tables["speed"].with_scores(1, [0], [np.nan])
    partial = replace(pool, objective_tables={"speed": speed})
    assert observed_tracks(partial, "objective")[:, 0].tolist() == pytest.approx([0.1, 1.0, 0.5])


@pytest.mark.parametrize("kind", ["objective", "hybrid", "cartesian"])
def test_kinds_that_need_objectives_say_so_when_the_metric_gives_none(kind: str) -> None:
    words = f"frontier_type='{kind}' compares members by objectives"
    for strategy in (Paper(), Adaptive()):
        choose = strategy.parents(kind)["pareto"]  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=words):
            choose(rated(objectives=False), Random(0))


def test_choices_without_a_frontier_are_the_same_for_every_kind() -> None:
    for name in ("current_best", "thompson"):
        assert Adaptive().parents("hybrid")[name] is Adaptive().parents()[name]
