"""Runs the cells that have no result yet; a killed comparison continues where it stopped."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import click
import dspy

from benchmarks.harness.cell import Cell
from benchmarks.harness.files import write_json
from dspy_gepa.program.redaction import describe

AnyCell = TypeVar("AnyCell", bound=Cell)
Result: TypeAlias = dict[str, Any]
LIVE = "result"  # the key of an object that is not written to the file


@dataclass(frozen=True)
class Ended(Generic[AnyCell]):
    """The end of a cell: its result, or the error, or the reason why its arm is not applicable.

    known: the result was there already.
    """

    cell: AnyCell
    file: Path
    result: Result | None = None
    error: str | None = None
    unfit: str | None = None
    known: bool = False


def run_all(
    cells: Sequence[AnyCell],
    out: Path,
    work: Callable[[AnyCell], Result],
    *,
    processes: int = 1,
    unfit: Callable[[AnyCell], str | None] = lambda cell: None,
    fatal: tuple[type[Exception], ...] = (),
) -> Iterator[Ended[AnyCell]]:
    """Run cells that have no result, and write their files; one that fails does not stop the others.

    Args:
        cells: The cells. In one process they run in this order, each after its predecessor was consumed.
        out: Directory of the results.
        work: Runs a cell and returns its result; a function that can be pickled, for several processes.
        processes: Number of cells at a time.
        unfit: Returns the reason why a cell cannot be run by design, or None.
        fatal: Errors that stop everything.

    Raises:
        OtherParametersError: A stored result does not fit; nothing was run.
    """
    stored = [cell.stored(out) for cell in cells]
    todo: list[AnyCell] = []
    if processes > 1:
        for cell, known in zip(cells, stored, strict=True):
            if known is None:
                todo.append(cell)
            else:
                yield Ended(cell, cell.file(out), known, known=True)
        yield from _in_processes(todo, out, work, processes, fatal)
        return
    for cell, known in zip(cells, stored, strict=True):
        if (reason := unfit(cell)) is not None:
            yield Ended(cell, cell.file(out), unfit=reason)
        elif known is not None:
            yield Ended(cell, cell.file(out), known, known=True)
        else:
            yield _ended(cell, out, partial(_measure, work, cell, out), fatal)


def run_and_tell(
    cells: Sequence[AnyCell],
    out: Path,
    work: Callable[[AnyCell], Result],
    processes: int,
    summary: Callable[[Result], str],
) -> list[str]:
    """Run cells, print a line for each on stderr, and return the lines of those that failed.

    Raises:
        OtherParametersError: A stored result does not fit; nothing was run.
    """
    done = sum(cell.stored(out) is not None for cell in cells)
    click.echo(f"{len(cells)} cells, {done} done already", err=True)
    new = (end for end in run_all(cells, out, work, processes=processes) if not end.known)
    failures = []
    for number, end in enumerate(new, 1):
        told = f"failed, {end.error}" if end.result is None else summary(end.result)
        line = f"{end.cell.name}: {told}"
        click.echo(f"[{number}/{len(cells) - done}] {line}", err=True)
        if end.result is None:
            failures.append(line)
    return failures


def _measure(work: Callable[[AnyCell], Result], cell: AnyCell, out: Path) -> Result:
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    result = work(cell)
    write_json({key: value for key, value in result.items() if key != LIVE}, cell.file(out))
    return result


def _ended(
    cell: AnyCell, out: Path, measure: Callable[[], Result], fatal: tuple[type[Exception], ...]
) -> Ended[AnyCell]:
    # An interrupted run of ours raises a KeyboardInterrupt that is an Exception, too.
    stops: tuple[type[BaseException], ...] = (KeyboardInterrupt, *fatal)
    try:
        return Ended(cell, cell.file(out), measure())
    except stops:
        raise
    except Exception as error:  # whatever an optimizer or a dying worker raises is that cell's result
        return Ended(cell, cell.file(out), error=describe(error))


def _in_processes(
    todo: Sequence[AnyCell],
    out: Path,
    work: Callable[[AnyCell], Result],
    processes: int,
    fatal: tuple[type[Exception], ...],
) -> Iterator[Ended[AnyCell]]:
    # Workers that share two cores must not start threads of their own for linear algebra. They are
    # spawned, because this is read when numpy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_hush) as pool:
        running = {pool.submit(_measure, work, cell, out): cell for cell in todo}
        try:
            for future in as_completed(list(running)):
                yield _ended(running.pop(future), out, future.result, fatal)
        finally:
            pool.shutdown(cancel_futures=True)


def _hush() -> None:
    logging.getLogger("dspy").setLevel(logging.ERROR)
