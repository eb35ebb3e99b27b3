"""Execute effects, rollouts and reflections, wherever the executor runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from dspy_gepa.program.context import portable_settings, report_usage_to, under_settings
from dspy_gepa.program.faults import bug
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.reflection.proposer import ProposerRunner
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.runtime.dispatcher import Submit
from dspy_gepa.runtime.executors import LoopExecutor, ThreadExecutor, in_thread
from dspy_gepa.runtime.remote import RemoteWork
from dspy_gepa.types import Effect, Fault, Result, Rollout


@dataclass(eq=False)
class Worker:
    """Executes effects; safe to use from many threads.

    Attributes:
        rollouts: Runs rollouts.
        reflections: Runs reflections, with the reflection LM or a proposer of the user's own.
        settings: DSPy settings that replace the caller's; empty to run under the caller's.
    """

    rollouts: RolloutRunner
    reflections: ReflectionRunner | ProposerRunner
    settings: Mapping[str, Any] = field(default_factory=dict)

    def execute(self, effect: Effect) -> Result | Fault:
        """Return an effect's result, or the provider's failure.

        Raises:
            InternalError: This package failed.
        """
        with under_settings(self.settings), _reporting_bugs(effect):
            return self.rollouts(effect) if isinstance(effect, Rollout) else self.reflections(effect)

    async def aexecute(self, effect: Effect) -> Result | Fault:
        """Execute an effect on an event loop; what cannot be awaited runs in a helper thread."""
        with _reporting_bugs(effect):
            if isinstance(effect, Rollout):
                return await self.rollouts.arun(effect, in_thread)
            return await in_thread(self.reflections, effect)


@contextmanager
def _reporting_bugs(effect: Effect) -> Iterator[None]:
    """Name this package as the culprit of an exception: those of others are results or faults."""
    try:
        yield
    except Exception as error:
        doing = f"in a rollout on {effect.row}" if isinstance(effect, Rollout) else "in a reflection"
        raise bug(error, doing) from error


def submitter(worker: Worker, executor: Executor | None) -> Submit:
    """Return the function that hands an effect to the executor; None stands for threads of this process."""
    if isinstance(executor, LoopExecutor):
        return cast("Submit", partial(executor.submit, worker.aexecute))
    if executor is None or isinstance(executor, ThreadExecutor):
        return partial((executor or ThreadExecutor()).submit, worker.execute)
    if isinstance(executor, ThreadPoolExecutor):
        # Its threads do not see the settings that hold where the effect was requested.
        return lambda effect: executor.submit(copy_context().run, worker.execute, effect)
    portable = replace(worker, settings=portable_settings())
    return RemoteWork(portable.execute, executor, report_usage_to())
