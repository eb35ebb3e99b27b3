"""For authors of parts: checks that a part of your own does what a search asks of it, and helpers for tests.

    from dspy_gepa.testing import check_parent_choice

    def test_my_choice_keeps_its_contract():
        check_parent_choice(my_choice)

A check is a plain function, for any test framework or none. It calls the part as a run does, with ordinary
and with awkward values, and raises a `ContractError`, which is an AssertionError and says which rule was
broken, what was found and what to do about it. Nothing leaves the process, and a check takes a second or so.

- What decides: `check_parent_choice`, `check_component_choice`, `check_row_choice`, `check_acceptance`
- What writes: `check_instruction_proposer`, `check_code_proposer`
- What judges: `check_metric`
- What listens, and what ends a run: `check_callback`, `check_stop_rule`
- What executes: `check_executor`
- For tests of your own: `ScriptedLM`, `EventRecorder`, `practice_run`, `example_pools`, `example_occasions`

docs/extending.md shows a part of each kind with its check.
"""

from dspy_gepa.errors import ContractError
from dspy_gepa.testing.choices import (
    check_acceptance,
    check_component_choice,
    check_parent_choice,
    check_row_choice,
)
from dspy_gepa.testing.executors import check_executor
from dspy_gepa.testing.listeners import check_callback, check_stop_rule
from dspy_gepa.testing.metrics import check_metric
from dspy_gepa.testing.occasions import example_occasions
from dspy_gepa.testing.pools import example_pools
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.testing.proposers import check_code_proposer, check_instruction_proposer
from dspy_gepa.testing.recorder import EventRecorder
from dspy_gepa.testing.scripted import Prompt, ScriptedLM

__all__ = [
    "ContractError",
    "EventRecorder",
    "Prompt",
    "ScriptedLM",
    "check_acceptance",
    "check_callback",
    "check_code_proposer",
    "check_component_choice",
    "check_executor",
    "check_instruction_proposer",
    "check_metric",
    "check_parent_choice",
    "check_row_choice",
    "check_stop_rule",
    "example_occasions",
    "example_pools",
    "practice_run",
]
