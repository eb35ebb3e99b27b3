"""Runs cells that have no result yet, in worker processes; one that fails does not stop the others."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import click
import dspy

from benchmarks.peers.cells import is_done, save
from benchmarks.widths.cells import WidthCell, run_cell

Result = Callable[[], str]


def run_all(wanted: Sequence[WidthCell], out: Path, processes: int) -> list[str]:
    """Run what has no result yet; gives the failures, a line each.

    Raises:
        OtherParametersError: A result is there that does not fit.
    """
    todo = [cell for cell in wanted if not is_done(cell, out)]
    click.echo(f"{len(wanted)} cells, {len(wanted) - len(todo)} done already", err=True)
    failures = []
    for number, (cell, result) in enumerate(_results(todo, out, processes), 1):
        line = f"{cell.world}, {cell.arm}, seed {cell.seed}: "
        try:
            line += result()
        except Exception as error:  # whatever a run or a dying worker raises is that cell's result
            line += f"failed, {type(error).__name__}: {error}"
            failures.append(line)
        click.echo(f"[{number}/{len(todo)}] {line}", err=True)
    return failures


def work(cell: WidthCell, out: Path) -> str:
    """Run a cell, write its file, and say what came of it."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    result = run_cell(cell)
    save(result, cell.file(out))
    return f"{result['test']:.3f}, {result['processor_seconds']:.1f} processor s"


def _results(todo: Sequence[WidthCell], out: Path, processes: int) -> Iterator[tuple[WidthCell, Result]]:
    """Cells as they end, each with what tells how it ended."""
    if processes < 2:
        yield from ((cell, partial(work, cell, out)) for cell in todo)
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported, so workers are spawned
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_hush) as pool:
        running = {pool.submit(work, cell, out): cell for cell in todo}
        try:
            for future in as_completed(list(running)):
                yield running.pop(future), future.result
        finally:
            pool.shutdown(cancel_futures=True)


def _hush() -> None:
    logging.getLogger("dspy").setLevel(logging.ERROR)
