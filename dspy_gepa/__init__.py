"""dspy_gepa: reflective prompt evolution (GEPA, arXiv 2507.19457) as a DSPy optimizer.

`GEPA` is the optimizer; ``help(dspy_gepa.GEPA)`` describes its options. `optimize_text` needs no
program. `read_run` reads a run back. Other names are in modules to import, such as
``from dspy_gepa.events import StepCommitted``:

- ``dspy_gepa.events``: what callbacks receive.
- ``dspy_gepa.search``: `Strategy`, with `Adaptive` and `Paper`; the types of functions that decide,
  `Acceptance`, `ComponentChoice`, `ParentChoice` and `RowChoice`; `FrontierType`; the search on its own.
- ``dspy_gepa.reflection``: the types of proposers, `ProposalFn` and `CodeProposalFn`.
- ``dspy_gepa.testing``: checks for functions of your own, scripted models, a practice run.
- ``dspy_gepa.report``: `write_report`, a run as one HTML page.
- ``dspy_gepa.record`` and ``dspy_gepa.views``: the progress of a run, and displays of it.
- Other types of options: `Stopper` in ``dspy_gepa.run``, `Reading` (of weights and groups) in
  ``dspy_gepa.setup``, `Resume` in ``dspy_gepa.record``, `Mode` (of progress) in ``dspy_gepa.views``.
"""

from importlib import import_module as _import
from typing import TYPE_CHECKING as _TYPE_CHECKING

__version__ = "0.1.0"

if _TYPE_CHECKING:
    from dspy_gepa.errors import (
        ConfigurationError,
        GEPAError,
        InfrastructureError,
        InternalError,
        JournalError,
        MetricError,
        ProgramError,
        ReflectionError,
        RunInterrupted,
    )
    from dspy_gepa.facades.text import TextResult, optimize_text
    from dspy_gepa.gepa import GEPA
    from dspy_gepa.program.text import Text
    from dspy_gepa.record.model import RunRecord
    from dspy_gepa.record.read import read_run
    from dspy_gepa.result import GEPAResult
    from dspy_gepa.run import RunState
    from dspy_gepa.runtime.batch import BatchExecutor
    from dspy_gepa.runtime.executors import AsyncExecutor, RayExecutor
    from dspy_gepa.runtime.forecast import Forecast
    from dspy_gepa.runtime.policy import RetryPolicy
    from dspy_gepa.steps import Proposal
    from dspy_gepa.types import Candidate

__all__ = [
    "GEPA",
    "AsyncExecutor",
    "BatchExecutor",
    "Candidate",
    "ConfigurationError",
    "Forecast",
    "GEPAError",
    "GEPAResult",
    "InfrastructureError",
    "InternalError",
    "JournalError",
    "MetricError",
    "ProgramError",
    "Proposal",
    "RayExecutor",
    "ReflectionError",
    "RetryPolicy",
    "RunInterrupted",
    "RunRecord",
    "RunState",
    "Text",
    "TextResult",
    "optimize_text",
    "read_run",
]

# Modules are imported on first use: DSPy takes seconds to import, and the command line does not need it.
_HOME = {
    "GEPA": "gepa",
    "AsyncExecutor": "runtime.executors",
    "BatchExecutor": "runtime.batch",
    "Candidate": "types",
    "Forecast": "runtime.forecast",
    "GEPAResult": "result",
    "Proposal": "steps",
    "RayExecutor": "runtime.executors",
    "RetryPolicy": "runtime.policy",
    "RunRecord": "record.model",
    "RunState": "run",
    "Text": "program.text",
    "TextResult": "facades.text",
    "optimize_text": "facades.text",
    "read_run": "record.read",
}


if not _TYPE_CHECKING:  # with it, type checkers would accept any name

    def __getattr__(name: str) -> object:
        """Import a public name from its module."""
        if name not in __all__:
            raise AttributeError(f"module 'dspy_gepa' has no attribute {name!r}")
        value = getattr(_import(f"dspy_gepa.{_HOME.get(name, 'errors')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
