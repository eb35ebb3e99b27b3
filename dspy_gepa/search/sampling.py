"""Random streams and row orders. Pure functions of the pool and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.search.belief.rows import interleaved
from dspy_gepa.search.pool import Counts, Pool
from dspy_gepa.search.table import Indices
from dspy_gepa.types import Row


def stream(seed: int, step: int, purpose: str) -> Random:
    """Return a separate random stream for one purpose of one step.

    Steps draw nothing from each other, so that a step cannot depend on which steps were planned, finished
    or resumed before it. Seeding with text does not depend on Python's hash seed.
    """
    return Random(f"{seed}/{step}/{purpose}")


def shared_order(pool: Pool, seed: int) -> list[Row]:
    """Return all rows in the order in which members are run on them: train rows, then validation rows.

    Both are shuffled. One order for all members gives them many rows in common, and spreads groups evenly.
    """
    return training_order(pool, seed) + ([] if pool.in_sample else validation_order(pool, seed))


def training_order(pool: Pool, seed: int) -> list[Row]:
    """Return the train rows in the order in which members are run on them."""
    return spread(pool, Random(f"{seed}/train order").sample(pool.train_rows, len(pool.train_rows)))


def validation_order(pool: Pool, seed: int) -> list[Row]:
    """Return the validation rows in the order in which members are run on them."""
    return spread(pool, Random(f"{seed}/validation order").sample(pool.val_rows, len(pool.val_rows)))


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Rows in an order, which is the same for all of a run.

    Attributes:
        rows: The rows.
        columns: Their columns in the pool.
        validation: For each, True if it is a validation row.
    """

    rows: tuple[Row, ...]
    columns: Indices
    validation: NDArray[np.bool_]

    @classmethod
    def of(cls, pool: Pool, rows: Sequence[Row]) -> RowOrder:
        """Return the order of these rows."""
        validation = [row.split == "val" for row in rows]
        return cls(tuple(rows), np.array(pool.columns(rows), dtype=np.intp), np.array(validation, dtype=bool))

    def where(self, chosen: NDArray[np.bool_]) -> RowOrder:
        """Return the order of the rows whose columns are chosen. Shape (columns,)."""
        kept = np.flatnonzero(chosen[self.columns])
        return RowOrder(tuple(self.rows[i] for i in kept), self.columns[kept], self.validation[kept])

    def least(self, exposure: Counts, size: int) -> tuple[Row, ...]:
        """Return up to `size` rows, train rows first, of these the least exposed. Shape (columns,)."""
        best = np.lexsort((exposure[self.columns], self.validation))[:size]
        return tuple(self.rows[i] for i in best.tolist())


def spread(pool: Pool, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with each group spread evenly over them."""
    return interleaved(rows, lambda row: pool.row_weights.group(pool.column(row)))
