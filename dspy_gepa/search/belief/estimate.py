"""The posterior of every member's expected score, from few and noisy scores.

The model of the score of member i on row r is

    y_ir = m_i + d_r + e_ir,    d_r ~ N(0, row^2),    e_ir ~ N(0, noise^2)                           (1)

where m_i is the quantity of interest: the expected score of the member over rows like these. A child is its
parents' average plus the effect of its rewriting. The first rewriting of a program does far more than later
ones, about the same for all children of roots; the prior of a member without parents is vague:

    m_child ~ N(mean of m_parents + drift_mean, drift^2),    m_root ~ N(centre, (VAGUE spread)^2)
    m_first ~ N(mean of m_roots + first, drift^2),           first ~ N(0, spread^2)                  (2)
    m_trim  ~ N(m_parent, (TRIMMED drift)^2)

Given the four scales the posterior of all m_i is normal and exact (`estimate`). The scales come from the run
itself (`fit_scales`), with weak priors in units of the spread of the scores, so that any metric is treated
alike. A trimmed member is its parent without some sentences and all but equals it. The model ignores that
binary scores near 0 and 1 vary less, that some rewritings break everything, and that a member looks too good
on rows that were seen before it was written or decided about.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dspy_gepa.search.belief.belief import Belief, DenseBelief
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range
from dspy_gepa.search.belief.equations import Equations
from dspy_gepa.search.belief.iterative import IterativeBelief
from dspy_gepa.search.belief.scales import Array, Parents, Scales, fit_scales
from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.table import Table

# Number of members up to which the covariance is computed. Its cost grows with their cube, that of iterations
# with the number of scores; and the threads of a linear algebra library cost more than they save.
MOST_DENSE = 64


def estimate(
    scores: Scores | Table,
    parents: Parents,
    *,
    trimmed: Collection[int] = (),
    scales: Scales | None = None,
    weights: Array | None = None,
    bounds: Range = UNBOUNDED,
) -> Belief:
    """Return the posterior of the members' expected scores: the solution of equation (3) in `equations`.

    Where rows have weights, m_i is the weighted mean, and a row counts like v_r of them (`shares_of`): d_r
    and e_ir have their variance divided by v_r, which leaves w_r as it is and multiplies what r adds to (3).

    Args:
        scores: Shape (members, rows), NaN where a member was not run; or the same as a table.
        parents: Indices of each member's parents; none for a root, two for a merge.
        trimmed: Members that are their parent without some sentences.
        scales: Scales of the model; by default fitted to the scores.
        weights: Weight of each row, positive. Shape (rows,); None if all are equal.
        bounds: Range of the metric, to which reported scores are held.
    """
    table = scores if isinstance(scores, Table) else Table.of(scores)
    scales = scales or fit_scales(table.dense(), parents, weights, trimmed)
    equations = Equations(table, parents, trimmed, scales, weights)
    if len(parents) <= MOST_DENSE:
        return dense(equations, bounds)
    return IterativeBelief(equations, bounds)


def dense(equations: Equations, bounds: Range = UNBOUNDED) -> DenseBelief:
    """Return the belief with its covariance."""
    covariance = np.linalg.inv(equations.dense())
    mean, covariance = (equations.centre + covariance @ equations.pull)[:-1], covariance[:-1, :-1]
    return DenseBelief(mean, (covariance + covariance.T) / 2, equations.scales, bounds)
