"""The posterior of what members are worth: exact, calibrated, and the same in any unit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.search.belief.belief import Belief, DenseBelief
from dspy_gepa.search.belief.bounded import WIDER, Bounded
from dspy_gepa.search.belief.equations import TRIMMED, VAGUE
from dspy_gepa.search.belief.estimate import estimate
from dspy_gepa.search.belief.frontier import PERSISTENT, row_winner
from dspy_gepa.search.belief.scales import Array, Parents, Scales, spread_of
from tests.search.support_lineages import NAN, runs, simulate

SCALES = Scales(noise=0.4, row=0.25, drift=0.1, drift_mean=0.02)


def dense_posterior(
    scores: Array, parents: Parents, scales: Scales, share: Array | None = None, trimmed: Collection[int] = ()
) -> tuple[Array, Array]:
    """The joint normal of members, rows, and members' ways with rows, conditioned on the observations.

    A row with a share of v is known as v rows are.

    Returns:
        Mean and covariance of the members, then of the rows, then of the ways, member by member.
    """
    members, rows = scores.shape
    centre, spread = spread_of(scores)
    # Every member is a linear function of independent normals: one for each, and what all first ones share.
    mean, shares = np.zeros(members), np.zeros((members, members + 1))
    for i, origin in enumerate(parents):
        shares[i, i] = scales.drift if origin else VAGUE * spread
        if not origin:
            mean[i] = centre
            continue
        mean[i] = mean[list(origin)].mean()
        shares[i] += shares[list(origin)].mean(axis=0)
        if i in trimmed:
            shares[i, i] *= TRIMMED
        elif any(parents[up] for up in origin):
            mean[i] += scales.drift_mean
        else:
            shares[i, members] = spread
    prior = shares @ shares.T
    size = members + rows + members * rows
    mean = np.concatenate([mean, np.zeros(size - members)])
    each_row = 1 / (np.ones(rows) if share is None else share)
    joint = np.diag(
        np.concatenate(
            [
                np.zeros(members),
                scales.row**2 * each_row,
                PERSISTENT * scales.noise**2 * np.tile(each_row, members),
            ]
        )
    )
    joint[:members, :members] = prior
    who, where = np.nonzero(~np.isnan(scores))
    each = np.arange(len(who))
    design = np.zeros((len(who), size))
    design[each, who] = design[each, members + where] = design[each, members + rows + who * rows + where] = 1
    observed = design @ joint @ design.T + (1 - PERSISTENT) * scales.noise**2 * np.diag(each_row[where])
    gain = np.linalg.solve(observed, design @ joint).T
    return mean + gain @ (scores[who, where] - design @ mean), joint - gain @ design @ joint


@settings(deadline=None)
@given(
    runs(),
    st.sampled_from([SCALES, Scales(0.1, 0.0, 0.3, -0.1), Scales(0.5, 1.0, 0.05, 0.0)]),
    st.integers(1, 5),
)
def test_the_posterior_is_that_of_the_joint_normal_of_members_and_rows(
    run: tuple[Array, list[tuple[int, ...]]], scales: Scales, every: int
) -> None:
    scores, parents = run
    trimmed = [i for i, up in enumerate(parents) if len(up) == 1][::every]
    belief = estimate(scores, parents, scales=scales, trimmed=trimmed)
    mean, covariance = dense_posterior(scores, parents, scales, trimmed=trimmed)
    members = len(scores)
    np.testing.assert_allclose(belief.mean, mean[:members], rtol=0, atol=1e-7)
    np.testing.assert_allclose(belief.covariance, covariance[:members, :members], rtol=1e-7, atol=1e-7)


def wins_in(scores: Array, belief: Belief, draws: int = 64) -> Array:
    """How many rows each member wins, on average over draws."""
    rng, wins = Random(0), np.zeros(len(scores))
    for row in scores.T:
        for _ in range(draws):
            wins[row_winner(row, belief, rng)] += 1 / draws
    return wins


def test_rows_are_won_as_often_as_in_draws_from_the_joint_normal() -> None:
    scores = np.array([[1.0, 0.0, 0.0, NAN], [0.0, 1.0, NAN, NAN], [1.0, NAN, 1.0, NAN]])
    parents = [(), (0,), (0, 1)]
    mean, covariance = dense_posterior(scores, parents, SCALES)
    draws = DenseBelief(mean, covariance, SCALES).draw(Random(1), 10_000)
    values = draws[:, :3, None] + draws[:, 7:].reshape(-1, 3, 4)
    expected = np.bincount(values.argmax(axis=1).ravel(), minlength=3) / 10_000
    wins = wins_in(scores, estimate(scores, parents, scales=SCALES), 5_000)
    np.testing.assert_allclose(wins, expected, atol=0.05)


@settings(deadline=None)
@given(runs(), st.sampled_from([0.01, 1.0, 100.0]), st.sampled_from([-50.0, 0.0, 7.0]), st.booleans())
def test_another_unit_of_the_score_changes_nothing_else(
    run: tuple[Array, list[tuple[int, ...]]], unit: float, zero: float, negated: bool
) -> None:
    scores, parents = run
    if len(np.unique(scores[~np.isnan(scores)])) < 2:
        return  # equal scores have no unit of their own
    unit = -unit if negated else unit
    plain, other = estimate(scores, parents), estimate(unit * scores + zero, parents)
    size = abs(unit)
    np.testing.assert_allclose(other.mean, unit * plain.mean + zero, rtol=0, atol=1e-6 * max(size, 1))
    np.testing.assert_allclose(other.covariance, unit**2 * plain.covariance, rtol=1e-5, atol=1e-8 * unit**2)
    assert other.scales.noise == pytest.approx(size * plain.scales.noise)
    assert other.scales.drift_mean == pytest.approx(unit * plain.scales.drift_mean, abs=1e-7 * size)


def of_the_model(belief: Bounded) -> tuple[float, float]:
    """The interval before it is made wider for what the model leaves out."""
    return replace(belief, sd=belief.sd / WIDER).interval()


@pytest.mark.parametrize(
    ("kind", "members", "rows", "least"),
    [
        ("binary", (10, 40), 50, 6),
        ("graded", (10, 40), 50, 6),
        ("binary", (10, 40), 20, 20),
        ("graded", (10, 40), 20, 20),
        ("binary", (1, 5), 6, 6),
        ("graded", (1, 5), 6, 6),
    ],
)
def test_nine_in_ten_intervals_hold_the_truth(
    kind: str, members: tuple[int, int], rows: int, least: int
) -> None:
    held = []
    # Intervals of one run fail together, so that small runs need to be many.
    for seed in range(80 if members[0] > 1 else 500):
        rng = np.random.default_rng(seed)
        run = simulate(kind, int(rng.integers(members[0], members[1] + 1)), rows, least, rng)
        belief = estimate(run.scores, run.parents)
        bounds = [of_the_model(belief.score(i)) for i in range(len(run.truth))]
        held += [low <= truth <= high for (low, high), truth in zip(bounds, run.truth, strict=True)]
    assert 0.84 <= np.mean(held) <= 0.96


@pytest.mark.parametrize("kind", ["binary", "graded"])
def test_the_member_that_looks_best_scores_below_its_raw_mean_and_is_better(kind: str) -> None:
    promised, held, raw, worth, raw_worth = [], [], [], [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        run = simulate(kind, int(rng.integers(10, 41)), 50, 6, rng)
        belief, means = estimate(run.scores, run.parents), np.nanmean(run.scores, axis=1)
        best, lucky = int(belief.mean.argmax()), int(means.argmax())
        promised.append(belief.mean[best] - run.truth[best])
        low, high = belief.score(best).interval()
        held.append(low <= run.truth[best] <= high)
        raw.append(means[lucky] - run.truth[lucky])
        worth.append(run.truth[best])
        raw_worth.append(run.truth[lucky])
    assert np.mean(raw) > 0.04
    assert abs(np.mean(promised)) < 0.4 * np.mean(raw)
    assert np.mean(held) > 0.85  # the best of many is the one whose interval fails first
    assert np.mean(worth) > np.mean(raw_worth)


@pytest.mark.parametrize(
    ("scores", "parents"),
    [
        ([[0.0] * 6], [()]),
        ([[1.0] * 6, [1.0] * 6], [(), (0,)]),
        ([[0.0, 1.0, 1.0, 0.0, 1.0, 1.0]], [()]),
        ([[0.7]], [()]),
        ([[0.7], [0.2]], [(), (0,)]),
        ([[1.0, 0.0], [NAN, NAN]], [(), (0,)]),
        ([[NAN, NAN]], [()]),
        ([[1.0, NAN], [NAN, 0.0]], [(), (0,)]),
        ([[0.1 + 0.2] * 3, [0.3] * 3], [(), (0,)]),
        ([[-3e6, -3e6, -3e6 + 1]], [()]),
    ],
)
def test_next_to_nothing_still_gives_a_belief(scores: list[list[float]], parents: Parents) -> None:
    matrix = np.array(scores)
    belief = estimate(matrix, parents)
    assert np.isfinite(belief.mean).all()
    assert (belief.variances() > 0).all()
    assert belief.scales.noise > 0
    assert belief.scales.drift > 0
    assert 0 <= row_winner(matrix[:, 0], belief, Random(0)) < len(matrix)


def test_an_empty_pool_has_an_empty_belief() -> None:
    belief = estimate(np.empty((0, 0)), [])
    assert belief.mean.shape == (0,)
    assert belief.covariance.shape == (0, 0)


def test_all_right_is_believed_but_not_as_certain() -> None:
    belief = estimate(np.ones((1, 6)), [()])
    assert belief.mean[0] == pytest.approx(1)
    assert 0.05 < belief.sd(0) < 0.3


def test_a_child_that_was_not_run_is_worth_its_parent_and_less_certain() -> None:
    scores = np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, NAN, NAN], [NAN] * 4])
    belief = estimate(scores, [(), (0,), (1,)], scales=SCALES)
    assert belief.mean[2] == pytest.approx(belief.mean[1] + SCALES.drift_mean)
    assert belief.covariance[2, 2] == pytest.approx(belief.covariance[1, 1] + SCALES.drift**2)


def test_what_a_first_rewriting_brings_is_open_and_shown_by_those_beside_it() -> None:
    seed, good = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    parents = [(), (0,), (0,)]
    alone = estimate(np.array([seed, [NAN] * 6, [NAN] * 6]), parents, scales=SCALES)
    beside = estimate(np.array([seed, good, [NAN] * 6]), parents, scales=SCALES)
    assert alone.mean[2] == pytest.approx(alone.mean[0])
    assert alone.sd(2) > 3 * SCALES.drift
    assert beside.mean[2] - beside.mean[0] > 0.4
    assert beside.sd(2) < alone.sd(2)


def test_early_gains_do_not_make_the_seed_look_better_than_it_is() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.2, *(0.7,) * 8])
    scores = (rng.random((9, 40)) < truth[:, None]).astype(np.float64)
    belief = estimate(scores, [(), *((0,),) * 8])
    assert belief.mean[0] == pytest.approx(scores[0].mean(), abs=0.02)


def test_a_shared_row_shows_more_about_a_difference_than_two_rows_apart() -> None:
    shared = estimate(np.array([[0.0, NAN], [1.0, NAN]]), [(), (0,)], scales=SCALES)
    apart = estimate(np.array([[0.0, NAN], [NAN, 1.0]]), [(), (0,)], scales=SCALES)
    assert shared.probability_better(1, 0) > apart.probability_better(1, 0) > 0.5


def test_the_probability_to_be_better_is_that_of_joint_draws() -> None:
    run = simulate("graded", 6, 20, 6, np.random.default_rng(5))
    belief = estimate(run.scores, run.parents)
    draws = belief.draw(Random(1), 20_000)
    for other in range(1, 6):
        assert belief.probability_better(0, other) == pytest.approx(
            (draws[:, 0] > draws[:, other]).mean(), abs=0.015
        )
        assert belief.probability_better(0, other) + belief.probability_better(other, 0) == pytest.approx(1)
    assert belief.probability_better(2, 2) == 0.5


def test_the_interval_of_a_gain_is_that_of_joint_draws() -> None:
    run = simulate("graded", 6, 20, 6, np.random.default_rng(5))
    belief = estimate(run.scores, run.parents)
    draws = belief.draw(Random(1), 20_000)
    for other in range(1, 6):
        low, high = of_the_model(belief.gain(0, other))
        gains = draws[:, 0] - draws[:, other]
        assert ((low <= gains) & (gains <= high)).mean() == pytest.approx(0.9, abs=0.01)
    assert belief.gain(2, 2).interval() == (0.0, 0.0)


def test_draws_have_the_mean_and_the_covariance() -> None:
    run = simulate("binary", 5, 12, 6, np.random.default_rng(2))
    belief = estimate(run.scores, run.parents)
    draws = belief.draw(Random(7), 40_000)
    assert draws.shape == (40_000, 5)
    np.testing.assert_allclose(draws.mean(axis=0), belief.mean, atol=0.004)
    np.testing.assert_allclose(np.cov(draws.T), belief.covariance, atol=0.0008)


def test_draws_are_a_function_of_the_random_state() -> None:
    belief = estimate(np.array([[1.0, 0.0], [1.0, 1.0]]), [(), (0,)])
    rng = Random(4)
    first, second = belief.draw(rng, 3), belief.draw(rng, 3)
    again = Random(4)
    np.testing.assert_array_equal(first, belief.draw(again, 3))
    np.testing.assert_array_equal(second, belief.draw(again, 3))
    assert (first != second).any()


def test_what_is_known_exactly_can_be_drawn() -> None:
    tied = DenseBelief(
        np.array([0.1, 0.2, 0.3]), np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), SCALES
    )
    draws = tied.draw(Random(0), 5)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 0.1, atol=1e-7)
    np.testing.assert_allclose(draws[:, 2], 0.3)
    assert tied.probability_better(1, 0) == 1
    assert tied.probability_better(0, 1) == 0


def test_the_winner_of_a_row_is_a_function_of_the_random_state() -> None:
    run = simulate("binary", 12, 30, 6, np.random.default_rng(1))
    belief = estimate(run.scores, run.parents)
    winners = [row_winner(run.scores[:, 3], belief, Random(seed)) for seed in range(20)]
    assert len(set(winners)) > 3
    assert winners == [row_winner(run.scores[:, 3], belief, Random(seed)) for seed in range(20)]


def test_members_that_nothing_distinguishes_share_the_rows() -> None:
    scores = np.tile([1.0, 0.0, 1.0, 1.0, 0.0], (4, 4))
    wins = wins_in(scores, estimate(scores, [(), (), (), ()], scales=SCALES), 200)
    np.testing.assert_allclose(wins, 5, atol=0.5)


def test_a_specialist_keeps_the_rows_only_it_can_do() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((5, 40)) < 0.85).astype(np.float64)
    scores[4] = rng.random(40) < 0.15
    scores[:4, 30:], scores[4, 30:] = 0, 1
    assert scores[4].mean() < scores[:4].mean(axis=1).min()
    belief = estimate(scores, [(), (0,), (0,), (1,), (0,)])
    special = wins_in(scores[:, 30:], belief, 200)
    usual = wins_in(scores[:, :30], belief, 200)
    assert special[4] > 0.5 * 10
    assert usual[4] < 0.15 * 30


def test_one_lucky_row_does_not_win_it_for_a_bad_member() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((4, 30)) < 0.8).astype(np.float64)
    scores[3] = 0
    scores[:3, 0], scores[3, 0] = 0, 1
    wins = wins_in(scores, estimate(scores, [(), (0,), (1,), (0,)]), 200)
    others = wins_in(scores[:, 1:], estimate(scores, [(), (0,), (1,), (0,)]), 200)
    assert wins[3] - others[3] < 0.75
    assert wins[3] < 30 / 4 / 2


# Weights --------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(runs(), st.lists(st.floats(0.1, 10), min_size=5, max_size=5))
def test_with_weights_the_posterior_is_that_of_rows_known_as_several_are(
    run: tuple[Array, list[tuple[int, ...]]], weights: list[float]
) -> None:
    scores, parents = run
    weight = np.array(weights[: scores.shape[1]])
    known = weight[~np.isnan(scores).all(axis=0)]
    share = weight * (known.sum() / (known**2).sum() if len(known) else 1.0)
    belief = estimate(scores, parents, scales=SCALES, weights=weight)
    mean, covariance = dense_posterior(scores, parents, SCALES, share)
    members = len(scores)
    np.testing.assert_allclose(belief.mean, mean[:members], rtol=0, atol=1e-7)
    np.testing.assert_allclose(belief.covariance, covariance[:members, :members], rtol=1e-7, atol=1e-7)


@settings(deadline=None)
@given(runs(), st.floats(0.01, 100))
def test_equal_weights_change_nothing(run: tuple[Array, list[tuple[int, ...]]], weight: float) -> None:
    scores, parents = run
    plain = estimate(scores, parents)
    other = estimate(scores, parents, weights=np.full(scores.shape[1], weight))
    np.testing.assert_allclose(other.mean, plain.mean, atol=1e-9)
    np.testing.assert_allclose(other.covariance, plain.covariance, rtol=1e-6, atol=1e-12)


def test_one_heavy_row_is_not_believed_more_than_one_row() -> None:
    scores = np.array([[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]])
    certain = [estimate(scores, [()], weights=np.array([w, 1, 1, 1, 1, 1.0])).sd(0) for w in (1, 3, 30, 1000)]
    assert certain == sorted(certain)


def test_nine_in_ten_intervals_hold_the_weighted_truth() -> None:
    # Half of the rows are hard, and count for more than they are many.
    held, plain = [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        run = simulate("graded", int(rng.integers(5, 20)), 40, 8, rng)
        hard = np.arange(40) % 2 == 0
        weights, handicap = np.where(hard, 4.0, 1.0), np.where(hard, -0.3, 0.0)
        truth = run.truth - 0.3 * 0.8
        for found, belief in (
            (held, estimate(run.scores + handicap, run.parents, weights=weights)),
            (plain, estimate(run.scores + handicap, run.parents)),
        ):
            bounds = [of_the_model(belief.score(i)) for i in range(len(truth))]
            found += [low <= true <= high for (low, high), true in zip(bounds, truth, strict=True)]
    assert 0.84 <= np.mean(held) <= 0.97
    assert np.mean(plain) < 0.75
