"""The search: strategies, the pool of candidates, and the loop. It does no I/O.

A search can be driven without the rest of the package::

    search = Search(problem, Paper(), seed=0, budget=Budget(Limits(rollouts=100)))
    while (step := search.ask()) is not None:
        search.tell(step, step.run(execute))

Here `execute` turns an effect, a `Rollout` or a `Reflect`, into its result, an `Outcome` or a `Reflection`.
"""

from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Budget, Limits, Spending
from dspy_gepa.search.adaptive import Adaptive, AdaptiveSearch
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.search.choices.acceptance import Acceptance
from dspy_gepa.search.choices.components import COMPONENT_CHOICES, ComponentChoice, ComponentContext
from dspy_gepa.search.choices.parents import PARENT_CHOICES, ParentChoice
from dspy_gepa.search.choices.rows import RowChoice
from dspy_gepa.search.loop import Committed, Search, run
from dspy_gepa.search.paper import Paper, PaperSearch
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.search.strategy import Choice, PlannedStep, Planner, Price, Problem, Strategy
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome, Reflect, Reflection, Rollout, Row, TraceStep

STRATEGIES: dict[str, Strategy] = {"paper": Paper(), "adaptive": Adaptive()}

__all__ = [
    "COMPONENT_CHOICES",
    "PARENT_CHOICES",
    "STRATEGIES",
    "Acceptance",
    "Adaptive",
    "AdaptiveSearch",
    "Budget",
    "Candidate",
    "Choice",
    "Committed",
    "ComponentChoice",
    "ComponentContext",
    "Evaluation",
    "FrontierType",
    "Limits",
    "Member",
    "Outcome",
    "Paper",
    "PaperSearch",
    "ParentChoice",
    "PlannedStep",
    "Planner",
    "Pool",
    "Price",
    "Problem",
    "Proposal",
    "Reflect",
    "Reflection",
    "ReflectionSettings",
    "Rollout",
    "Row",
    "RowChoice",
    "Search",
    "Spending",
    "Strategy",
    "TraceStep",
    "run",
]
