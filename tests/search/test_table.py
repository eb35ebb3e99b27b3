"""Tables of scores: the matrix with holes, without the holes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.belief.scales import Array
from dspy_gepa.search.table import Table
from tests.search.support_lineages import NAN, runs


@given(runs())
def test_a_table_is_its_matrix(run: tuple[Array, list[tuple[int, ...]]]) -> None:
    scores, _ = run
    table = Table.of(scores)
    np.testing.assert_array_equal(table.dense(), scores)
    assert table.shape == scores.shape
    for member, line in enumerate(scores):
        np.testing.assert_array_equal(table.line(member), line)
    for column in range(scores.shape[1]):
        np.testing.assert_array_equal(table.column(column), scores[:, column])
    known = ~np.isnan(scores)
    assert table.known == known.sum()
    assert table.counts.tolist() == known.sum(axis=0).tolist()
    assert table.highest == max(scores[known], default=-np.inf)


@given(runs(), st.data())
def test_a_change_is_that_of_the_matrix_and_leaves_the_table_as_it_was(
    run: tuple[Array, list[tuple[int, ...]]], data: st.DataObject
) -> None:
    scores, _ = run
    before = Table.of(scores)
    member = data.draw(st.integers(0, len(scores) - 1))
    columns = data.draw(st.lists(st.integers(0, scores.shape[1] - 1), unique=True))
    new = data.draw(st.lists(st.sampled_from([NAN, 0.5]), min_size=len(columns), max_size=len(columns)))
    changed = scores.copy()
    changed[member, columns] = new
    if data.draw(st.booleans()):
        assert before.entries  # listed before the change, or only after it
    after = before.with_scores(member, columns, new)
    assert (after.known, after.highest) == (Table.of(changed).known, Table.of(changed).highest)
    for told, expected in zip(after.entries, Table.of(changed).entries, strict=True):
        np.testing.assert_array_equal(told, expected)
    np.testing.assert_array_equal(after.dense(), changed)
    np.testing.assert_array_equal(after.with_line(scores[0]).dense(), np.vstack([changed, scores[:1]]))
    np.testing.assert_array_equal(before.dense(), scores)
    others = [i for i in range(len(scores)) if i != member]
    assert all(after.lines[i] is before.lines[i] for i in others)
