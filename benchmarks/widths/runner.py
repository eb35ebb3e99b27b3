"""What a worker does with a cell; the running is that of the peers."""

from __future__ import annotations

from pathlib import Path

import dspy

from benchmarks.peers.cells import save
from benchmarks.widths.cells import WidthCell, run_cell


def work(cell: WidthCell, out: Path) -> str:
    """Run a cell, write its file, and say what came of it."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    result = run_cell(cell)
    save(result, cell.file(out))
    return f"{result['test']:.3f}, {result['processor_seconds']:.1f} processor s"
