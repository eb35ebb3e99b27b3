"""Helpers for authors of metrics, proposers, callbacks and other parts of a run.

    from dspy_gepa.testing import check

    def test_my_choice():
        check("candidate_selection_strategy", my_choice)

`check` works with any test framework or none. It calls the part as a run does and raises a `ContractError`,
which is an AssertionError, with the broken rule, the finding and the remedy. Nothing leaves the process.

For tests of your own: `ScriptedLM`, `EventRecorder` and `practice_run`. docs/extending.md shows a part of
each kind with its check.
"""

from dspy_gepa.errors import ContractError
from dspy_gepa.testing.check import check
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.testing.recorder import EventRecorder
from dspy_gepa.testing.scripted import Prompt, ScriptedLM

__all__ = ["ContractError", "EventRecorder", "Prompt", "ScriptedLM", "check", "practice_run"]
