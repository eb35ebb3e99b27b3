"""Runs of programs that descend from each other, drawn at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from dspy_gepa.search.belief.scales import Array

NAN = float("nan")


class Run(NamedTuple):
    scores: Array
    parents: list[tuple[int, ...]]
    truth: Array


def lineage(members: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """A random tree with some merges."""
    parents: list[tuple[int, ...]] = [()]
    for i in range(1, members):
        merged = i > 2 and rng.random() < 0.1
        parents.append(tuple(int(p) for p in rng.choice(i, 2 if merged else 1, replace=False)))
    return parents


def simulate(kind: str, members: int, rows: int, least: int, rng: np.random.Generator) -> Run:
    """A run whose rows differ in difficulty and whose members inherit most of their way with each row.

    The truth is the mean over many more rows than are scored.
    """
    parents = lineage(members, rng)
    many = 1000
    skill, way = np.zeros(members), np.zeros((members, many))
    skill[0], way[0] = rng.normal(), rng.normal(size=many)
    for i, origin in enumerate(parents[1:], start=1):
        skill[i] = skill[list(origin)].mean() + rng.normal(0, 0.4)
        way[i] = 0.7 * way[origin[0]] + 0.51**0.5 * rng.normal(size=many)
    latent = skill[:, None] + rng.normal(0, 1.5, many) + way
    if kind == "binary":
        expected = 1 / (1 + np.exp(-latent))
        scores = (rng.random(expected.shape) < expected).astype(np.float64)
    else:
        expected = 0.5 + 0.12 * latent
        scores = expected + rng.normal(0, 0.1, expected.shape)
    seen = np.full((members, rows), NAN)
    for i in range(members):
        run = rng.choice(rows, rng.integers(least, rows + 1), replace=False)
        seen[i, run] = scores[i, run]
    return Run(seen, parents, expected.mean(axis=1))


@st.composite
def runs(draw: st.DrawFn) -> tuple[Array, list[tuple[int, ...]]]:
    """Up to 6 members by 5 rows with holes, members never run, several roots, and merges."""
    members, rows = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    cell = st.sampled_from([NAN, 0.0, 0.3, 1.0])
    lines = [draw(st.lists(cell, min_size=rows, max_size=rows)) for _ in range(members)]
    parents: list[tuple[int, ...]] = [()]
    parents += [tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))) for i in range(1, members)]
    return np.array(lines), parents
