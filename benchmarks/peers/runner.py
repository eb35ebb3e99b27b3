"""Runs cells that have no result yet, in worker processes; one that fails does not stop the others."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeAlias, TypeVar

import click
import dspy

from benchmarks.peers.cells import BASELINE, Cell, Size, is_done, run_cell, save

AnyCell = TypeVar("AnyCell", bound=Cell)
Work: TypeAlias = Callable[[AnyCell, Path], str]


def cells(arms: Iterable[str], worlds: Sequence[str], seeds: int, size: Size) -> list[Cell]:
    """All of them, seeds outermost, so that an interrupted run has whole seeds."""
    names = dict.fromkeys([BASELINE, *arms])
    return [Cell(arm, world, seed, size) for seed, world, arm in product(range(seeds), worlds, names)]


def run_all(wanted: Sequence[AnyCell], out: Path, processes: int, work: Work[AnyCell]) -> list[str]:
    """Run what has no result yet; gives the failures, a line each.

    Args:
        wanted: The cells.
        out: Where results are.
        processes: How many cells are run at a time.
        work: Runs a cell, writes its file and says what came of it; a function that can be pickled.

    Raises:
        OtherParametersError: A result is there that does not fit.
    """
    todo = [cell for cell in wanted if not is_done(cell, out)]
    click.echo(f"{len(wanted)} cells, {len(wanted) - len(todo)} done already", err=True)
    failures = []
    for number, (cell, told, failed) in enumerate(_results(todo, out, processes, work), 1):
        line = f"{cell.world}, {cell.arm}, seed {cell.seed}: {told}"
        click.echo(f"[{number}/{len(todo)}] {line}", err=True)
        if failed:
            failures.append(line)
    return failures


def work(cell: Cell, out: Path) -> str:
    """Run a cell, write its file, and say what came of it."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    result = run_cell(cell)
    save(result, cell.file(out))
    points = result.get("points")
    scores = [p["test"] for p in points] if points else [result["seed_test"], result["best_test"]]
    return f"{' '.join(f'{score:.3f}' for score in scores)}, {result['processor_seconds']:.1f} processor s"


def _results(
    todo: Sequence[AnyCell], out: Path, processes: int, work: Work[AnyCell]
) -> Iterator[tuple[AnyCell, str, bool]]:
    if processes < 2:
        for cell in todo:
            yield cell, *_outcome(partial(work, cell, out))
        return
    # Workers that share two cores must not start threads of their own for linear algebra. They are
    # spawned, because this is read when numpy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_hush) as pool:
        running = {pool.submit(work, cell, out): cell for cell in todo}
        try:
            for future in as_completed(list(running)):
                yield running.pop(future), *_outcome(future.result)
        finally:
            pool.shutdown(cancel_futures=True)


def _outcome(result: Callable[[], str]) -> tuple[str, bool]:
    try:
        return result(), False
    except Exception as error:  # whatever an optimizer or a dying worker raises is that cell's result
        return f"failed, {type(error).__name__}: {error}", True


def _hush() -> None:
    logging.getLogger("dspy").setLevel(logging.ERROR)
