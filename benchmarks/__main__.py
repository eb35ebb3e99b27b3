"""`python -m benchmarks`: try the optimizer offline, and compare it with others."""

from __future__ import annotations

import logging
import os

# The reference draws a progress bar of its own on every run; here the table is the output.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import click
import dspy

from benchmarks.commands.demo import demo
from benchmarks.commands.score import score
from benchmarks.commands.serve import serve
from benchmarks.commands.verify import verify
from benchmarks.paper.costs import costs
from benchmarks.paper.report import report
from benchmarks.paper.run import run
from benchmarks.scorers.retrieval.wikipedia import wikipedia
from benchmarks.studies.calibration import calibrate
from benchmarks.studies.durability import durability
from benchmarks.studies.faults import faults
from benchmarks.studies.forecasts import forecasts
from benchmarks.studies.options import options
from benchmarks.studies.overhead import overhead
from benchmarks.studies.peers import peers
from benchmarks.studies.prompts import prompts
from benchmarks.studies.real import real
from benchmarks.studies.resumed import resumed
from benchmarks.studies.retrieval import retrieval
from benchmarks.studies.scale import scale
from benchmarks.studies.speed import speed
from benchmarks.studies.widths import widths


@click.group()
def main() -> None:
    """Benchmarks of dspy_gepa."""
    logging.getLogger("dspy").setLevel(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


main.add_command(calibrate)
main.add_command(costs)
main.add_command(demo)
main.add_command(run)
main.add_command(report)
main.add_command(score)
main.add_command(serve)
main.add_command(speed)
main.add_command(options)
main.add_command(overhead)
main.add_command(scale)
main.add_command(forecasts)
main.add_command(durability)
main.add_command(faults)
main.add_command(peers)
main.add_command(prompts)
main.add_command(real)
main.add_command(widths)
main.add_command(verify)
main.add_command(resumed)
main.add_command(retrieval)
main.add_command(wikipedia)


if __name__ == "__main__":
    main()
