"""What the demo shows of a run."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from benchmarks.harness import present
from dspy_gepa.testing import ScriptedLM, practice_run
from dspy_gepa.testing.practice import forgets_words


def test_only_the_steps_that_led_to_the_returned_candidate_are_shown() -> None:
    result = practice_run(reflection_lm=ScriptedLM(forgets_words))
    line = result.lineage()
    assert 1 < len(line) < len(result.texts)
    out = Console(record=True, width=100, file=StringIO())
    for panel in present.steps_to_the_best(result):
        out.print(panel)
    shown = out.export_text()
    assert [n for n in range(1, len(result.texts)) if f"#{n}, mutation" in shown] == line[1:]
