"""Instructions that another model's run found, taken over as they are: the paper's GEPA-Qwen-Opt."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness.files import read_json
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Found, RefusedError, Setting

SOURCE = "gepa-paper"  # whose instructions are taken over


def transfer(setting: Setting, metric: CountingMetric) -> Found:
    """Return the original program with the other run's instructions; run nothing.

    Raises:
        RefusedError: There is no result of the other run.
    """
    found = read_json(check(setting.prompts))
    program = setting.task.program_with(found["instructions_after"])
    return Found(program, {"settings": {"instructions of": found["cell"]["models"]["task"]}})


def check(result: Path | None) -> Path:
    """Return the file of the other run's result. Raises RefusedError if it is not given, or missing."""
    if result is None:
        raise RefusedError(
            "transfer takes over what another model's run found: give the folder of that model's results as "
            f"--prompts, such as results/openai-Qwen-Qwen3-8B with results of {SOURCE}."
        )
    if not result.is_file():
        raise RefusedError(
            f"{result} is not there, from which transfer would take its instructions. Run {SOURCE} with the "
            "other model on the same task, with the same budget and seed."
        )
    return result
