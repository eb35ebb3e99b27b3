"""`python -m benchmarks.commands.demo`, which is `make demo`: see the optimizer work, offline, in seconds.

It imports little, so that it can run before the packages of the other benchmarks are installed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import dspy
from dspy.evaluate import Evaluate

from benchmarks.harness import present
from benchmarks.harness.options import AT_LEAST_ONE
from benchmarks.simulated.curriculum import FILLER
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.habits import HabitCurriculum, HabitKnobs
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.tasks import bundled
from dspy_gepa import GEPA


class TidyCurriculum(HabitCurriculum):
    """Writes lessons alone, so that what the texts have learned can be read at a glance.

    The benchmarks' reflection model also makes mistakes and adds empty phrases, as real ones do.
    """

    def rewritten(self, current: str, examples: Sequence[Evidence], text: str, seed: str) -> str:
        """Return a new version of `current` without platitudes."""
        lines = super().rewritten(current, examples, text, seed).split("\n")
        return "\n".join(line for line in lines if line not in FILLER) or current


TIDY = Reflector(
    TidyCurriculum(**vars(MULTIHOP) | {"knobs": HabitKnobs(mistaken=0.0, remarks=0.0, pads=0.0, useless=0.0)})
)
TEST_ROWS = 100
REPORT = Path("results") / "demo.html"


@click.command()
@click.option(
    "--budget", type=AT_LEAST_ONE, default=600, show_default=True, help="Rollouts the optimizer may spend."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option(
    "--report",
    "report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=REPORT,
    show_default=True,
    help="File of the report.",
)
def demo(budget: int, seed: int, threads: int, report: Path) -> None:
    """Optimize a bundled four-predictor program against simulated LMs: offline, in seconds."""
    logging.getLogger("dspy").setLevel(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    task = replace(bundled.load(seed), reflection_role=TIDY)
    test = Evaluate(
        devset=task.test[:TEST_ROWS], metric=task.metric, num_threads=threads, display_progress=False
    )
    out = present.console()
    out.print(
        "A program of four predictors answers two-hop questions about an invented world (simulated models).\n"
    )
    with dspy.context(lm=task.task_lm(seed=seed)):
        program = task.program()
        before = test(program).score
        started = time.perf_counter()
        gepa = GEPA(
            task.metric,
            reflection_lm=task.reflection_lm(seed=seed),
            max_metric_calls=budget,
            num_threads=threads,
            seed=seed,
            track_stats=True,
        )
        better = gepa.compile(program, trainset=task.train, valset=task.val[: len(task.val) // 2])
        seconds = time.perf_counter() - started
        after = test(better).score
    result = better.detailed_results
    report.parent.mkdir(parents=True, exist_ok=True)
    result.report(report, title="Demo: two-hop questions (simulated models)")
    out.print(
        f"\n{before:.0f} % -> {after:.0f} % of {TEST_ROWS} unseen questions right; "
        f"{result.total_metric_calls} rollouts; {seconds:.0f} s",
        style="bold green",
    )
    out.print(f"Returned: candidate {result.best_idx}, {result.choice_reason}.\n" if result.best_idx else "")
    out.print(present.changes(result))
    out.print(
        f"\nTo look further:\n  {report}  every candidate, score and sentence, in a browser\n"
        "  README.md  the same for a program of your own\n"
        "Simulated models: these figures say nothing about any real model."
    )


if __name__ == "__main__":
    demo()
